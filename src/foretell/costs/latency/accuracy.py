"""How well each form predicts: on a held-out split, and from few samples."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from foretell.costs.latency.form import DEFAULT_FORMS
from foretell.costs.latency.inputs import Floats
from foretell.costs.latency.predictor import LatencyPredictor
from foretell.costs.latency.samples import LatencySamples
from foretell.costs.latency.selection import Candidate, check_latencies, fit_candidates, least_error
from foretell.costs.latency.slow_blocks import SlowBlock, block_excess, find_slow_blocks
from foretell.progress import track

__all__ = ["CURVE_SIZES", "LatencyFit", "fit_latency", "learning_curve", "published_split"]

CURVE_SIZES = (50, 100, 200, 500, 2000)
_SLOW_WEIGHT = 0.05
"""Say of a row in a slow block: it has been divided by the block's excess, but blocks are also noisier."""
_REPEATS = 5


@dataclass(frozen=True)
class LatencyFit:
    """A fitted predictor and how far it can be trusted.

    Attributes:
        predictor: The chosen form, fitted to all samples.
        models: For each candidate `name`, and its errors on the held-out tenth; see `_errors`.
        drift_blocks: Slow blocks among all samples.
        samples: How many there were.
    """

    predictor: LatencyPredictor
    models: list[dict[str, Any]]
    drift_blocks: list[SlowBlock]
    samples: int

    def to_dict(self) -> dict[str, Any]:
        """As `foretell latency fit --json` prints it."""
        return {
            "models": self.models,
            "chosen": self.predictor.name,
            "drift_blocks": [asdict(block) for block in self.drift_blocks],
            "samples": self.samples,
            "mape": self.predictor.mape,
            "space": self.predictor.space.name,
            "device_name": self.predictor.setting.get("device_name"),
        }


def published_split(n: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Rows to fit on and rows to test on: HAT's 80/10/10 shuffle, seeded, the middle tenth unused.

    It is the split of the table in docs/latency.md.
    """
    rows = list(range(n))
    random.Random(0).shuffle(rows)  # noqa: S311 - the published numbers were made with this generator
    train, test = rows[: int(0.8 * n)], rows[int(0.9 * n) :]
    return np.sort(train), np.sort(test)


def fit_latency(samples: LatencySamples, forms: Sequence[str] | None = None) -> LatencyFit:
    """Fit all candidates, choose one by cross-validation, and measure each on the held-out tenth.

    Choice and errors see the training rows of `published_split` only, slow blocks included; the predictor
    that is kept is then fitted to everything.

    Args:
        samples: In the order of measurement.
        forms: Names of candidates; None: the default ones that these samples can fit.

    Raises:
        InputError: Too few samples, or one that is not a positive number.
    """
    check_latencies(samples.inputs, samples.ms)
    names, strict = forms or DEFAULT_FORMS, forms is not None
    train, test = published_split(len(samples))
    blocks, candidates = _fit(samples.take(train), names, strict=strict)
    models = [
        {"name": item.name, **_errors(item, blocks, samples.take(test)), "seconds": round(item.seconds, 4)}
        for item in candidates
    ]
    all_blocks, (final,) = _fit(samples, [least_error(candidates).name], strict=True)
    ms, weights = _undisturbed(samples, all_blocks)
    predictor = LatencyPredictor.of(samples.inputs.space, final, ms, weights, samples.setting)
    return LatencyFit(predictor, models, all_blocks, len(samples))


def learning_curve(
    samples: LatencySamples, forms: Sequence[str] | None = None, sizes: Sequence[int] = CURVE_SIZES
) -> list[dict[str, Any]]:
    """Error on the held-out tenth after so many samples, each the mean over five random draws of them.

    Args:
        samples: In the order of measurement.
        forms: Names of candidates, of which cross-validation chooses anew for every draw.
        sizes: Numbers of samples; those beyond the training rows become all of them, once.
    """
    train, test = published_split(len(samples))
    wanted = sorted({min(size, len(train)) for size in sizes})
    rng = np.random.default_rng(0)
    curve = []
    with track("learning curve", len(wanted)) as meter:
        for done, size in enumerate(wanted):
            start, draws = time.perf_counter(), 1 if size == len(train) else _REPEATS
            chosen, errors = [], []
            for _ in range(draws):
                drawn = np.sort(rng.choice(train, size, replace=False))
                blocks, candidates = _fit(samples.take(drawn), forms or DEFAULT_FORMS, strict=False)
                best = least_error(candidates)
                chosen.append(best.name)
                errors.append(_errors(best, blocks, samples.take(test)))
            means = {name: round(float(np.mean([e[name] for e in errors])), 4) for name in errors[0]}
            seconds = round((time.perf_counter() - start) / draws, 3)
            curve.append({"samples": size, "draws": draws, "chosen": chosen, **means, "seconds": seconds})
            meter.update(done + 1)
    return curve


def _fit(samples: LatencySamples, names: Sequence[str], *, strict: bool) -> tuple[list[SlowBlock], list[Candidate]]:
    # A probe has taken the drift out already; what were left of it would be the architecture's.
    blocks = [] if samples.probed else find_slow_blocks(samples.inputs, samples.ms, samples.rows)
    ms, weights = _undisturbed(samples, blocks)
    return blocks, fit_candidates(names, samples.inputs, ms, weights, strict=strict)


def _undisturbed(samples: LatencySamples, blocks: Sequence[SlowBlock]) -> tuple[Floats, Floats]:
    """Latencies without the blocks' excess, and weights in which rows of blocks have little say."""
    excess = block_excess(blocks, samples.rows)
    return samples.ms / (1 + excess), np.where(excess > 0, _SLOW_WEIGHT, 1.0) * samples.weights


def _errors(candidate: Candidate, blocks: Sequence[SlowBlock], test: LatencySamples) -> dict[str, float]:
    """Errors on held-out rows: root mean square in ms, mean absolute in percent of the measured latency.

    `rmse_ms`, `mapd`: all rows as recorded; where the training rows show a slow block, the prediction for a
    row inside it is raised by the block's excess, as a probe measured at that moment would have told.
    `..._blind`: all rows as recorded, nothing known of the moment. `..._undisturbed`: rows outside blocks.
    """
    predicted, excess = candidate.form.predict(test.inputs), block_excess(blocks, test.rows)
    everything = np.ones(len(test), dtype=bool)
    cases = {"": (predicted * (1 + excess), everything), "_blind": (predicted, everything)}
    cases["_undisturbed"] = (predicted, excess == 0)
    result = {}
    for suffix, (values, rows) in cases.items():
        error, ms = values[rows] - test.ms[rows], test.ms[rows]
        result[f"rmse_ms{suffix}"] = round(float(np.sqrt((error**2).mean())), 4)
        result[f"mapd{suffix}"] = round(float(100 * (np.abs(error) / ms).mean()), 4)
    return result
