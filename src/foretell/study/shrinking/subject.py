"""What the job of shrinking asks of what is shrunk, whatever that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from foretell.families.decoder.cutting import Parts
from foretell.spaces import SearchSpace
from foretell.study.shrinking.judging import Healer
from foretell.tasks.task import Batch, Task

__all__ = ["Subject"]


class Subject(Protocol):
    """A pretrained network with the data that it is shrunk for.

    Networks are those of its family; the job hands them on and asks no more of them than
    `foretell.families.base.Network` and `foretell.families.sites.Sited` promise.

    Attributes:
        name: Of the model.
        fingerprint: Names the parent's weights, with all that is done to them before anything is cut.
        space: What can be left of it.
        sizes: What the task decides of its costs, such as `vocabulary`.
        costs: The costs that results tell.
        max_tokens: Of a batch to learn from.
        learns: Whether the whole has to learn the task before it can be judged.
    """

    name: str
    fingerprint: str
    space: SearchSpace
    sizes: Mapping[str, int]
    costs: tuple[str, ...]
    max_tokens: int
    learns: bool

    def load(self) -> tuple[Any, Task]:
        """The whole network, in evaluation mode on the CPU, and the task."""
        ...

    def learn(self, network: Any, folder: Path) -> dict[str, Any]:
        """Teach the whole network the task, or finish or find that; what came of it, as JSON values.

        Raises:
            DivergedError: The loss became infinite.
            StorageError: A checkpoint cannot be written.
        """
        ...

    def importance_batches(self) -> Sequence[Batch]:
        """Training batches on which parts are scored."""
        ...

    def search_batches(self) -> Sequence[Batch]:
        """Validation batches on which the search judges."""
        ...

    def reorder(self, network: Any, orders: Sequence[Parts]) -> None:
        """Put the parts of every layer in another order, in place."""
        ...

    def cut(self, network: Any, parts: Sequence[Parts], width: int | None = None) -> Any:
        """A stand-alone network of some parts, and of some of its first channels where the space knows of such."""
        ...

    def further(self, network: Any, path: Path, key: str) -> dict[str, float]:
        """More metrics of a network, kept on disk by a key that names it; none where none are asked for."""
        ...

    def beside(self, healer: Healer, folder: Path) -> dict[str, dict[str, Any]]:
        """Other models that are judged and healed alike: what `result.json` says of each, by name."""
        ...

    def references(self) -> dict[str, dict[str, float]]:
        """What does without the model: metrics by name."""
        ...

    def export(self, network: Any, entries: Mapping[str, Mapping[str, Any]], folder: Path) -> dict[str, list[Path]]:
        """Write the winner for whoever uses it: files by target.

        Args:
            network: The winner.
            entries: Of `result.json`: the parent, the winner and the baselines by name.
            folder: Of the run.
        """
        ...
