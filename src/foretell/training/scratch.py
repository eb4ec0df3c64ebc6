"""Training one architecture from scratch, and everything measured on the result."""

from __future__ import annotations

import platform
import time
from pathlib import Path
from typing import Any

import torch

from foretell import __version__
from foretell.families.base import Network
from foretell.observations import Observation
from foretell.records import fingerprint, read_object, write_json
from foretell.spaces import Architecture
from foretell.tasks import Split, Task, measuring_options
from foretell.training.building import build_network
from foretell.training.checkpoint import load_network, load_own, weights_digest
from foretell.training.keys import training_keys
from foretell.training.loop import train, updates_done
from foretell.training.recipe import Recipe
from foretell.training.sampling import Fixed
from foretell.training.state import TrainingResult
from foretell.training.supernet import load_supernet
from foretell.training.update import member_of

__all__ = ["kept_outputs", "load_trained", "scratch_keys", "train_from_scratch"]

_OUTPUTS = "outputs.json"


def scratch_keys(
    architecture: Architecture, task: Task, recipe: Recipe, seed: int, inherit: Path | None = None, device: str = "auto"
) -> tuple[str, ...]:
    """Names of a training from scratch (`training_keys`); inherited weights by their hash.

    Raises:
        InputError: There is no checkpoint to inherit from, or no such device.
    """
    return training_keys(_about(architecture, inherit), task, recipe, seed, device)


def _about(architecture: Architecture, inherit: Path | None) -> dict[str, Any]:
    space = architecture.space
    about = {"space": space.name, "space_fingerprint": space.fingerprint, "architecture": architecture.to_dict()}
    return about if inherit is None else {**about, "inherited": weights_digest(inherit)}


def train_from_scratch(
    architecture: Architecture,
    task: Task,
    recipe: Recipe,
    folder: Path,
    *,
    seed: int = 1,
    splits: tuple[Split, ...] = ("valid", "test"),
    device: str = "auto",
    title: str = "training",
    inherit: Path | None = None,
    until: int | None = None,
    keep_outputs: bool = False,
    **options: Any,
) -> Observation:
    """Train an architecture and measure it on the held-out splits.

    A folder that holds the finished run answers at once; one that holds a part of it goes on from there. A smaller
    training is the beginning of the full one, at the same learning rates: where it is asked for after the run in the
    folder has gone on, it is trained in a folder inside that one.

    Args:
        architecture: What to train.
        task: What to learn, and how that is judged.
        recipe: How to train.
        folder: Checkpoints and `observation.json`, `observation-N.json` after N updates.
        seed: Of initial weights, data order and dropout.
        splits: What to measure on.
        device: "auto", "cpu", "cuda" or "cuda:N".
        title: What the progress display calls it.
        inherit: Start from the architecture's weights in this supernet (a checkpoint or its folder); a
            mixture is folded.
        until: Train no further than so many of the recipe's updates; None: all.
        keep_outputs: Also write `outputs.json`, `outputs-N.json` after N updates: what the network made of each example
            of the splits (`Measured.outputs`).
        options: Of `Task.measure`.

    Returns:
        The architecture with its validation loss and the task's metrics of each split.

    Raises:
        InputError: The checkpoint to inherit from is of another space or task, or no supernet.
        DivergedError: The loss became infinite or not a number.
        StorageError: The folder cannot be written.
    """
    about, space = _about(architecture, inherit), architecture.space
    keys = training_keys(about, task, recipe, seed, device)
    paused = until if until is not None and until < recipe.updates else None
    told = measuring_options(task.options, options)
    named: list[Any] = [keys[0], *told.values(), list(splits), task.measuring]
    key = fingerprint(named if paused is None else [*named, paused])
    record, beside = _after(folder / "observation.json", paused), _after(folder / _OUTPUTS, paused)
    saved = read_object(record) if record.exists() else {}
    whole = not keep_outputs or (beside.exists() and read_object(beside).get("key") == key)
    # The weights may be another run's, which came later into the same folder and has not observed anything yet.
    if whole and saved.get("key") == key and (paused or load_own(folder / "model.safetensors", *keys) is not None):
        return Observation.from_dict(space, saved["observation"])
    if paused is not None and updates_done(folder, *keys) > paused:
        folder = folder / f"until-{paused}"
    network = build_network(architecture, task.sizes, recipe, seed)
    if inherit is not None:
        supernet, _ = load_supernet(inherit, space, task)
        network.load_state_dict(supernet.extract(member_of(architecture)).state_dict())
    result = train(
        network, task, recipe, Fixed(), folder, seed=seed, about=about, title=title, device=device, until=paused
    )
    network.eval()
    start = time.process_time()
    measured = task.measure(network, splits, **told)
    spent = round((time.process_time() - start) / max(1, len(splits)), 2)
    metrics = {"valid_loss": result.best_loss, **measured.metrics}
    provenance = {
        **_provenance(task, recipe, result, seed, network),
        **measured.told,
        "measuring_cpu_seconds": spent,  # of one split
        **({} if inherit is None else {"inherited": about["inherited"]}),
    }
    share = 1.0 if paused is None else paused / recipe.updates  # early stopping may have taken fewer updates
    observation = Observation(architecture, metrics, provenance=provenance, fidelity=share)
    if keep_outputs:
        write_json(beside, {"key": key, "outputs": measured.outputs})
    write_json(record, {"key": key, "observation": observation.to_dict()})
    return observation


def kept_outputs(folder: Path, until: int | None = None) -> dict[str, list[str]]:
    """What the network made of the examples of each split, as `train_from_scratch` kept it.

    Args:
        folder: Of the training.
        until: After so many updates; None: after all.
    """
    found: dict[str, list[str]] = read_object(_after(folder / _OUTPUTS, until), "outputs")["outputs"]
    return found


def _after(path: Path, updates: int | None) -> Path:
    """The file of a training that has come so far; None: to its end."""
    return path if updates is None else path.with_stem(f"{path.stem}-{updates}")


def load_trained(folder: Path) -> tuple[Network, dict[str, Any]]:
    """The best weights of a finished training run, and what they depend on."""
    return load_network(folder / "model.safetensors")


def _provenance(
    task: Task,
    recipe: Recipe,
    result: TrainingResult,
    seed: int,
    network: Network,
) -> dict[str, Any]:
    return {
        "seed": seed,
        "updates": result.updates,
        # Shares of a training are of its recipe's, which early stopping leaves unfinished.
        **({"recipe_updates": recipe.updates} if recipe.patience else {}),
        "tokens": result.tokens,
        "training_seconds": round(result.seconds, 2),
        "training_cpu_seconds": round(result.cpu_seconds, 2),
        "best_update": result.best_update,
        "history": result.history,
        "recipe": fingerprint(recipe.model_dump(mode="json")),
        "task": task.fingerprint,
        "corpus": task.corpus_fingerprint,
        "software": {"foretell": __version__, "torch": torch.__version__, "python": platform.python_version()},
        "device": str(next(network.parameters()).device),
        "threads": torch.get_num_threads(),
        "machine": platform.machine(),
    }
