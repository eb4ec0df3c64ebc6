"""The kinds of supernet on one task with one budget: what each costs, and how well it foretells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from foretell import spaces
from foretell.errors import InputError
from foretell.evaluation import Bootstrap, Judged, SplitPlan, evaluate, figures, interval, to_json
from foretell.metrics import metric_named
from foretell.objectives import run_jobs
from foretell.observations import OWN_UNIT, ObservationSet, Split
from foretell.predictors import Labels, create
from foretell.predictors.features import depth_gene
from foretell.predictors.supernet import SupernetPredictor
from foretell.spaces import Architecture
from foretell.study.config import StudyConfig
from foretell.study.inherited import inherited_job
from foretell.study.jobs import supernet_job
from foretell.study.scorers import supernet_predictor, with_kind
from foretell.tasks import Task
from foretell.training import KINDS

__all__ = ["compare_supernets"]

Vector = npt.NDArray[np.float64]

_DRAWS = 1000
_FEWEST = 3
"""Labels that a calibration sees: two always lie on a line, which says nothing of how well it fits."""


def compare_supernets(
    study: StudyConfig,
    collection: ObservationSet,
    kinds: Sequence[str] = KINDS,
    *,
    metric: str | None = None,
    demonstrations: int | None = None,
    divisions: int = 20,
    translate: bool = False,
) -> dict[str, Any]:
    """Train each kind with the study's recipe, score what was observed with it, and hold both side by side.

    Supernets are trained one after the other, one process and one thread each, and found again if they were
    trained before. Raw figures are over all architectures, calibrated ones over random divisions: a line from
    minus the loss to the labels of the demonstrations, judged on the others.

    Args:
        study: Corpus, space, and the supernets' recipe, seed and options.
        collection: Architectures trained from scratch on the study's task, any number from 5 on.
        kinds: Which to compare.
        metric: What is foretold; None: what the observations are about.
        demonstrations: Labels a calibration sees; None: 10, or half of what there is, but at least 3.
        divisions: Random divisions.
        translate: Also translate the validation sentences with the inherited weights of every architecture,
            for the raw error in the metric's own unit, as the paper's Table 1 has it.

    Returns:
        `rows`, one a kind, `trivial`, rows of predictors that look at no supernet, and `protocol`.

    Raises:
        InputError: Observations of another space or task, or fewer than 5 architectures.
    """
    space = spaces.create(study.space)
    task = study.make_task()
    metric = collection.quality(metric).key
    labels = _checked(collection, study, task, metric)
    shown = demonstrations or max(_FEWEST, min(10, len(labels) // 2))
    variants = {kind: with_kind(study, kind) for kind in kinds}
    trained = dict(zip(kinds, run_jobs([supernet_job(each) for each in variants.values()], 1), strict=True))
    said: dict[str, dict[str, Vector]] = {}
    costs = {}
    for kind, variant in variants.items():
        predictor, _ = supernet_predictor(variant, space, task)
        said[kind] = {"loss": predictor.predict(labels.population).mean}
        if translate:
            said[kind]["inherited"] = _inherited(variant, space.architectures(labels.population), metric)
        costs[kind] = _costs(trained[kind], predictor)
    table = _calibrated(collection, labels, said, metric, shown, divisions)
    rows = [
        {
            "kind": kind,
            **costs[kind],
            "raw": _raw(collection, labels, said[kind], metric),
            "calibrated": table.pop(_spelling(kind)),
        }
        for kind in kinds
    ]
    trivial = [
        {"predictor": name, "raw": _order(labels, _without_labels(name, labels)), "calibrated": values}
        for name, values in table.items()
    ]
    protocol = {
        "architectures": len(labels),
        "metric": metric,
        "demonstrations": shown,
        "divisions": divisions,
        "recipe": study.supernet.recipe.model_dump(mode="json"),
        "options": study.supernet.told("neuronwise-mos"),
        "task": task.fingerprint,
    }
    return {"format": 1, "rows": rows, "trivial": trivial, "protocol": protocol}


def _costs(trained: dict[str, Any], predictor: SupernetPredictor) -> dict[str, Any]:
    """What a supernet took, and takes to score the observed architectures."""
    return {
        "updates": trained["updates"],
        "tokens": trained["tokens"],
        "training_seconds": trained["seconds"],
        "peak_memory_mb": trained["peak_memory"] / 2**20 or None,
        "parameters": predictor.network.parameter_count(embeddings=True),
        "scoring_seconds": predictor.spent.seconds,
    }


def _checked(collection: ObservationSet, study: StudyConfig, task: Task, metric: str) -> Labels:
    space = spaces.create(study.space)
    if collection.space.fingerprint != space.fingerprint:
        raise InputError(
            f"the observations are of the space {collection.space.name}; expected {space.name}: "
            "name observations of that space with --observations, or another space."
        )
    others = {item.provenance.get("task", task.fingerprint) for item in collection.observations} - {task.fingerprint}
    if others:
        raise InputError(
            f"observations were made on another corpus or vocabulary (task {sorted(map(str, others))[0]}, the study's "
            f"is {task.fingerprint}); give the study file that they were made with."
        )
    labels = Labels.of(collection.observations, metric, space)
    if len(labels) < _FEWEST + 2:
        raise InputError(
            f"{len(labels)} architectures were observed; a comparison needs at least {_FEWEST + 2}: observe more."
        )
    return labels


def _inherited(study: StudyConfig, architectures: list[Architecture], metric: str) -> Vector:
    (found,) = run_jobs([inherited_job(study, architectures)])
    if metric not in found[0]:
        raise InputError(f"translations have no metric {metric!r}, only {', '.join(found[0])}; leave --translate out.")
    return np.array([each[metric] for each in found])


def _spelling(kind: str) -> str:
    return f"calibrated(column:{kind}, shape=line)"


def _calibrated(
    collection: ObservationSet,
    labels: Labels,
    said: dict[str, dict[str, Vector]],
    metric: str,
    shown: int,
    divisions: int,
) -> dict[str, dict[str, Any]]:
    """Rows of `foretell evaluate` by predictor: the calibrated kinds, and the trivial ones."""
    rows = {row.tobytes(): index for index, row in enumerate(labels.population)}
    observations = tuple(
        replace(
            item,
            scores={
                kind: {OWN_UNIT: float(values["loss"][rows[item.architecture.row.tobytes()]])}
                for kind, values in said.items()
            },
        )
        for item in collection.observations
    )
    found = evaluate(
        replace(collection, observations=observations, splits=()),
        [_spelling(kind) for kind in said],
        metric=metric,
        demonstrations=(shown,),
        plan=SplitPlan(f"random:{divisions}"),
        draws=_DRAWS,
    )
    keys = ("mae", "mae_sd", "mae_ci", "tau", "tau_ci", "tau_in_depth", "coverage", "labels")
    document = to_json(found)["rows"]
    return {row["predictor"]: {key: row[key] for key in keys} for row in document}


def _raw(collection: ObservationSet, labels: Labels, said: dict[str, Vector], metric: str) -> dict[str, Any]:
    """Order and error of the scores as they are, over all architectures."""
    result = _order(labels, said["loss"])
    result |= {"mae_bits": None, "bias_bits": None}
    if all("valid_loss" in item.metrics for item in collection.observations):
        # Inherited and trained weights have their loss on the same sentences in the same unit.
        losses = Labels.of(collection.observations, "valid_loss", collection.space)
        apart = -said["loss"] - losses.values
        result |= {"mae_bits": float(np.abs(apart).mean()), "bias_bits": float(apart.mean())}
    if "inherited" in said:
        judged = _judge(labels, said["inherited"], calibrated=True)
        result[f"inherited_{metric}"] = {
            key: judged[key] for key in ("mae", "mae_ci", "tau", "tau_ci", "tau_in_depth")
        } | {"bias": float((said["inherited"] - labels.values).mean())}
    return result


def _without_labels(name: str, labels: Labels) -> Vector:
    """What a trivial predictor says that has seen no label: the count itself; of a constant, nothing."""
    if name == "constant":
        return np.zeros(len(labels))
    return create(name, space=labels.observations[0].architecture.space).fit([]).predict(labels.population).mean


def _order(labels: Labels, scores: Vector) -> dict[str, Any]:
    judged = _judge(labels, scores, calibrated=False)
    return {key: judged[key] for key in ("tau", "tau_ci", "spearman", "tau_in_depth")}


def _judge(labels: Labels, scores: Vector, *, calibrated: bool) -> dict[str, Any]:
    """Measures over all architectures, and their bootstrap intervals, as JSON values."""
    space = labels.observations[0].architecture.space
    depth = space.numbers(labels.population, depth_gene(space))[:, 0].astype(np.int64)
    judged = Judged(labels.values, depth, scores, None, calibrated, metric_named(labels.metric))
    values = figures(judged)
    resampled = Bootstrap([Split("all", (), labels.observations)], _DRAWS).resampled([judged], [values])
    found: dict[str, Any] = {}
    for name, value in values.items():
        between = interval(resampled[name])
        found[name] = value if np.isfinite(value) else None
        found[f"{name}_ci"] = None if between is None else list(between)
    return found
