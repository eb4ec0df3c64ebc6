"""The long jobs of a study, each in a process of its own, each kept in the user's store."""

from __future__ import annotations

import json
from contextlib import nullcontext
from copy import copy
from functools import lru_cache
from pathlib import Path
from typing import Any

from foretell import spaces
from foretell.objectives import Job, TrainedObjective, claim, store_folder
from foretell.observations import Observation
from foretell.parsing import parse_json
from foretell.records import fingerprint, read_object, write_atomic, write_json
from foretell.spaces import Architecture
from foretell.study.architectures import write_architecture
from foretell.study.config import StudyConfig
from foretell.tasks import Task

__all__ = [
    "keep_trained",
    "scratch_folder",
    "scratch_job",
    "supernet_folder",
    "supernet_job",
    "supernet_names",
    "trained_label",
    "trained_objective",
]


def scratch_folder(
    study: StudyConfig, task: Task, architecture: Architecture, seed: int, inherit: Path | None = None
) -> Path:
    """Where an architecture trained from scratch, or from a supernet's weights, under this study is kept."""
    return trained_objective(study, task, inherit).store(architecture, seed)


def trained_objective(study: StudyConfig, task: Task, inherit: Path | None = None) -> TrainedObjective:
    """What gives the study its labels; `inherit` is a supernet whose weights are started from."""
    return TrainedObjective(
        task, study.train.recipe, device=study.device, inherit=inherit, scorers=study.scorers(), **study.measuring
    )


def trained_label(
    study: StudyConfig, task: Task, architecture: Architecture, inherit: Path | None = None
) -> Observation:
    """The label of an architecture that was trained under this study, from the store."""
    objective, seed = trained_objective(study, task, inherit), study.train.seed
    return objective.train(architecture, seed=seed, fidelity=1.0, folder=objective.store(architecture, seed))


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
    write_atomic(target / "model.safetensors", (folder / "model.safetensors").read_bytes())
    label = trained_label(study, task, architecture, inherit)
    write_json(
        target / "observation.json", {**read_object(folder / "observation.json"), "observation": label.to_dict()}
    )
    write_architecture(target / "architecture.yaml", architecture)
    task.keep(target)


def scratch_job(
    study: StudyConfig,
    architecture: Architecture,
    seed: int,
    title: str,
    store: Path | None = None,
    inherit: Path | None = None,
    share: float | None = None,
) -> Job:
    """Train an architecture from scratch and score it; the result is an observation as a dictionary.

    Args:
        study: Corpus, vocabulary, recipe and beam.
        architecture: What to train.
        seed: Of weights, data order and dropout.
        title: What the progress display calls it.
        store: Where the network is kept; None: the user's store, where it is found if it was trained before.
        inherit: Start from the weights of this supernet.
        share: Train so far only, or on to there, and make a failed label of a training that diverges; None: train in
            full, and let that be an error.
    """
    values = {"study": study.model_dump(mode="json"), "architecture": architecture.to_dict(), "seed": seed}
    where = None if store is None else str(store.resolve() / f"{architecture.key}-{seed}")
    source = None if inherit is None else str(inherit.resolve())
    arguments = {**values, "kept_in": where, "inherit": source, "share": share}
    return Job(title, _scratch, {**arguments, "title": title}, fingerprint(arguments), away=_scratch_away)


def supernet_job(study: StudyConfig) -> Job:
    """Train the study's supernet, on Ray by as many processes as the executor says; the result is how that went."""
    told = study.model_dump(mode="json")
    together = study.executor.supernet_processes
    key = fingerprint(["supernet", told])
    return Job("supernet", _supernet, {"study": told}, key, together=together, away=_supernet_away)


def _scratch(study: dict[str, Any], **told: Any) -> dict[str, Any]:
    return _trained(**_taken_along(_objective(study), study, **told))


def _scratch_away(study: dict[str, Any], **told: Any) -> Job:
    """The training that `_scratch` would do, with its task and its checkpoints to be taken along."""
    arguments = _taken_along(_kept_objective(json.dumps(study)), study, **told)
    reads = () if arguments["inherit"] is None else (arguments["inherit"],)
    return Job(arguments["title"], _trained, arguments, folder=arguments["folder"], reads=reads)


def _taken_along(
    objective: TrainedObjective,
    study: dict[str, Any],
    *,
    architecture: dict[str, Any],
    seed: int,
    title: str,
    kept_in: str | None,
    inherit: str | None,
    share: float | None,
) -> dict[str, Any]:
    """The arguments of `_trained`."""
    arch = Architecture.from_dict(spaces.create(StudyConfig.model_validate(study).space), architecture)
    source = None if inherit is None else Path(inherit)
    source = source / "model.safetensors" if source is not None and source.is_dir() else source
    folder = _inheriting(objective, source).store(arch, seed) if kept_in is None else Path(kept_in)
    told = {"seed": seed, "title": title, "folder": folder, "inherit": source, "share": share}
    return {"objective": objective, "architecture": arch, **told}


def _objective(study: dict[str, Any]) -> TrainedObjective:
    config = StudyConfig.model_validate(study)
    return trained_objective(config, config.make_task())


@lru_cache(maxsize=2)
def _kept_objective(study: str) -> TrainedObjective:
    """One for all jobs of a study that go away with it."""
    return _objective(parse_json(study))


def _inheriting(objective: TrainedObjective, inherit: Path | None) -> TrainedObjective:
    """The objective that starts from the weights in a supernet."""
    found = copy(objective)
    found.inherit = inherit
    return found


def _trained(
    objective: TrainedObjective,
    architecture: Architecture,
    seed: int,
    title: str,
    folder: Path,
    inherit: Path | None,
    share: float | None,
) -> dict[str, Any]:
    objective = _inheriting(objective, inherit)
    if share is not None:
        return objective.label(architecture, seed=seed, fidelity=share, folder=folder).to_dict()
    return objective.train(architecture, seed=seed, fidelity=1.0, folder=folder, title=title).to_dict()


def _supernet(study: dict[str, Any]) -> dict[str, Any]:
    config = StudyConfig.model_validate(study)
    task = config.make_task()
    return _supernet_trained(study, task, supernet_folder(config, task))


def _supernet_away(study: dict[str, Any]) -> Job:
    """The training that `_supernet` would do, with its task and its checkpoints to be taken along."""
    task = _kept_objective(json.dumps(study)).task
    config = StudyConfig.model_validate(study)
    folder, together = supernet_folder(config, task), config.executor.supernet_processes
    arguments = {"study": study, "task": task, "folder": folder}
    return Job("supernet", _supernet_trained, arguments, folder=folder, together=together)


def _supernet_trained(study: dict[str, Any], task: Task, folder: Path) -> dict[str, Any]:
    from dataclasses import asdict

    from foretell.training import is_first, train_supernet

    config = StudyConfig.model_validate(study)
    settings = config.supernet
    # Of processes that train together, the first alone writes.
    with claim(folder) if is_first() else nullcontext():
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
