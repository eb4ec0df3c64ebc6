"""Training a supernet: one network whose slices are all architectures of a space."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from foretell.errors import InputError
from foretell.nn import Seq2SeqTransformer
from foretell.records import fingerprint
from foretell.spaces import SearchSpace, TransformerShape
from foretell.tasks import Task
from foretell.training.checkpoint import load_network
from foretell.training.loop import TrainingResult, train
from foretell.training.recipe import Recipe
from foretell.training.sampling import sampling_rule

__all__ = ["build_supernet", "load_supernet", "supernet_key", "train_supernet"]


def build_supernet(space: SearchSpace, task: Task, recipe: Recipe, seed: int) -> Seq2SeqTransformer:
    """A freshly initialised network of the space's largest dimensions."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Seq2SeqTransformer(
            TransformerShape.of(space.largest()),
            space.backbone,
            len(task.vocabulary),
            dropout=recipe.dropout,
            attention_dropout=recipe.attention_dropout,
        )


def supernet_key(space: SearchSpace, task: Task, recipe: Recipe, kind: str, seed: int) -> str:
    """Names a supernet by everything that its weights depend on."""
    return fingerprint([space.fingerprint, task.fingerprint, recipe.model_dump(mode="json"), kind, seed])


def train_supernet(
    space: SearchSpace,
    task: Task,
    recipe: Recipe,
    folder: Path,
    *,
    kind: str = "sandwich",
    seed: int = 1,
    device: str = "auto",
) -> tuple[Seq2SeqTransformer, TrainingResult]:
    """Train a supernet, or finish one that was interrupted.

    Args:
        space: Its largest architecture gives the dimensions.
        task: Sentences and vocabulary.
        recipe: How to train.
        folder: Checkpoints and `training.json`.
        kind: "spos" (single-path one-shot, as HAT) or "sandwich".
        seed: Of weights, data order, dropout and sampled architectures.
        device: "auto", "cpu", "cuda" or "cuda:N".

    Returns:
        The network with its best weights in evaluation mode, and how training went.

    Raises:
        UnknownNameError: There is no such kind.
        DivergedError: The loss became infinite or not a number.
        StorageError: The folder cannot be written.
    """
    rule = sampling_rule(kind, space, seed)
    network = build_supernet(space, task, recipe, seed)
    about = {"space": space.name, "space_fingerprint": space.fingerprint, "kind": kind}
    title = f"training the supernet ({kind})"
    result = train(network, task, recipe, rule, folder, seed=seed, about=about, title=title, device=device)
    return network.eval(), result


def load_supernet(path: Path, space: SearchSpace, task: Task) -> tuple[Seq2SeqTransformer, dict[str, Any]]:
    """A trained supernet for a space and a task.

    Args:
        path: A `model.safetensors`, or the folder that holds one.
        space: The space that it will score.
        task: The task that it will be scored on.

    Raises:
        InputError: There is none, or it was trained for another space or task.
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
    if about.get("task") != task.fingerprint:
        raise InputError(
            f"the supernet {file} was trained on another corpus or vocabulary; "
            "give the study file it was trained with, or train a new one."
        )
    return network, about
