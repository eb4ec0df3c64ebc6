"""What training, studies and predictors ask of a task, whatever it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self, get_args

from foretell.errors import UnknownNameError

if TYPE_CHECKING:
    import torch
    from pydantic import BaseModel

__all__ = ["SPLITS", "Batch", "Batches", "Measured", "Split", "Task", "TaskKind", "measuring_options"]

Split = Literal["train", "valid", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)


class Batch(Protocol):
    """Examples as tensors, in the form that the families of the task's networks read."""

    @property
    def tokens(self) -> int:
        """How many targets the loss is a sum over."""
        ...

    def to(self, device: torch.device | str) -> Self:
        """The same batch on a device."""
        ...

    @classmethod
    def recut(cls, batches: Sequence[Self], max_tokens: int) -> list[Self]:
        """The same examples in smaller batches of examples that are alike, the largest first.

        A loss is a sum over examples: over all batches it stays what it was.
        """
        ...


class Batches(Protocol):
    """Training batches in an order that two integers determine."""

    def __len__(self) -> int:
        """Batches in an epoch, the same in all."""
        ...

    def epoch(self, epoch: int) -> Sequence[Batch]:
        """The batches of one epoch; each is built when it is asked for."""
        ...


@dataclass(frozen=True)
class Measured:
    """How good a network is on held-out examples.

    Attributes:
        metrics: By name, the split before it ("test_bleu").
        told: How they came about, as JSON values; stands in the provenance of a label.
        outputs: What the network made of each example of a split, in order, where the task has references
            (`Task.examples`).
    """

    metrics: dict[str, float]
    told: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, list[str]] = field(default_factory=dict)


class Task(Protocol):
    """Data to learn from and to be judged by."""

    @property
    def kind(self) -> str:
        """The name that `foretell.tasks.task_kind` knows it by."""
        ...

    @property
    def fingerprint(self) -> str:
        """Names all that a training reads of the task."""
        ...

    @property
    def corpus_fingerprint(self) -> str:
        """Names its text, however that is cut into pieces."""
        ...

    @property
    def metrics(self) -> tuple[str, ...]:
        """What is known of a network on the validation split, the one first that is meant where none is named."""
        ...

    @property
    def told_apart_by(self) -> str:
        """Of `metrics`, the one by which a race tells good architectures apart: little noise beside its spread."""
        ...

    @property
    def options(self) -> Mapping[str, Any]:
        """What `measure` may be told, with the values that names leave out, whatever the defaults become."""
        ...

    @property
    def measuring(self) -> int:
        """Rises when the same weights come to other metrics than before."""
        ...

    @property
    def shortfalls(self) -> tuple[str, ...]:
        """What was asked of the data and is not in them, each as a sentence: fewer pieces, fewer test sentences."""
        ...

    @property
    def sizes(self) -> Mapping[str, Any]:
        """What networks and their costs need to know of it, such as the size of its `vocabulary`."""
        ...

    def batches(self, max_tokens: int, seed: int) -> Batches:
        """Training batches of at most so many tokens, in the order of a seed.

        Raises:
            InputError: There are no examples, or one is longer than a batch.
        """
        ...

    def validation_batches(self, max_tokens: int) -> Sequence[Batch]:
        """The whole validation split, built once."""
        ...

    def typical_batch(self, max_tokens: int) -> Batch:
        """One training batch of middle size, always the same."""
        ...

    def validation_tensors(self) -> dict[str, torch.Tensor]:
        """The validation split as tensors by name; `TaskKind.batches_from` makes batches of them."""
        ...

    def measure(self, network: torch.nn.Module, splits: Sequence[Split], **options: Any) -> Measured:
        """How good a trained network is on held-out examples, beside its validation loss.

        Args:
            network: Of a family that the task can judge.
            splits: Which examples.
            options: Of `options`; those that are left out have the values there.

        Raises:
            InputError: The network cannot do what the task asks, or an option that it does not have.
        """
        ...

    def examples(self, split: Split) -> Sequence[tuple[str, str]]:
        """What goes in and what should come out, as text; none where what comes out has no reference."""
        ...

    def floor(self, split: Split) -> dict[str, dict[str, float]]:
        """What a model must beat to be of any use: metrics by the name of who does without learning to."""
        ...

    def show(self, network: torch.nn.Module, count: int, **options: Any) -> list[tuple[str, str, str]]:
        """What a trained network makes of so many examples of the test split, spread evenly over it.

        Args:
            network: Of a family that the task can judge.
            count: How many.
            options: Of `options`.

        Returns:
            What goes in, what should come out, and what came out, of each.
        """
        ...

    def keep(self, folder: Path) -> None:
        """Write what using a network takes beside its weights, such as the vocabulary."""
        ...


class TaskKind(Protocol):
    """A kind of task, as studies name it.

    Attributes:
        name: Of the kind.
        families: The families whose networks can learn it, by name.
        corpus: What a study says of the task's data, with defaults for all of it.
        options: As `Task.options`.
        has_references: Whether what comes out of a network can be compared with what should come out
            (`Task.examples`).
    """

    name: str
    families: tuple[str, ...]
    corpus: type[BaseModel]
    options: Mapping[str, Any]
    has_references: bool

    def prepare(self, corpus: Any, vocabulary: int) -> Task:
        """The task of a corpus and a vocabulary of so many pieces, fetched and made where it is not kept yet.

        Raises:
            InputError: The data cannot be had or used.
            IntegrityError: A download has the wrong hash.
            StorageError: The cache folder cannot be written.
        """
        ...

    def is_kept(self, corpus: Any) -> bool:
        """Whether the data are on this machine already."""
        ...

    def kept_sizes(self, folder: Path) -> dict[str, Any]:
        """`Task.sizes` from what `Task.keep` wrote.

        Raises:
            InputError: It is not there.
            IntegrityError: It is damaged.
        """
        ...

    def title(self, corpus: Any) -> str:
        """What prompts and reports call the task."""
        ...

    def examples(self, corpus: Any) -> Sequence[tuple[str, str]]:
        """Pairs of what goes in and what should come out, of the training split and no other; may be empty.

        Raises:
            InputError: The data cannot be had or used.
        """
        ...

    def batches_from(self, tensors: Mapping[str, torch.Tensor], max_tokens: int) -> Sequence[Batch]:
        """Validation batches of what `Task.validation_tensors` gave.

        Raises:
            KeyError: A tensor is missing.
        """
        ...


def measuring_options(known: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """All options of `Task.measure`, in the order of `known`.

    Raises:
        UnknownNameError: One that the task does not have.
    """
    for name in given:
        if name not in known:
            raise UnknownNameError("option of the task", name, known)
    return {**known, **given}
