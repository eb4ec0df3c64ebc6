"""What the compact prompt says of an architecture: a few derived quantities, chosen on the labels alone.

A small model reads a line of two or three numbers far better than ten lists. What anyone would ask first is
said unless the labels object: how deep, and how many parameters. Ten labels can hardly tell more; a free
choice among all fields mostly fits noise. So one of these is dropped, or another one added, only where a
regression then predicts each labelled architecture from the others clearly better. Nothing but the
demonstrations is looked at. Genes of words are always said: words are what a language model knows more of than a
regression. Where a space tells neither depth nor size, all its genes are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from foretell.display import one_line, shortened
from foretell.ridge import fit_ridge, standardise
from foretell.spaces import Gene, Population, SearchSpace, averaged_names, feature_names

__all__ = ["Field", "candidate_fields", "choose_fields", "describe"]

Array = npt.NDArray[np.float64]
_ENOUGH = 5
_LONGEST = 60  # characters of a word
_DROP, _ADD = 0.9, 0.7  # what the leave-one-out error must fall to, relative to the fields before


@dataclass(frozen=True, eq=False)
class Field:
    """One quantity of every architecture of a population.

    Attributes:
        name: As the prompt says it.
        values: One for each architecture, `[n]`.
        unit: Written after the number.
        decimals: Digits after the point.
        basic: Said unless the labels object.
        words: Said in place of the values, one row of words for each architecture; empty: numbers are.
        known: All words that there are.
        about: What the gene of words means, where somebody has said it.
    """

    name: str
    values: Array
    unit: str = ""
    decimals: int = 0
    basic: bool = False
    words: tuple[tuple[str, ...], ...] = ()
    known: tuple[str, ...] = ()
    about: str = ""

    def hidden(self) -> Field:
        """The same with words that mean nothing."""
        meaningless = {word: f"kind {number}" for number, word in enumerate(self.known, 1)}
        return replace(self, words=tuple(tuple(meaningless[word] for word in row) for row in self.words), about="")

    def text(self, row: int) -> str:
        """What the prompt says of one architecture."""
        if self.words:
            return f"{self.name}: {'/'.join(self.words[row])}"
        return f"{self.name}: {self.values[row]:.{self.decimals}f}{self.unit}"


def candidate_fields(
    space: SearchSpace, population: Population, costs: Mapping[str, Array], labelled: int
) -> list[Field]:
    """Everything that may be said: depths, costs, the average of each other gene that varies, and genes of words.

    Args:
        space: The space.
        population: `int16 [n, columns]`, the labelled architectures and then the others.
        costs: Costs by what the prompt shall call them, `[n]` each, such as "parameters"; the first is basic.
        labelled: How many are labelled: they alone decide units and decimals, so that what is said of an
            architecture does not depend on who else is asked about.

    Returns:
        Fields in the order in which they are preferred where labels cannot tell.
    """
    depths = {gene.depth for gene in space.genes if gene.depth}
    varying = [gene for gene in space.genes if len(gene.choices) > 1]
    averages = dict(zip(feature_names(space, "averages"), space.features(population, "averages").T, strict=True))
    # Decoders first: their depth decides more than the encoder's where both vary.
    first = sorted((g.name for g in varying if g.name in depths), key=lambda name: "decoder" not in name)
    numbers = [gene for gene in varying if gene.name not in depths and gene.ordered]
    rest = [name for gene in numbers for name in averaged_names(gene)]
    fields = [Field(_words(name), averages[name], basic=True) for name in first]
    fields += [
        _scaled(name, values, labelled, basic=number == 0) for number, (name, values) in enumerate(costs.items())
    ]
    words = [_said_in_words(space, gene, population) for gene in varying if not gene.ordered]
    alone = not fields and not words
    fields += [
        Field(_words(name), averages[name], decimals=_decimals(averages[name][:labelled]), basic=alone) for name in rest
    ]
    return fields + words


def choose_fields(fields: Sequence[Field], labels: Array, known: Sequence[int]) -> list[Field]:
    """The basic fields, less one that misleads, or with one more that helps; and what is said in words.

    Args:
        fields: The candidates.
        labels: `[m]`.
        known: Rows of the fields' values that the labels belong to, `[m]`.
    """
    words = [field for field in fields if field.words]
    basic = [field for field in fields if field.basic]
    if len(labels) < _ENOUGH or len(basic) < 2:
        return basic + words
    rows = np.asarray(known)
    rest = [f for f in fields if not f.basic and not f.words and np.ptp(f.values[rows]) > 0]
    fewer = [[each for each in basic if each is not field] for field in basic]
    more = [[*basic, field] for field in rest]
    allowed = [(1.0, basic), *((_DROP, each) for each in fewer), *((_ADD, each) for each in more)]
    errors = [_held_out_error(_design(each, rows), labels) / share for share, each in allowed]
    return list(allowed[int(np.argmin(errors))][1]) + words


def describe(fields: Sequence[Field], row: int) -> str:
    """What the prompt says of one architecture."""
    return ", ".join(field.text(row) for field in fields)


def _design(fields: Sequence[Field], rows: npt.NDArray[np.intp]) -> Array:
    """Standardised logarithms: quality grows with the logarithm of size."""
    return standardise(np.log(np.stack([np.maximum(field.values[rows], 1e-9) for field in fields], axis=1)))[0]


def _held_out_error(z: Array, labels: Array) -> float:
    """Root of the mean squared leave-one-out error of a ridge with strength 0.1."""
    return float(np.sqrt(fit_ridge(z, labels - labels.mean(), np.full((1, z.shape[1]), 0.1)).errors[0]))


def _said_in_words(space: SearchSpace, gene: Gene, population: Population) -> Field:
    """A gene of words: one for each architecture, or one for each of its layers."""
    active, columns = space.active(population)[:, space.columns(gene.name)], population[:, space.columns(gene.name)]
    spelt = [shortened(one_line(str(choice)), _LONGEST) for choice in gene.choices]
    words = tuple(tuple(spelt[place] for place in row[there]) for row, there in zip(columns, active, strict=True))
    none = np.zeros(len(population))
    return Field(_words(gene.name), none, words=words, known=tuple(spelt), about=gene.description)


def _words(gene: str) -> str:
    text = gene.removesuffix("-all")
    for ending, words in (
        ("-layer-num", "-layers"),
        ("-ffn-embed-dim", "-feed-forward-width"),
        ("-embed-dim", "-width"),
    ):
        text = text.removesuffix(ending) + words if text.endswith(ending) else text
    return text.replace("-", " ")


def _scaled(name: str, values: Array, labelled: int, *, basic: bool) -> Field:
    """A count in the unit that leaves three digits to read."""
    for scale, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        typical = float(np.median(values[:labelled])) / scale
        if typical >= 1:
            decimals = max(0, (1 if unit != "G" else 2) - int(np.log10(typical)))
            return Field(name, values / scale, unit, decimals, basic)
    return Field(name, values, "", _decimals(values[:labelled]), basic)


def _decimals(values: Array) -> int:
    return 0 if float(np.median(np.abs(values))) >= 10 else 1
