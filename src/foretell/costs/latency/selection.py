"""Choosing a form of predictor by cross-validation, with folds that are blocks in time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from foretell.costs.latency.form import LatencyForm, form_named
from foretell.costs.latency.inputs import Floats, LatencyInputs
from foretell.costs.latency.physical_form import robust_weights
from foretell.errors import InputError
from foretell.machine import blas_threads

__all__ = ["Candidate", "check_latencies", "fit_candidates", "least_error"]

_FOLDS = 5
_LEAST_ROWS = 13


@dataclass(frozen=True)
class Candidate:
    """A form that was fitted and cross-validated.

    Attributes:
        name: Of the form.
        form: Fitted to all rows.
        held_out_ms: What it predicts for each row when fitted without the row's fold, `[n]`.
        error: Weighted mean absolute percentage error of these, as a fraction.
        seconds: It took to fit and to cross-validate.
    """

    name: str
    form: LatencyForm
    held_out_ms: Floats
    error: float
    seconds: float


def fit_candidates(
    names: Sequence[str], inputs: LatencyInputs, ms: Floats, weights: Floats, *, strict: bool
) -> list[Candidate]:
    """Fit each form, and again without each of five contiguous blocks of rows.

    A form's few hyperparameters are found once, on all rows; its hundreds of coefficients anew for each fold.

    Args:
        names: Of forms.
        inputs: Architectures in the order of measurement: a fold is a block in time.
        ms: Their latencies, `[n]`.
        weights: How far each is trusted, `[n]`, at most 1.
        strict: Whether a form that these rows cannot fit is an error; else it is left out.

    Raises:
        InputError: A form cannot be fitted, or none is left.
    """
    check_latencies(inputs, ms)
    trusted = robust_weights(inputs, ms, weights)
    found = []
    for name in names:
        reason = form_named(name).fits(inputs)
        if reason is None:
            with blas_threads(1):
                found.append(_candidate(name, inputs, ms, weights, trusted))
        elif strict:
            raise InputError(f"the model {name} cannot be fitted because {reason}; measure more or choose another.")
    if not found:
        raise InputError(f"{len(ms)} samples are too few for any of {', '.join(names)}; measure more.")
    return found


def least_error(candidates: Sequence[Candidate]) -> Candidate:
    """The candidate that predicted held-out rows best."""
    return min(candidates, key=lambda candidate: candidate.error)


def check_latencies(inputs: LatencyInputs, ms: Floats) -> None:
    """Refuse latencies that no form can be fitted to.

    Raises:
        InputError: Too few, not one for each architecture, or one that is not a positive number.
    """
    if ms.shape != (len(inputs),):
        raise InputError(f"{len(inputs)} architectures have {ms.size} latencies; expected one each.")
    if len(ms) < _LEAST_ROWS:
        raise InputError(
            f"{len(ms)} latencies are too few for {_LEAST_ROWS} parts; measure at least {_LEAST_ROWS}, better 60."
        )
    if not (np.isfinite(ms) & (ms > 0)).all():
        raise InputError("a latency is not a positive number of milliseconds; measure again.")


def _candidate(name: str, inputs: LatencyInputs, ms: Floats, weights: Floats, trusted: Floats) -> Candidate:
    start = time.perf_counter()
    form = form_named(name).fit(inputs, ms, trusted)
    folds = np.arange(len(ms)) * _FOLDS // len(ms)
    held_out = np.empty(len(ms))
    for fold in range(_FOLDS):
        held = folds == fold
        without = form.refit(inputs.take(~held), ms[~held], trusted[~held])
        held_out[held] = without.predict(inputs.take(held))
    # A form that goes wild outside its rows must not win by a negative time.
    held_out = np.maximum(held_out, 1e-3 * ms.min())
    error = float(np.average(np.abs(held_out - ms) / ms, weights=weights))
    return Candidate(name, form, held_out, error, time.perf_counter() - start)
