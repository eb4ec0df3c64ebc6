"""What a study of trials came to, as `result.json` says it."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from foretell import __version__
from foretell.evaluation import trivial_rows, unseen_row
from foretell.observations import Observation, metric_column
from foretell.predictors import Context, EqualLabelsError, Predictor, TooFewLabelsError, create
from foretell.predictors.leave_one_out import held_out

if TYPE_CHECKING:
    from foretell.study.trials import Study

__all__ = ["trial_result"]

_FORMAT = 1


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
        "trust": _trust(study, [item for item in told if not item.failed]),
        "software": {"foretell": __version__, "python": platform.python_version(), "machine": platform.machine()},
    }


def _entry(study: Study, item: Observation) -> dict[str, Any]:
    return {
        "trial": item.provenance["trial"],
        "architecture": item.architecture.to_dict(),
        "metrics": dict(item.metrics),
        "costs": dict(item.costs),
        **({"failed": item.failed} if item.failed else {"kept": study.keeps(item)}),
        "seconds": _seconds(item),
    }


def _seconds(item: Observation) -> float:
    return float(item.provenance.get("training_seconds", 0.0))


def _trust(study: Study, labelled: Sequence[Observation]) -> list[dict[str, Any]]:
    """How good predictors are on the trials' labels, each label unseen when it is predicted."""
    own = [] if study.config.search.predictor == "random" else [study.config.search.predictor]
    context = Context(study.space, metric=study.metric, seed=study.config.search.seed)
    rows = []
    for name in dict.fromkeys([*trivial_rows(study.space), *own]):
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
