"""What a search space of a pretrained decoder's parts knows of its genes; nothing here needs torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from foretell.errors import InputError
from foretell.families.decoder.closed_forms import Layers
from foretell.families.decoder.family import Decoder
from foretell.families.decoder.genes import Backbone, DecoderShape, StackBackbone
from foretell.families.decoder.picture import draw
from foretell.families.decoder.stack import StackFamily
from foretell.families.picture import Picture
from foretell.families.pruned.genes import PrunedBackbone, narrows, pruned_genes, pruned_shape
from foretell.spaces import Architecture, Gene, Population, Scalar, SearchSpace

__all__ = ["FAMILY", "Parts", "Pruned"]

Array = npt.NDArray[np.float64]


class Parts(StackFamily[Any]):
    """What is left of a network that comes trained: members are parts of it at their own places."""

    def genes(self, choices: Mapping[str, Sequence[Scalar]], constants: StackBackbone) -> list[Gene]:
        """Four genes, or five."""
        return pruned_genes(choices, constants)

    def canonical(self, space: SearchSpace, population: Population) -> Population:
        """A layer without parts is left out, and one that is left out has the least of everything.

        Without any layer nothing is left that a runtime could load: the first stays, with as little as there can be.
        """
        rows = population.copy()
        kept, groups, ffn = (space.columns(name) for name in ("kept", "groups", "ffn"))
        there = self._kept(space, rows)
        alike = space.gene("groups").depth is None
        if not alike:
            there &= (space.numbers(rows, "groups") > 0) | (space.numbers(rows, "ffn") > 0)
        empty = ~there.any(axis=1)
        rows[:, kept] = np.where(there, rows[:, kept], _least(space, "kept"))
        rows[empty, kept.start] = space.gene("kept").numbers.argmax()
        if not alike:
            for name, columns in (("groups", groups), ("ffn", ffn)):
                rows[:, columns] = np.where(there, rows[:, columns], _least(space, name))
            rows[empty, ffn.start] = _least(space, "ffn", above=0)
        return rows

    def size(self, space: SearchSpace) -> int:
        """See `foretell.spaces.RuledFamily.size`."""
        count = int(space.gene("layers").numbers.max())
        widths = len(space.gene("width").choices) if narrows(space) else 1
        groups, ffn = space.gene("groups"), space.gene("ffn")
        kinds = len(groups.choices) * len(ffn.choices)
        droppable = bool((space.gene("kept").numbers == 0).any())
        if groups.depth is None:
            return widths * kinds * (2**count - 1 if droppable else 1)
        nothing = bool((groups.numbers == 0).any() and (ffn.numbers == 0).any())
        kinds += droppable and not nothing  # a layer without parts and one that is left out are the same
        return int(widths * (kinds**count - (droppable or nothing)))

    def member(self, architecture: Architecture) -> DecoderShape:
        """The dimensions, with empty layers where some are left out."""
        backbone = self.backbone.of(architecture.space)
        return pruned_shape(architecture, backbone.width, backbone.ratio)

    def layers(self, space: SearchSpace, population: Population) -> Layers:
        """The sizes of all layers of a population; those that are left out have none."""
        backbone, kept = self.backbone.of(space), self._kept(space, population)
        groups, ffn = (space.numbers(population, name).astype(np.int64) * kept for name in ("groups", "ffn"))
        if narrows(space):
            width = space.numbers(population, "width").astype(np.int64)
        else:
            width = np.full((len(population), 1), backbone.width, dtype=np.int64)
        return Layers(width, groups * backbone.ratio, groups, ffn)

    @staticmethod
    def _kept(space: SearchSpace, population: Population) -> npt.NDArray[np.bool_]:
        """Which layers are there, `[n, layers]`."""
        return space.numbers(population, "kept") > 0

    def parts(self, space: SearchSpace, encoded: Array, population: Population | None) -> Array:
        """See `StackFamily.parts`."""
        if population is None:
            raise InputError(f"latencies of {space.name} are predicted layer by layer; measure them with foretell.")
        return self.sums(self.layers(space, population))


class Pruned(Parts, Decoder):
    """The family of decoders' parts; its networks are decoders."""

    name = "pruned"
    about = "what is left of a pretrained decoder"
    backbone = PrunedBackbone
    whole: ClassVar[tuple[str, ...]] = (*Decoder.whole, "width", "ratio")

    def shared(self, space: SearchSpace) -> Backbone:
        """The checkpoint's constants."""
        return PrunedBackbone.of(space).decoder

    def picture(self, architecture: Architecture) -> Picture:
        """See `foretell.families.decoder.picture`."""
        return draw(architecture, shape=self.member(architecture))


def _least(space: SearchSpace, name: str, *, above: float = -1) -> np.int16:
    numbers = space.gene(name).numbers
    return np.int16(np.where(numbers > above, numbers, np.inf).argmin())


FAMILY = Pruned()
