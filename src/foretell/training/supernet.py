"""Training a supernet: one network whose slices are all architectures of a space."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from foretell.errors import InputError, IntegrityError
from foretell.families.base import Network
from foretell.spaces import SearchSpace
from foretell.tasks import Batch, Task, task_kind
from foretell.tasks.registry import FIRST_KIND
from foretell.training.building import build_network
from foretell.training.checkpoint import load_intact, load_network, load_tensors, save_tensors
from foretell.training.devices import choose_device
from foretell.training.distributed import joined
from foretell.training.keys import training_keys
from foretell.training.loop import train
from foretell.training.options import SupernetOptions
from foretell.training.recipe import Recipe
from foretell.training.sampling import sampling_rule
from foretell.training.state import TrainingResult

__all__ = ["build_supernet", "load_supernet", "load_validation", "supernet_keys", "train_supernet"]

_VALIDATION = "validation.safetensors"


def build_supernet(
    space: SearchSpace,
    task: Task,
    recipe: Recipe,
    seed: int,
    kind: str = "sandwich",
    options: SupernetOptions | None = None,
) -> Network:
    """A freshly initialised network of the space's largest dimensions, with experts and routers in a mixture.

    Raises:
        UnknownNameError: There is no such kind.
    """
    mixture = (options or SupernetOptions()).mixture(kind)
    return build_network(space.largest(), task.sizes, recipe, seed, mixture)


def supernet_keys(
    space: SearchSpace,
    task: Task,
    recipe: Recipe,
    kind: str,
    seed: int,
    options: SupernetOptions | None = None,
    device: str = "auto",
) -> tuple[str, ...]:
    """Names of a supernet (`training_keys`).

    Raises:
        InputError: There is no such device.
    """
    options = options or SupernetOptions()
    spelled = options.told(kind)
    return training_keys(_about(space, kind, options), task, recipe, seed, device, spelled=spelled)


def _about(space: SearchSpace, kind: str, options: SupernetOptions) -> dict[str, Any]:
    return {"space": space.name, "space_fingerprint": space.fingerprint, "kind": kind, **options.changed(kind)}


def train_supernet(
    space: SearchSpace,
    task: Task,
    recipe: Recipe,
    folder: Path,
    *,
    kind: str = "sandwich",
    seed: int = 1,
    options: SupernetOptions | None = None,
    device: str = "auto",
) -> tuple[Network, TrainingResult]:
    """Train a supernet, or finish one that was interrupted; alone, or with the processes that `torchrun` started.

    Args:
        space: Its largest architecture gives the dimensions.
        task: What to learn.
        recipe: How to train.
        folder: Checkpoints, `training.json`, and the validation examples in numbers, so that the folder is
            all that a predictor needs.
        kind: One of `KINDS`.
        seed: Of weights, data order, dropout and sampled architectures.
        options: Sampler, distillation, experts.
        device: "auto", "cpu", "cuda" or "cuda:N".

    Returns:
        The network with its best weights in evaluation mode, and how training went.

    Raises:
        UnknownNameError: There is no such kind.
        InputError: Options that the kind does not have, or an update with too few micro-batches for all processes.
        RankLostError: Another process that trains the network has ended.
        DivergedError: The loss became infinite or not a number.
        StorageError: The folder cannot be written.
    """
    options = options or SupernetOptions()
    rule = sampling_rule(kind, space, seed, options)
    network = build_supernet(space, task, recipe, seed, kind, options)
    about = _about(space, kind, options)
    title = f"training the supernet ({kind})"
    with joined(choose_device(device)) as ranks:
        result = train(
            network,
            task,
            recipe,
            rule,
            folder,
            seed=seed,
            about=about,
            title=title,
            device=device,
            ranks=ranks,
            spelled=options.told(kind),
        )
        if ranks.first:
            _keep_validation(folder, task)
    return network.eval(), result


def _keep_validation(folder: Path, task: Task) -> None:
    kept = load_intact(folder / _VALIDATION)
    if kept is not None and kept.about.get("task") == task.fingerprint:
        return
    save_tensors(folder / _VALIDATION, task.validation_tensors(), {"task": task.fingerprint, "kind": task.kind})


def load_validation(folder: Path, task: str, max_tokens: int) -> Sequence[Batch]:
    """The validation split that a supernet's folder keeps.

    Args:
        folder: The supernet's.
        task: The fingerprint of the supernet's task.
        max_tokens: Size of a batch.

    Raises:
        InputError: They are not there.
        IntegrityError: The file is damaged, or of another task.
    """
    path = folder / _VALIDATION
    if not path.exists():
        raise InputError(f"{path} does not exist; run `foretell supernet train` again, which adds it at once.")
    kept = load_tensors(path)
    if kept.about.get("task") != task:
        raise IntegrityError(f"{path} holds sentences of another task; delete it and run `foretell supernet train`.")
    return task_kind(str(kept.about.get("kind", FIRST_KIND))).batches_from(kept.tensors, max_tokens)


def load_supernet(
    path: Path, space: SearchSpace, task: Task | None = None, *, kind: str | None = None
) -> tuple[Network, dict[str, Any]]:
    """A trained supernet for a space and a task.

    Args:
        path: A `model.safetensors`, or the folder that holds one.
        space: The space that it will score.
        task: The task that it will be scored on; None: whichever it was trained on.
        kind: The kind that it must be of; None: any.

    Raises:
        InputError: There is none, or it is of another kind, space or task.
        IntegrityError: The file is damaged.
    """
    file = path / "model.safetensors" if path.is_dir() else path
    network, about = load_network(file)
    if about.get("space_fingerprint") != space.fingerprint or "kind" not in about:
        what = f"the space {about.get('space')}" if "kind" in about else "a single architecture"
        raise InputError(
            f"the checkpoint {file} is of {what}; expected a supernet of the space {space.name}: "
            "choose that space or train its supernet."
        )
    if kind is not None and about["kind"] != kind:
        raise InputError(
            f"the supernet {file} is of the kind {about['kind']}; expected {kind}: name that kind instead."
        )
    if task is not None and about.get("task") != task.fingerprint:
        raise InputError(
            f"the supernet {file} was trained on another corpus or vocabulary; "
            "give the study file it was trained with, or train a new one."
        )
    return network, about
