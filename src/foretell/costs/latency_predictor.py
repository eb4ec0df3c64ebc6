"""Latency of architectures that were not measured: a fixed cost plus a non-negative cost for every part.

One layer waits for the other, so times add up: the form is a sum over layers by kind and width. That it is
never negative in any part makes a bigger network never faster, so extremes are where they should be.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from foretell.costs.closed_forms import Totals
from foretell.errors import InputError, IntegrityError
from foretell.records import read_json, write_json
from foretell.spaces import Population, SearchSpace

__all__ = ["LatencyPredictor"]

_FORMAT = 1
_FOLDS = 10
_PARTS = (
    "fixed",
    "encoder_layers",
    "encoder_widths",
    "encoder_ffn",
    "encoder_heads",
    "decoder_layers",
    "decoder_widths",
    "decoder_ffn",
    "decoder_self_heads",
    "decoder_cross_heads",
    "attended",
    "attended_widths",
    "output_layer",
)

_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LatencyPredictor:
    """Predicts latency of whole populations; made by `fit`, kept by `save`.

    Attributes:
        space: The space it was fitted on.
        milliseconds: What one unit of each part costs, in the order of `parts`.
        relative_errors: Of held-out architectures in cross-validation: measured / predicted - 1, sorted.
        setting: What was measured, as `LatencySetting.describe` tells; empty if not known.
    """

    space: SearchSpace
    milliseconds: tuple[float, ...]
    relative_errors: tuple[float, ...]
    setting: dict[str, Any]

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of the parts that the latency is a sum of."""
        return _PARTS

    @property
    def mape(self) -> float:
        """Mean absolute percentage error on held-out architectures, as a fraction of the measured latency."""
        return float(np.mean([abs(1 / (1 + error) - 1) for error in self.relative_errors]))

    @classmethod
    def fit(
        cls,
        space: SearchSpace,
        population: Population,
        latency_ms: npt.ArrayLike,
        setting: dict[str, Any] | None = None,
    ) -> Self:
        """Fit to measurements, by least relative squares that distrust outliers.

        Args:
            space: The space.
            population: `int16 [n, columns]`, at least as many rows as there are parts.
            latency_ms: `[n]`, positive.
            setting: What was measured.

        Raises:
            InputError: Too few measurements, or one that is not a positive number.
        """
        measured = np.asarray(latency_ms, dtype=np.float64)
        if measured.shape != (len(population),):
            raise InputError(f"{len(population)} architectures have {measured.size} latencies; expected one each.")
        if len(measured) < len(_PARTS):
            raise InputError(
                f"{len(measured)} latencies are too few for {len(_PARTS)} parts; measure at least {len(_PARTS)}, "
                "better 60."
            )
        if not (np.isfinite(measured) & (measured > 0)).all():
            raise InputError("a latency is not a positive number of milliseconds; measure again.")
        parts = _parts(space, population)
        errors = np.sort(_held_out_errors(parts, measured))
        return cls(space, tuple(_solve(parts, measured).tolist()), tuple(np.round(errors, 6).tolist()), setting or {})

    def predict(self, population: Population, *, confidence: float | None = None) -> _Floats:
        """Milliseconds, `float64 [n]`.

        Args:
            population: `int16 [n, columns]`, canonical or not.
            confidence: None for the best guess; 0.95 for what 95 % of held-out latencies stayed below.
        """
        best: _Floats = _parts(self.space, population) @ np.array(self.milliseconds)
        if confidence is None:
            return best
        # The smallest error that at least this share does not exceed, counting the new one among them.
        return best * (1 + float(np.quantile(self.relative_errors, confidence, method="higher")))

    def save(self, path: Path | str) -> None:
        """Write it as JSON.

        Raises:
            StorageError: The disk refused.
        """
        value = {
            "format": _FORMAT,
            "space": self.space.name,
            "space_fingerprint": self.space.fingerprint,
            "milliseconds": dict(zip(_PARTS, self.milliseconds, strict=True)),
            "mape": self.mape,
            "relative_errors": list(self.relative_errors),
            "setting": self.setting,
        }
        write_json(Path(path), value)

    @classmethod
    def load(cls, path: Path | str, space: SearchSpace) -> Self:
        """Read what `save` wrote.

        Raises:
            InputError: No such file, or it was fitted on another space.
            IntegrityError: It is not a latency predictor of this version.
        """
        value = read_json(Path(path))
        try:
            known = value["format"] == _FORMAT
            milliseconds = tuple(float(value["milliseconds"][name]) for name in _PARTS)
            errors = tuple(float(error) for error in value["relative_errors"])
            fitted_on, name, setting = value["space_fingerprint"], value["space"], dict(value["setting"])
        except (KeyError, TypeError, ValueError) as error:
            raise IntegrityError(f"{path} is not a latency predictor ({error!r}); fit it again.") from error
        if not known:
            raise IntegrityError(f"{path} has format {value['format']!r}; this version reads {_FORMAT}: fit it again.")
        if fitted_on != space.fingerprint:
            raise InputError(
                f"{path} was fitted on the space {name}; {space.name} is searched: measure and fit on that space."
            )
        return cls(space, milliseconds, errors, setting)


def _parts(space: SearchSpace, population: Population) -> _Floats:
    """How much of each part an architecture has, `float64 [n, parts]`, in units near one."""
    t = Totals.of(space, population)
    q = float(space.backbone.qkv_dim)
    heads = [
        (population[:, space.columns(name)] * space.active(population)[:, space.columns(name)]).sum(1)
        for name in (
            "encoder-self-attention-heads-all",
            "decoder-self-attention-heads-all",
            "decoder-ende-attention-heads-all",
        )
    ]
    columns = [
        np.ones(len(population)),
        t.encoder_depth,
        t.encoder_depth * t.encoder_width / q,
        t.encoder_ffn * t.encoder_width / q**2,
        heads[0] / 4,
        t.decoder_depth,
        t.decoder_depth * t.decoder_width / q,
        t.decoder_ffn * t.decoder_width / q**2,
        heads[1] / 4,
        heads[2] / 4,
        t.attended,
        t.attended * t.encoder_width / q,
        t.decoder_width / q,
    ]
    return np.stack([np.asarray(column, dtype=np.float64) for column in columns], axis=1)


def _solve(parts: _Floats, measured: _Floats) -> _Floats:
    """Non-negative costs with the least relative error; blocks of slow measurements lose their say."""
    from scipy.optimize import nnls

    weights = 1 / measured
    for _ in range(5):
        solution: _Floats = nnls(parts * weights[:, None], measured * weights)[0]
        errors = measured / np.maximum(parts @ solution, 1e-12) - 1
        scale = 1.4826 * float(np.median(np.abs(errors))) + 1e-9
        # Huber's weights: full say within 1.345 deviations, beyond that as 1 / distance.
        weights = np.sqrt(np.minimum(1.0, 1.345 * scale / np.maximum(np.abs(errors), 1e-12))) / measured
    return solution


def _held_out_errors(parts: _Floats, measured: _Floats) -> _Floats:
    """Relative error of each measurement under the fit without its fold."""
    folds = np.arange(len(measured)) % _FOLDS
    errors = np.empty(len(measured))
    for fold in range(_FOLDS):
        held = folds == fold
        predicted = parts[held] @ _solve(parts[~held], measured[~held])
        errors[held] = measured[held] / np.maximum(predicted, 1e-12) - 1
    return errors
