"""What can be learnt of other tasks: their labels, with features that mean the same as those of the task at hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from foretell.metrics import Metric
from foretell.multitask import TaskLabels
from foretell.predictors.columns import Columns
from foretell.predictors.context import Context
from foretell.predictors.features import feature_matrix, has_features, regression_blocks
from foretell.predictors.records import Record
from foretell.spaces import Population, SearchSpace

__all__ = ["Source", "View", "scores_of", "sources_of"]

Vector = npt.NDArray[np.float64]

_ROWS, _FEWEST = 300, 30
"""Labels of other tasks that are learnt from in all; of each task at least so many, if it has them."""
_CLEAR = 2.0
"""So many times their noise labels must spread: below, a quarter of what differs and more is chance."""
_RANDOM = 1000


@dataclass(frozen=True)
class View:
    """What is looked at of architectures.

    Attributes:
        context: The surroundings.
        space: Of the task that is predicted.
        quality: What is predicted.
        columns: Scores and costs on record of the task that is predicted.
        scores: Scores on record to look at, joined by "+", or "all"; None: none.
    """

    context: Context
    space: SearchSpace
    quality: Metric
    columns: Columns
    scores: str | None

    def matrices(self, space: SearchSpace, rows: Population) -> list[tuple[str, Vector]]:
        """Blocks of features of canonical rows of a space, `[n, p]` each, with their names."""
        wanted = [name for each in regression_blocks(space) for name in _with_logarithm(each, space)]
        return [(name, feature_matrix(name, space, rows, self.context, self.columns)) for name in wanted]


def _with_logarithm(name: str, space: SearchSpace) -> tuple[str, ...]:
    both = name == "averages" and has_features("log-averages", space)
    return (name, "log-averages") if both else (name,)


@dataclass(frozen=True)
class Source:
    """A task that is learnt from.

    Attributes:
        record: Whence.
        population: Of its architectures, in its own space, `[n, columns]`.
        values: Goodness, `[n]`.
        blocks: Features, comparable with those of the task that is predicted, `[n, p_b]` each.
        scores: Scores on record, standardised, `[n, s]`.
        noise: Standard deviation from training to training; None where nothing repeats.
    """

    record: Record
    population: Population
    values: Vector
    blocks: list[Vector]
    scores: Vector
    noise: float | None

    @property
    def blurred(self) -> bool:
        """Whether labels are known to spread less than so many times what another seed changes."""
        if self.noise is None or len(self.values) < 2:
            return False
        return float(self.values.std(ddof=1)) < _CLEAR * self.noise

    def take(self, kept: npt.NDArray[np.bool_]) -> Source:
        """Some of its architectures, those marked in `[n]`."""
        blocks = [block[kept] for block in self.blocks]
        return replace(
            self,
            population=self.population[kept],
            values=self.values[kept],
            blocks=blocks,
            scores=self.scores[kept],
        )

    def labels(self, values: Vector, seen: Sequence[Vector] = ()) -> TaskLabels:
        """Labels with further blocks, those alone of which everything is known."""
        further = [self.scores] if self.scores.shape[1] else []
        blocks = [*self.blocks, *further, *seen]
        known = np.isfinite(values) & np.all([np.isfinite(block).all(axis=1) for block in blocks], axis=0)
        return TaskLabels([block[known] for block in blocks], values[known])


def sources_of(view: View, records: Sequence[Record]) -> list[Source]:
    """What can be learnt from records: those of the very space, else of the same shape, else of the family.

    Where repeated trainings tell that a task's labels are chance for a good part, it is left out, unless all are such.
    """
    space, quality = view.space, view.quality
    names, widths = zip(*((n, m.shape[1]) for n, m in view.matrices(space, _random(space)[:2])), strict=True)
    found: dict[int, list[Source]] = {0: [], 1: [], 2: []}
    for record in records:
        if space.family is None or record.space.family is not space.family:
            continue
        of = record.labels(quality)
        if of is None:
            continue
        blocks, same = _comparable(view, record.space, of.population, names, widths)
        scores = scores_of(view, of.population, record)
        source = Source(record, of.population, np.asarray(quality.goodness(of.values)), blocks, scores, of.noise)
        found[0 if record.space.fingerprint == space.fingerprint else 1 if same else 2].append(source)
    nearest = next((each for each in found.values() if each), [])
    nearest = [source for source in nearest if not source.blurred] or nearest
    most = max(_FEWEST, _ROWS // max(len(nearest), 1))
    return [
        source if len(source.values) <= most else source.take(_some(len(source.values), most)) for source in nearest
    ]


def _some(n: int, most: int) -> npt.NDArray[np.bool_]:
    kept = np.zeros(n, dtype=bool)
    kept[np.random.default_rng(0).permutation(n)[:most]] = True
    return kept


def _comparable(
    view: View, space: SearchSpace, rows: Population, names: Sequence[str], widths: Sequence[int]
) -> tuple[list[Vector], bool]:
    """Features of another space's rows as they would be in this one, and whether its networks have the same genes.

    Blocks that the other space has in another width say nothing, and are at the means.
    """
    own, theirs = view.space, dict(view.matrices(space, rows))
    blocks, same = [], True
    if space.fingerprint == own.fingerprint:
        return [theirs[name] for name in names], True
    here = dict(view.matrices(own, _random(own)))
    there = dict(view.matrices(space, _random(space)))
    for name, width in zip(names, widths, strict=True):
        if name not in theirs or theirs[name].shape[1] != width:
            same = False
            blocks.append(np.repeat(here[name].mean(axis=0)[None], len(rows), axis=0))
            continue
        spread = there[name].std(axis=0)
        relative = (theirs[name] - there[name].mean(axis=0)) / np.where(spread > 0, spread, 1.0)
        blocks.append(here[name].mean(axis=0) + relative * here[name].std(axis=0))
    return blocks, same


def _random(space: SearchSpace) -> Population:
    return space.canonical(space.sample(_RANDOM, np.random.default_rng(0)))


def scores_of(view: View, rows: Population, record: Record | None) -> Vector:
    """Scores on record of a task, standardised over what is known of it, `[n, s]`."""
    if view.scores is None:
        return np.empty((len(rows), 0))
    columns = view.columns
    if record is not None:
        columns = Columns.of(record.observations, view.quality.key)
    wanted = list(view.columns.scores) if view.scores == "all" else view.scores.split("+")
    found = []
    for name in wanted:
        everything = np.array(list(columns.scores.get(name, {}).values()) or [np.nan], dtype=np.float64)
        spread = float(everything.std()) or 1.0
        values = columns.lookup(name, rows) if name in columns.scores else np.full(len(rows), np.nan)
        found.append(view.quality.goodness((values - everything.mean()) / spread))
    return np.stack(found, axis=1) if found else np.empty((len(rows), 0))
