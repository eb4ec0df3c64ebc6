"""What a study of trials came to, as `result.json` says it."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from foretell import __version__
from foretell.evaluation import unseen_row
from foretell.observations import Observation, metric_column
from foretell.predictors import Context, EqualLabelsError, Predictor, TooFewLabelsError, create
from foretell.predictors.features import has_features
from foretell.predictors.leave_one_out import held_out
from foretell.records import read_object
from foretell.study.rules import Picks, rule_entries
from foretell.study.trial_race import RACE_RESULT, study_predictor

if TYPE_CHECKING:
    from foretell.study.trials import Study

__all__ = ["trial_result"]

_FORMAT = 1
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
    failed = [item for item in told if item.failed]
    return {
        "format": _FORMAT,
        "kind": "trials",
        "name": study.config.name,
        "metric": study.metric.to_dict(),
        "constraint": str(study.limits),
        "winner": _entry(study, study.best),
        "trials": [_entry(study, item) for item in told],
        "search": {
            "predictor": settings.predictor,
            "startup": settings.designed,
            "seed": settings.seed,
            "asked": len(study.trials),
            "finished": len(told) - len(failed),
            "failed": len(failed),
            "training_seconds": round(sum(_seconds(item) for item in told), 2),
        },
        **_race(study),
        "rules": rule_entries(_picks(study), [item for item in told if not item.failed and study.keeps(item)]),
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
    return Picks(study.costs, study.gene_limits, predictors, study.config.search.seed, study.pool)


def _entry(study: Study, item: Observation) -> dict[str, Any]:
    return {
        "trial": item.provenance["trial"],
        "architecture": item.architecture.to_dict(),
        "metrics": dict(item.metrics),
        "costs": dict(item.costs),
        **({"failed": item.failed} if item.failed else {"kept": study.keeps(item)}),
        "seconds": _seconds(item),
        **({"raced": True} if study.trials[int(item.provenance["trial"])].raced else {}),
    }


def _seconds(item: Observation) -> float:
    return float(item.provenance.get("training_seconds", 0.0))


def _trust(study: Study, labelled: Sequence[Observation]) -> list[dict[str, Any]]:
    """How good predictors are on the trials' labels, each label unseen when it is predicted."""
    own = [] if study.config.search.predictor == "random" else [study.config.search.predictor]
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
        return unseen_row(predictor.name, held_out(predictor, labelled), truth)
    except (TooFewLabelsError, EqualLabelsError):
        return None
