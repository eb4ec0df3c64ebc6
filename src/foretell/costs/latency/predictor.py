"""Latency of architectures that were not measured, with an honest interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from foretell.costs.latency.form import LatencyForm, form_from_json
from foretell.costs.latency.inputs import Floats, LatencyInputs
from foretell.costs.latency.selection import Candidate, fit_candidates, least_error
from foretell.errors import InputError, IntegrityError
from foretell.records import read_json, write_json
from foretell.spaces import Population, SearchSpace

__all__ = ["LatencyPredictor"]

_FORMAT = 2
_DAMAGE = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, AssertionError)


@dataclass(frozen=True, eq=False)
class LatencyPredictor:
    """Predicts latency of whole populations; made by `fit`, kept by `save`.

    Attributes:
        space: The space it was fitted on.
        form: What predicts; see `foretell.costs.FORMS`.
        relative_errors: Of held-out architectures in cross-validation: measured / predicted - 1, sorted.
        setting: What was measured, as `LatencySetting.describe` tells; empty if not known.
    """

    space: SearchSpace
    form: LatencyForm
    relative_errors: tuple[float, ...]
    setting: dict[str, Any]

    @property
    def name(self) -> str:
        """The form's name."""
        return str(self.form.to_json()["form"])

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
        *,
        forms: Sequence[str] = ("physical", "layers"),
    ) -> Self:
        """Fit to measurements.

        Args:
            space: The space.
            population: `int16 [n, columns]` in the order of measurement, at least 13 rows.
            latency_ms: `[n]`, positive.
            setting: What was measured.
            forms: Candidates, of which cross-validation chooses; those that so few rows cannot fit are left
                out. The default ones never predict that a bigger network is faster.

        Raises:
            InputError: Too few measurements, or one that is not a positive number.
        """
        ms = np.asarray(latency_ms, dtype=np.float64)
        inputs = LatencyInputs.of(space, population)
        candidates = fit_candidates(forms, inputs, ms, np.ones(ms.shape), strict=False)
        return cls.of(space, least_error(candidates), ms, np.ones(ms.shape), setting)

    @classmethod
    def of(
        cls, space: SearchSpace, candidate: Candidate, ms: Floats, weights: Floats, setting: dict[str, Any] | None
    ) -> Self:
        """A predictor from a fitted candidate and the latencies `[n]` it was fitted to.

        Rows of weight below a tenth tell of the machine's troubles and are left out of the interval.
        """
        told = weights > 0.1 * weights.max()
        errors = np.sort(ms[told] / candidate.held_out_ms[told] - 1)
        return cls(space, candidate.form, tuple(np.round(errors, 6).tolist()), setting or {})

    def predict(self, population: Population, *, confidence: float | None = None) -> Floats:
        """Milliseconds, `float64 [n]`.

        Args:
            population: `int16 [n, columns]`, canonical or not.
            confidence: None for the best guess; 0.95 for what 95 % of held-out latencies stayed below.
        """
        best = self.form.predict(LatencyInputs.of(self.space, population))
        if confidence is None:
            return best
        # The smallest error that at least this share does not exceed, counting the new one among them.
        return best * (1 + float(np.quantile(self.relative_errors, confidence, method="higher")))

    def interval(self, population: Population, confidence: float = 0.9) -> tuple[Floats, Floats]:
        """Between which milliseconds `confidence` of held-out latencies lay: lower and upper ends, each `[n]`."""
        low, high = np.quantile(self.relative_errors, [(1 - confidence) / 2, (1 + confidence) / 2])
        best = self.predict(population)
        return best * (1 + low), best * (1 + high)

    def to_dict(self) -> dict[str, Any]:
        """Everything that `load` needs, as JSON values."""
        return {
            "format": _FORMAT,
            "space": self.space.name,
            "space_fingerprint": self.space.fingerprint,
            "model": self.form.to_json(),
            "mape": self.mape,
            "relative_errors": list(self.relative_errors),
            "setting": self.setting,
        }

    def save(self, path: Path | str) -> None:
        """Write it as JSON.

        Raises:
            StorageError: The disk refused.
        """
        write_json(Path(path), self.to_dict())

    @classmethod
    def load(cls, path: Path | str, space: SearchSpace, *, device_name: str | None = None, force: bool = False) -> Self:
        """Read what `save` wrote.

        Args:
            path: The file.
            space: The space whose architectures shall be predicted.
            device_name: The device whose latencies shall be predicted; None asks for no certain one.
            force: Use it for another space or device all the same.

        Raises:
            InputError: No such file, or it was fitted on another space or device.
            IntegrityError: It is not a latency predictor of this version.
        """
        value = read_json(Path(path))
        try:
            if value["format"] != _FORMAT:
                raise IntegrityError(
                    f"{path} has format {value['format']!r}; this version reads {_FORMAT}: fit it again."
                )
            errors = tuple(float(error) for error in value["relative_errors"])
            form, setting = form_from_json(value["model"]), dict(value["setting"])
            fitted_on, name = value["space_fingerprint"], value["space"]
        except _DAMAGE as error:
            if isinstance(error, InputError):
                raise
            raise IntegrityError(f"{path} is not a latency predictor ({error!r}); fit it again.") from error
        if not force:
            _check_same("space", path, fitted_on == space.fingerprint, name, space.name)
            device = setting.get("device_name")
            _check_same("device", path, device_name in (None, device), device, device_name)
        found = cls(space, form, errors, setting)
        try:
            if not np.isfinite(found.interval(space.population([space.smallest()]))).all():
                raise ValueError("its latencies are not finite")
        except _DAMAGE as error:
            raise IntegrityError(f"{path} cannot predict ({error!r}); fit it again.") from error
        return found


def _check_same(kind: str, path: Path | str, same: bool, found: object, wanted: object) -> None:
    if not same:
        raise InputError(
            f"{path} was fitted on the {kind} {found}; {wanted} was asked for: measure and fit on that {kind}, "
            "or add --force to use it all the same."
        )
