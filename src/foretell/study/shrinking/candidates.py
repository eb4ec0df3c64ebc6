"""The parts of a network that are compared: cut out, judged and healed, each once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from foretell.costs import CostModel
from foretell.families.base import networks_of
from foretell.families.decoder.cutting import Parts, leading_parts
from foretell.families.decoder.genes import DecoderShape
from foretell.records import fingerprint
from foretell.spaces import Architecture, Population
from foretell.study.shrinking.config import Shrinking
from foretell.study.shrinking.judging import Healer, heal, measured, precision_of
from foretell.study.shrinking.subject import Subject
from foretell.training.state import TrainingResult

__all__ = ["BASELINES", "Candidates", "layers_left"]

BASELINES = {
    "uniform-width": "all layers, of each the same share of heads and neurons, the most important ones",
    "hidden-width": "all layers whole, fewer channels of the embeddings and layers",
    "magnitude": "the same sizes, the parts with the largest weights",
    "depth-last": "the last layers left out",
    "depth-influence": "the layers left out whose output is most like their input (ShortGPT)",
    "random": "parts left out at random",
}
"""What a winner must beat, at the same limits."""
_WINNER, _PARENT = "winner", "parent"


class Candidates:
    """The winner and what it must beat: rows, and orders of parts where those are not the importance's.

    Args:
        config: What is asked.
        subject: Cuts networks.
        costs: The space, and what its architectures cost.
        folder: Of the run.
        order: Names the order of the parts.
        healer: How candidates heal; its teacher is the parent.

    Attributes:
        network: What they are cut from: the parent, or its copy whose parts were trained.
        trained: Names that training; empty: none.
    """

    def __init__(
        self, config: Shrinking, subject: Subject, costs: CostModel, folder: Path, order: str, healer: Healer
    ) -> None:
        self.config, self.subject, self.costs, self.space = config, subject, costs, costs.space
        self.folder, self.order, self.healer = folder, order, healer
        self.network: Any = healer.teacher
        self.trained = ""

    def member(self, row: Population) -> DecoderShape:
        """The dimensions of a row."""
        shape: DecoderShape = networks_of(self.space).member(self.space.architectures(row)[0])
        return shape

    def part(self, row: Population, orders: list[Parts] | None = None) -> Any:
        """A stand-alone network."""
        member = self.member(row)
        return self.subject.cut(self.network, leading_parts(member, orders), member.width)

    def entry(self, name: str, row: Population, orders: list[Parts] | None) -> dict[str, Any]:
        """What `result.json` says of a candidate before healing, or of the parent."""
        network = self.healer.teacher if name == _PARENT else self.part(row, orders)
        wanted = (*self.subject.costs, *self.config.latencies)
        costs = {cost: float(values[0]) for cost, values in self.costs.costs(row, wanted).items()}
        return {
            "about": BASELINES.get(name, "the whole model" if name == _PARENT else "what the search found"),
            "architecture": self.space.architectures(row)[0].to_dict(),
            "layers": layers_left(self.member(row)),
            "uniform": network.shape.uniform,
            "costs": costs,
            "metrics": {"before": self.measure(name, network, row, orders, after=False), "after": None},
        }

    def measure(
        self, name: str, network: Any, row: Population, orders: list[Parts] | None, *, after: bool
    ) -> dict[str, float]:
        """Metrics on the test text, kept by all that they depend on."""
        healed = self._healing() if after else None
        key = fingerprint({**self.healer.about, "cut": self._cut(row, orders), "healed": healed})
        path, title = self.folder / "measured", f"{name}{'-healed' if after else ''}"
        found = measured(network, self.healer.task, path / f"{title}.json", key)
        return found | self.subject.further(network, path / f"{title}-tasks.json", key)

    def healed(self, name: str, row: Population, orders: list[Parts] | None) -> Any:
        """A candidate after healing.

        Raises:
            DivergedError: The loss became infinite.
            StorageError: A checkpoint cannot be written.
        """
        network = self.part(row, orders)
        heal(network, f"healing {name}", self._healings / name, self.healer, self._cut(row, orders))
        return network

    def heal_entrant(self, architecture: Architecture, updates: int) -> TrainingResult:
        """Heal one that races so many updates; see `healed`."""
        row = self.space.population([architecture])
        title, folder = f"healing {architecture.key}", self._entrants / architecture.key
        return heal(self.part(row), title, folder, self.healer, self._cut(row, None), updates)

    def keep_winner(self, winner: Architecture) -> None:
        """What a race has healed in full is the winner's healing; of the others nothing is gone on with."""
        kept = self._healings / _WINNER
        if not kept.exists():
            (self._entrants / winner.key).replace(kept)
        for state in self._entrants.glob("*/state*.safetensors"):
            state.unlink()

    @property
    def _healings(self) -> Path:
        return self.folder / "healing"

    @property
    def _entrants(self) -> Path:
        return self._healings / "entrants"

    def _healing(self) -> dict[str, Any]:
        config = self.config
        told = {"updates": config.heal, "learning_rate": config.learning_rate, "seed": config.seed}
        return {**told, "precision": precision_of(config)}

    def _cut(self, row: Population, orders: list[Parts] | None) -> dict[str, Any]:
        """What a candidate is, as JSON values."""
        return {
            "architecture": self.space.architectures(row)[0].to_text(),
            "space": self.space.fingerprint,
            "parts": self.order if orders is None else "magnitude",
            **({"trained": self.trained} if self.trained else {}),
        }


def layers_left(shape: DecoderShape) -> list[dict[str, int]]:
    """What `result.json` says of the layers that do something."""
    return [
        {"layer": place, "heads": layer.heads, "kv_heads": layer.kv_heads, "ffn": layer.ffn}
        for place, layer in enumerate(shape.layers)
        if layer.heads or layer.ffn
    ]
