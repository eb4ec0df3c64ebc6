"""What a search found, whichever way it went."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from foretell.errors import InputError, UnknownNameError
from foretell.llm.proposing import Proposals
from foretell.search.halving import HalvingReport, HalvingScorer
from foretell.search.keys import from_keys, row_keys
from foretell.search.schedule import Schedule
from foretell.search.scorer import Scorer
from foretell.spaces import Architecture, Population, SearchSpace

__all__ = ["Front", "Generation", "SearchResult", "check_scorers", "finish", "summarise"]

Scores = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Generation:
    """One iteration of a search.

    Attributes:
        iteration: 1, 2, ...
        predictor: Who scored it.
        best: Highest score in the generation.
        mean: Mean score of its architectures.
        size: How many architectures it had.
        asked: Scores asked for so far, of this predictor.
        distinct: Different architectures among them.
    """

    iteration: int
    predictor: str
    best: float
    mean: float
    size: int
    asked: int
    distinct: int


@dataclass(frozen=True)
class Front:
    """Architectures of which none is better than another in every objective.

    Attributes:
        population: Canonical rows, `int16 [n, columns]`, highest score first.
        objectives: What each column of `values` is: "score", then costs by full name.
        values: `float64 [n, objectives]`; a higher score is better, and a lower cost.
    """

    population: Population
    objectives: tuple[str, ...]
    values: Scores


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Attributes:
        best: The architecture with the highest score under the last predictor of the schedule, of all
            that it ever scored.
        score: That score.
        finalists: The best architectures under the last predictor, best first, `int16 [n, columns]`.
        scores: Their scores, `float64 [n]`.
        history: One row an iteration.
        asked: Scores asked for, by predictor.
        distinct: Different architectures among them, by predictor.
        run: Scores computed in this sitting, by predictor.
        seconds: Time spent in each predictor in this sitting, and in "loop" for everything else.
        front: The Pareto front, where a search has several objectives.
        halvings: What successive halving did, by predictor, where candidates were halved.
        proposals: What a language model was asked for and came up with, where one proposes.
    """

    best: Architecture
    score: float
    finalists: Population
    scores: Scores
    history: list[Generation]
    asked: dict[str, int]
    distinct: dict[str, int]
    run: dict[str, int]
    seconds: dict[str, float] = field(default_factory=dict)
    front: Front | None = None
    halvings: dict[str, HalvingReport] = field(default_factory=dict)
    proposals: Proposals | None = None


def check_scorers(schedule: Schedule, scorers: Mapping[str, Scorer]) -> None:
    """Refuse a schedule that names a predictor that is not there.

    Raises:
        UnknownNameError: Names it and the nearest.
    """
    for name in schedule.predictors:
        if name not in scorers:
            raise UnknownNameError("predictor", name, scorers, "the schedule")


def summarise(iteration: int, name: str, scorer: Scorer, scores: Scores) -> Generation:
    """One row of the history.

    Args:
        iteration: 1, 2, ...
        name: Of the predictor in the schedule.
        scorer: The predictor.
        scores: Of the generation, [n]; those that are not finite do not count.

    Raises:
        InputError: The predictor scored nothing.
    """
    finite = scores[np.isfinite(scores)]
    if not len(finite):
        raise InputError(f"the predictor {scorer.predictor.name} scored none of {len(scores)} architectures.")
    best, mean = float(finite.max()), float(finite.mean())
    return Generation(iteration, name, best, mean, len(scores), scorer.asked, scorer.distinct)


def finish(
    space: SearchSpace,
    schedule: Schedule,
    scorers: Mapping[str, Scorer],
    parents: Population,
    count: int,
    history: list[Generation],
    elapsed: float,
    trade_offs: Callable[[], Front] | None = None,
) -> SearchResult:
    """Judge the last parents and the best that each predictor ever saw by the last predictor.

    Args:
        space: The space searched.
        schedule: Who scored what.
        scorers: Its predictors.
        parents: The last canonical parents, `int16 [n, columns]`.
        count: How many finalists to name.
        history: One row an iteration.
        elapsed: Seconds of the search before this.
        trade_offs: Makes the Pareto front, where a search has several objectives. It is asked after the last
            predictor has judged all candidates, for each of them may stand on it; of equal scores those on the
            front come first, so that the best architecture always does.
    """
    last = scorers[schedule.at(schedule.iterations)]
    candidates = dict.fromkeys(row_keys(parents))
    for name in schedule.predictors:
        candidates |= dict.fromkeys(scorers[name].best(count))
    before = last.seconds
    rows = from_keys(candidates, space.width)
    scores = last.recall(rows)
    front = trade_offs() if trade_offs is not None else None
    if front is not None:
        standing = set(row_keys(front.population))
        others = np.array([key not in standing for key in candidates], dtype=bool)
        rows = np.concatenate([front.population, rows[others]])
        scores = np.concatenate([front.values[:, 0], scores[others]])
    order = np.argsort(-scores, kind="stable")[:count]
    seconds = {name: scorers[name].seconds for name in schedule.predictors}
    loop = elapsed + last.seconds - before - sum(seconds.values())
    return SearchResult(
        best=space.architecture(rows[order[0]]),
        score=float(scores[order[0]]),
        finalists=rows[order],
        scores=scores[order],
        history=history,
        asked=_each(schedule.predictors, scorers, "asked"),
        distinct=_each(schedule.predictors, scorers, "distinct"),
        run=_each(schedule.predictors, scorers, "run"),
        seconds={**seconds, "loop": loop},
        front=front,
        halvings={n: s.report for n, s in scorers.items() if n in schedule.predictors and isinstance(s, HalvingScorer)},
    )


def _each(names: Iterable[str], scorers: Mapping[str, Scorer], count: str) -> dict[str, int]:
    return {name: getattr(scorers[name], count) for name in names}
