"""What a study of trials came to, as `result.json` says it."""

from __future__ import annotations

import platform
from collections.abc import Sequence, Set
from typing import TYPE_CHECKING, Any

import numpy as np

from foretell import __version__
from foretell.evaluation import unseen_row
from foretell.observations import Observation, metric_column
from foretell.predictors import Context, EqualLabelsError, Predictor, TooFewLabelsError, create
from foretell.predictors.features import has_features
from foretell.predictors.leave_one_out import held_out
from foretell.records import read_object
from foretell.search.nsga import trade_offs, traded_costs
from foretell.study.rules import Picks, rule_entries
from foretell.study.trial_race import RACE_RESULT, study_predictor

if TYPE_CHECKING:
    from foretell.study.trials import Study

__all__ = ["trial_result"]

_FORMAT = 1
_MOST_LEFT_OUT, _FOLDS = 200, 20
"""Of more labels than that, a twentieth is left out together: one at a time takes the square of their number."""
_RULES = ("constant", "params", "flops")
"""Rows that every table of predictors has, as far as the space has such a cost."""


def trial_result(study: Study) -> dict[str, Any]:
    """What `result.json` holds.

    Args:
        study: With at least one finished trial.

    Raises:
        InputError: Nothing was told yet, or everything failed.
        InfeasibleError: Nothing told keeps the limits.
    """
    told, settings = study.observations, study.config.search
    raced = {trial.number for trial in study.trials if trial.raced}
    failed = [item for item in told if item.failed]
    return {
        "format": _FORMAT,
        "kind": "trials",
        "name": study.config.name,
        "metric": study.metric.to_dict(),
        "constraint": str(study.limits),
        "winner": _entry(study, study.best, raced),
        "trials": [_entry(study, item, raced) for item in told],
        "search": {
            "algorithm": settings.algorithm,
            "predictor": settings.predictor,
            "startup": settings.designed,
            "seed": settings.seed,
            "asked": len(study.trials),
            "finished": len(told) - len(failed),
            "failed": len(failed),
            "training_seconds": round(sum(_seconds(item) for item in told), 2),
            **({} if study.proposals is None else {"proposals": study.proposals}),
        },
        **_front(study),
        **_race(study),
        "rules": rule_entries(_picks(study), _in_full(study)),
        "trust": _trust(study, [item for item in told if not item.failed]),
        "software": {"foretell": __version__, "python": platform.python_version(), "machine": platform.machine()},
    }


def _race(study: Study) -> dict[str, Any]:
    """How the study's race ended; nothing where it has none, or has not come to it."""
    path = study.folder / RACE_RESULT
    return {"race": read_object(path)} if path.exists() else {}


def _picks(study: Study) -> Picks:
    """What simple rules are asked of, with what the study's predictor has learnt from all trials."""
    predictor = study_predictor(study)
    predictors = [] if predictor is None else [predictor]
    return Picks(study.costs, study.gene_limits, predictors, predictors, study.config.search.seed, study.pool)


def _in_full(study: Study) -> list[Observation]:
    """What was trained in full and keeps all limits."""
    return [item for item in study.observations if item.fidelity == 1 and not item.failed and study.keeps(item)]


def _front(study: Study) -> dict[str, Any]:
    """Of nsga2, the trials of which none is better than another in the metric and every cost it trades against."""
    settings = study.config.search
    if settings.algorithm != "nsga2":
        return {}
    kept = [item for item in study.observations if not item.failed and study.keeps(item)]
    against = traded_costs(study.costs, settings.against)
    rows = study.space.population([item.architecture for item in kept])
    scores = np.array([study.metric.goodness(item.metric(study.metric.key)) for item in kept])
    front = trade_offs(study.costs, rows, scores, against)
    number = {item.architecture: item.provenance["trial"] for item in kept}
    trials = [number[architecture] for architecture in study.space.architectures(front.population)]
    return {"front": {"against": list(against), "trials": trials}}


def _entry(study: Study, item: Observation, raced: Set[int]) -> dict[str, Any]:
    return {
        "trial": item.provenance["trial"],
        "architecture": item.architecture.to_dict(),
        "metrics": dict(item.metrics),
        "costs": dict(item.costs),
        **({} if item.fidelity == 1 else {"fidelity": item.fidelity}),
        **({"failed": item.failed} if item.failed else {"kept": study.keeps(item)}),
        "seconds": _seconds(item),
        **({"raced": True} if item.provenance["trial"] in raced else {}),
    }


def _seconds(item: Observation) -> float:
    return float(item.provenance.get("training_seconds", 0.0))


def _trust(study: Study, labelled: Sequence[Observation]) -> list[dict[str, Any]]:
    """How good predictors are on the trials' labels, each label unseen when it is predicted."""
    own = [study.config.search.predictor] if study.config.search.algorithm == "predictor" else []
    furthest = max((item.fidelity for item in labelled), default=1.0)
    labelled = [item for item in labelled if item.fidelity == furthest]
    rules = [name for name in _RULES if name == "constant" or has_features(name, study.space)]
    context = Context(study.space, metric=study.metric, seed=study.config.search.seed)
    rows = []
    for name in dict.fromkeys([*rules, *own]):
        row = _unseen(create(name, context=context), labelled)
        if row is not None:
            rows.append(row)
    return rows


def _unseen(predictor: Predictor, labelled: Sequence[Observation]) -> dict[str, Any] | None:
    """One row; None where the labels are too few, or all alike."""
    try:
        truth = predictor.quality.goodness(metric_column(labelled, predictor.metric))
        folds = len(labelled) if len(labelled) <= _MOST_LEFT_OUT else _FOLDS
        return unseen_row(predictor.name, held_out(predictor, labelled, folds), truth)
    except (TooFewLabelsError, EqualLabelsError):
        return None
