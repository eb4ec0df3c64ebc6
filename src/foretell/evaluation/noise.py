"""What labels are worth: how much they vary from seed to seed, and how well anything can predict them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from foretell.errors import InputError
from foretell.metrics import PRIMARY_METRIC
from foretell.observations import Observation
from foretell.predictors.labels import comparable, distinct_trainings, label_noise

__all__ = ["Ceiling", "LabelQuality", "label_quality", "tau_ceiling"]

Array = npt.NDArray[np.float64]

_DRAWS = 2000


@dataclass(frozen=True)
class Ceiling:
    """What a predictor that knew the truth would reach on noisy labels, by simulation.

    Attributes:
        tau: Kendall's tau, the mean over simulated sets of labels; 0 where noise explains all of their spread.
        interval: Its central 95 %.
        mae: Mean absolute error, in the labels' unit.
    """

    tau: float
    interval: tuple[float, float]
    mae: float


@dataclass(frozen=True)
class LabelQuality:
    """Whether labels can tell architectures apart.

    Attributes:
        metric: Which label.
        architectures: Distinct ones.
        trainings: All of them, repeated ones included; the same seed again is the same training.
        repeated: Architectures that were trained with more than one seed.
        low: The smallest label of an architecture (the mean where it was trained more than once).
        high: The largest.
        spread: Standard deviation of labels across architectures, first training of each.
        noise: Standard deviation across seeds, see `foretell.predictors.labels.label_noise`.
        ceiling: What no predictor can exceed but by luck; None without repeated trainings.
    """

    metric: str
    architectures: int
    trainings: int
    repeated: int
    low: float
    high: float
    spread: float
    noise: float | None
    ceiling: Ceiling | None

    @property
    def ratio(self) -> float | None:
        """Spread over noise; below 3 most differences between architectures are luck."""
        return self.spread / self.noise if self.noise else None


def label_quality(observations: Sequence[Observation], metric: str = PRIMARY_METRIC) -> LabelQuality:
    """Spread, noise and ceiling of the labels of some observations.

    Args:
        observations: An architecture that was trained with several seeds stands there as often; of several
            records of one seed the first counts. Records that tell no seed are trainings of their own; what
            failed, or was trained less far than others, has no label here.
        metric: Which label.

    Raises:
        InputError: Fewer than two architectures, or the metric is missing.
    """
    groups: dict[bytes, list[float]] = {}
    trainings = distinct_trainings(item for item in comparable(observations) if not item.failed)
    for item in trainings:
        groups.setdefault(item.architecture.row.tobytes(), []).append(item.metric(metric))
    if len(groups) < 2:
        raise InputError(f"{len(groups)} architectures were observed; at least 2 are needed to tell them apart.")
    labels = [np.array(each) for each in groups.values()]
    first = np.array([each[0] for each in labels])
    means = [each.mean() for each in labels]
    repeated = [each for each in labels if len(each) > 1]
    noise = label_noise(labels)
    return LabelQuality(
        metric=metric,
        architectures=len(labels),
        trainings=len(trainings),
        repeated=len(repeated),
        low=float(min(means)),
        high=float(max(means)),
        spread=float(first.std(ddof=1)),
        noise=noise,
        ceiling=tau_ceiling(first, noise) if noise else None,
    )


def tau_ceiling(labels: Array, noise: float, draws: int = _DRAWS, seed: int = 0) -> Ceiling:
    """How well the truth itself would predict labels that carry this much noise.

    The truth is not known: the labels stand for it, drawn together until their variance is what remains of
    it without the noise. Each draw adds noise to that and asks how well the truth predicts the result.

    Args:
        labels: `[n]`, one training each.
        noise: Standard deviation of one training's label.
        draws: Simulated sets of labels.
        seed: Of the simulation.
    """
    variance = float(labels.var(ddof=1))
    kept = np.sqrt(max(variance - noise**2, 0.0) / variance) if variance else 0.0
    truth = labels.mean() + kept * (labels - labels.mean())
    errors = np.random.default_rng(seed).normal(0.0, noise, (draws, len(labels)))
    first, second = np.triu_indices(len(labels), 1)
    order = np.sign(truth[first] - truth[second])
    noisy = truth + errors
    found = (np.sign(noisy[:, first] - noisy[:, second]) * order).mean(axis=1)
    low, high = np.quantile(found, [0.025, 0.975])
    return Ceiling(float(found.mean()), (float(low), float(high)), float(np.abs(errors).mean()))
