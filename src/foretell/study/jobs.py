"""The long jobs of a study, each in a process of its own, each kept in the user's store."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

from foretell import spaces
from foretell.observations import Observation
from foretell.records import fingerprint, lock_folder, write_atomic
from foretell.spaces import Architecture
from foretell.study.architectures import write_architecture
from foretell.study.config import StudyConfig
from foretell.study.run import store_folder
from foretell.study.workers import Job
from foretell.tasks.translation import Task

__all__ = ["keep_trained", "scratch_folder", "scratch_job", "supernet_folder", "supernet_job", "supernet_names"]

_UNNAMED = {"beam": 4, "length_penalty": 1.0}
"""How translations are made where a folder's name does not tell, whatever the defaults become."""


def scratch_folder(
    study: StudyConfig, task: Task, architecture: Architecture, seed: int, inherit: Path | None = None
) -> Path:
    """Where an architecture trained from scratch, or from a supernet's weights, under this study is kept."""
    from foretell.training import scratch_keys

    settings = study.train
    key = scratch_keys(architecture, task, settings.recipe, seed, inherit, study.device)[0]
    decoding = {name: getattr(settings, name) for name in _UNNAMED if getattr(settings, name) != _UNNAMED[name]}
    first = _first_scratch_name(study, task, architecture, seed, inherit)
    return store_folder("trained", fingerprint([key, decoding]) if decoding else key, first)


def _first_scratch_name(
    study: StudyConfig, task: Task, architecture: Architecture, seed: int, inherit: Path | None
) -> str | None:
    """What the first version called the folder; None where it could not have been asked for."""
    from foretell.training import first_recipe, weights_digest

    settings = study.train
    if (recipe := first_recipe(settings.recipe)) is None:
        return None
    about: list[Any] = [architecture.space.fingerprint, architecture.spelled(), task.fingerprint, recipe, seed]
    about += [] if inherit is None else [weights_digest(inherit)]
    changed = [] if settings.length_penalty == _UNNAMED["length_penalty"] else [settings.length_penalty]
    return fingerprint([fingerprint(about), settings.beam, *changed])


def supernet_names(study: StudyConfig, task: Task) -> tuple[str, str | None]:
    """The name of the study's supernet in the store, and what the first version called it, if it could."""
    from foretell.training import first_recipe, supernet_keys

    settings, space = study.supernet, spaces.create(study.space)
    kind, seed = settings.kind, settings.seed
    key = supernet_keys(space, task, settings.recipe, kind, seed, settings, study.device)[0]
    if (recipe := first_recipe(settings.recipe)) is None:
        return key, None
    told = settings.told(kind)
    first = fingerprint([space.fingerprint, task.fingerprint, recipe, kind, seed, *([told] if told else [])])
    return key, first


def supernet_folder(study: StudyConfig, task: Task) -> Path:
    """Where the study's supernet is kept."""
    return store_folder("supernets", *supernet_names(study, task))


def keep_trained(
    study: StudyConfig, task: Task, architecture: Architecture, target: Path, inherit: Path | None = None
) -> None:
    """Copy a trained architecture from the store to a folder that then stands alone."""
    folder = scratch_folder(study, task, architecture, study.train.seed, inherit)
    for name in ("model.safetensors", "observation.json"):
        write_atomic(target / name, (folder / name).read_bytes())
    write_architecture(target / "architecture.yaml", architecture)
    task.vocabulary.save(target / "vocabulary.model")


def scratch_job(
    study: StudyConfig,
    architecture: Architecture,
    seed: int,
    title: str,
    store: Path | None = None,
    inherit: Path | None = None,
) -> Job:
    """Train an architecture from scratch and score it; the result is an observation as a dictionary.

    Args:
        study: Corpus, vocabulary, recipe and beam.
        architecture: What to train.
        seed: Of weights, data order and dropout.
        title: What the progress display calls it.
        store: Where the network is kept; None: the user's store, where it is found if it was trained before.
        inherit: Start from the weights of this supernet.
    """
    values = {"study": study.model_dump(mode="json"), "architecture": architecture.to_dict(), "seed": seed}
    where = None if store is None else str(store.resolve() / f"{architecture.key}-{seed}")
    source = None if inherit is None else str(inherit.resolve())
    return Job(title, _scratch, {**values, "title": title, "kept_in": where, "inherit": source})


def supernet_job(study: StudyConfig) -> Job:
    """Train the study's supernet; the result is how training went."""
    return Job("supernet", _supernet, {"study": study.model_dump(mode="json")})


def _scratch(
    study: dict[str, Any], architecture: dict[str, Any], seed: int, title: str, kept_in: str | None, inherit: str | None
) -> dict[str, Any]:
    from foretell.training import train_from_scratch

    config = StudyConfig.model_validate(study)
    task = Task.prepare(config.corpus, config.vocabulary)
    space = spaces.create(config.space)
    arch = Architecture.from_dict(space, architecture)
    source = None if inherit is None else Path(inherit)
    folder = scratch_folder(config, task, arch, seed, source) if kept_in is None else Path(kept_in)
    with lock_folder(folder):
        settings = config.train
        found: Observation = train_from_scratch(
            arch,
            task,
            settings.recipe,
            folder,
            seed=seed,
            beam=settings.beam,
            length_penalty=settings.length_penalty,
            device=config.device,
            title=title,
            inherit=source,
        )
    return found.to_dict()


def _supernet(study: dict[str, Any]) -> dict[str, Any]:
    from dataclasses import asdict

    from foretell.training import is_first, train_supernet

    config = StudyConfig.model_validate(study)
    task = Task.prepare(config.corpus, config.vocabulary)
    settings = config.supernet
    folder = supernet_folder(config, task)
    # Of the processes that torchrun starts, the first alone writes.
    with lock_folder(folder) if is_first() else nullcontext():
        _, result = train_supernet(
            spaces.create(config.space),
            task,
            settings.recipe,
            folder,
            kind=settings.kind,
            seed=settings.seed,
            options=settings,
            device=config.device,
        )
    return asdict(result)
