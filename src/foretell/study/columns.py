"""Columns beside labels: what can be known of an architecture before it is trained, computed once and kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from foretell import spaces
from foretell.costs import cost_name, measure_latency
from foretell.costs.model import LATENCY
from foretell.errors import InputError
from foretell.objectives import claim, store_folder
from foretell.observations import OWN_UNIT, Observation, population_of
from foretell.predictors import Context, create
from foretell.progress import track
from foretell.records import fingerprint
from foretell.spaces import Population, SearchSpace
from foretell.study.config import StudyConfig
from foretell.study.device import latency_setting
from foretell.study.scorers import supernet_predictor, with_kind
from foretell.tasks import Task

__all__ = ["SUPERNET_PREFIX", "add_latency", "add_scores"]

SUPERNET_PREFIX = "supernet-"
"""Before the kind of a supernet, as in "supernet-sandwich": the study's, with that kind."""
_PROXIES = 2  # raise when the proxies' values change; 2: networks with the positions that training gives them
_PROXY_TOKENS = 512
"""Of the one training batch that an untrained network sees."""


def add_scores(study: StudyConfig, observations: Sequence[Observation], names: Sequence[str]) -> list[Observation]:
    """What predictors that need no labels say of observed architectures, as `scores` beside the labels.

    They stand there in a unit of their own (`OWN_UNIT`); `calibrated:column:NAME` brings them into a metric's.

    Args:
        study: Corpus, vocabulary and supernets.
        observations: Of the study's space.
        names: "supernet-KIND" for supernets that were trained under this study, or zero-cost proxies.

    Raises:
        InputError: A supernet that was not trained, observations of another space, or a predictor that needs
            labels.
    """
    space = spaces.create(study.space)
    task = study.make_task()
    rows, inverse = np.unique(population_of(observations), axis=0, return_inverse=True)
    found = list(observations)
    with track("scoring", len(names)) as meter:
        for index, name in enumerate(names):
            values, told = _scores(study, space, task, name, rows)
            found = [
                _scored(item, name, float(value), told)
                for item, value in zip(found, values[inverse.reshape(-1)], strict=True)
            ]
            meter.update(index + 1, name)
    return found


def _scored(item: Observation, name: str, score: float, told: str) -> Observation:
    scored_with = {**item.provenance.get("scored_with", {}), name: told}
    return replace(
        item,
        scores={**item.scores, name: {**item.scores.get(name, {}), OWN_UNIT: score}},
        provenance={**item.provenance, "scored_with": scored_with},
    )


def _scores(
    study: StudyConfig, space: SearchSpace, task: Task, name: str, rows: Population
) -> tuple[npt.NDArray[np.float64], str]:
    """One score a row, `[n]`, and the fingerprint of what they were made with."""
    if name.startswith(SUPERNET_PREFIX):
        chosen = with_kind(study, name.removeprefix(SUPERNET_PREFIX))
        supernet, made_with = supernet_predictor(chosen, space, task)
        return supernet.predict(rows).mean, made_with
    context = Context(space=space, **task.sizes, batch=task.typical_batch(_PROXY_TOKENS))
    predictor = create(name, context=context)
    try:
        return predictor.fit([]).predict(rows).mean, fingerprint([name, task.fingerprint, _PROXY_TOKENS, _PROXIES])
    except InputError as error:
        raise InputError(f"{name} cannot score without labels ({error}); evaluate it instead.") from error


def add_latency(study: StudyConfig, observations: Sequence[Observation], cost: str = "latency_ms") -> list[Observation]:
    """A latency measured on this device, with its 95 % interval, as `costs` beside the labels.

    Measurements are kept in the user's store beside those of the device: none is made twice. Their file is their
    own, for the samples that searches predict latency from, and the scale of those, must stay what they are.

    Args:
        study: Corpus, vocabulary, beam and device.
        observations: Of the study's space.
        cost: Which latency, such as "prefill_latency@512".

    Returns:
        The observations with the cost and its ends, such as `latency_ms`, `latency_ms_low` and `latency_ms_high`; the
        provenance tells the device.
    """
    space = spaces.create(study.space)
    task = study.make_task()
    name = cost_name(cost)
    setting = latency_setting(space, study, task.sizes["vocabulary"], name)
    path = store_folder("latency", setting.key) / "observed.jsonl"
    with claim(path.parent):
        measured = measure_latency(setting, population_of(observations), path)
    records = {each["architecture_key"]: each for each in measured}
    found = []
    for item in observations:
        record = records[item.architecture.key]
        low, high = record["latency_interval_ms"]
        costs = {name: record["latency_ms"], f"{name}_low": low, f"{name}_high": high}
        about = {"setting": record["setting"], "measured_at": record["measured_at"]}
        told = {"latency" if name == LATENCY else name: about}
        found.append(replace(item, costs={**item.costs, **costs}, provenance={**item.provenance, **told}))
    return found
