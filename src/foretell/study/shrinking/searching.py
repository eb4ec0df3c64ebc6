"""The search for the part of a network that keeps the limits and loses least, as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from foretell.families.base import Network
from foretell.predictors.supernet import SupernetPredictor
from foretell.records import fingerprint
from foretell.search import Evolution, Schedule, Scorer, SearchResult, evolve, open_journal
from foretell.spaces import Population
from foretell.study.shrinking.choosing import Chooser
from foretell.study.shrinking.config import Shrinking
from foretell.study.shrinking.judging import precision_of
from foretell.tasks.task import Batch

__all__ = ["Found", "search_parts"]


@dataclass(frozen=True)
class Found:
    """What a search came to.

    Attributes:
        result: Of the last generation.
        scorer: Knows what was said of every part that was asked for; all of them keep the limits.
        told: What `result.json` says of the search.
    """

    result: SearchResult
    scorer: Scorer
    told: dict[str, Any]


def search_parts(
    network: Network,
    batches: Sequence[Batch],
    chooser: Chooser,
    config: Shrinking,
    path: Path,
    about: dict[str, Any],
    begin: Sequence[Population],
    *,
    greedy: bool,
) -> Found:
    """Search a network's parts by their loss without any training.

    The search begins around what measuring part by part finds: evolution's own draws and mutations would mostly break
    the network.

    Args:
        network: In evaluation mode.
        batches: Whose loss judges.
        chooser: Knows limits and costs.
        config: How long, and the seed.
        path: The journal of scores.
        about: What scores depend on besides the precision.
        begin: Rows to begin with; those that keep the limits.
        greedy: Whether to measure part by part first.
    """
    costs, limits, space = chooser.costs, chooser.constraints, chooser.space
    precision = precision_of(config, "cpu")
    predictor = SupernetPredictor(space, network, batches, smoothing=0.0, name="inherited", precision=precision)
    key = fingerprint({**about, "precision": predictor.precision})
    with open_journal(path, space) as journal:
        # A scorer of its own: the search names the best that its scorer was ever asked for, and what is measured
        # on the way to the limits does not keep them yet.
        first = list(chooser.greedy(Scorer(predictor, key, journal).scores, config.rounds)) if greedy else []
        scorer = Scorer(predictor, key, journal)
        initial = [*first, *begin]
        feasible = [row for row in initial if limits.satisfied(costs, row)[0]]
        if feasible:
            best = feasible[int(scorer.scores(np.concatenate(feasible)).argmax())]
            initial += chooser.neighbours(best, config.population, config.seed)
        result = evolve(
            costs,
            limits,
            Schedule.parse(f"inherited:1-{config.generations}"),
            {"inherited": scorer},
            _settings(config.population, space.width),
            seed=config.seed,
            initial=np.concatenate(initial) if initial else None,
        )
        begun = scorer.scores(np.concatenate(feasible)).max() if feasible else float("nan")
    told = {
        "asked": result.asked["inherited"],
        "distinct": result.distinct["inherited"],
        "loss_at_first": -float(begun) if np.isfinite(begun) else None,
        "loss": -result.score,
        "tokens": sum(batch.tokens for batch in batches),
    }
    return Found(result, scorer, told)


def _settings(population: int, width: int) -> Evolution:
    parents, crossovers = max(2, population // 4), population // 4
    return Evolution(
        population=population,
        parents=parents,
        mutations=population - parents - crossovers,
        crossovers=crossovers,
        mutation_probability=min(1.0, 3.0 / width),
    )
