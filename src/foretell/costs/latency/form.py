"""What every form of latency predictor can do, and the forms by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any, Protocol

from foretell.costs.latency.inputs import Floats, LatencyInputs
from foretell.errors import known_name

__all__ = ["DEFAULT_FORMS", "FORMS", "LatencyForm", "form_from_json", "form_named"]


class LatencyForm(Protocol):
    """One fitted form."""

    def predict(self, inputs: LatencyInputs) -> Floats:
        """Milliseconds, `[n]`."""
        ...

    def refit(self, inputs: LatencyInputs, ms: Floats, weights: Floats) -> LatencyForm:
        """Fit to other rows with the same hyperparameters, as cross-validation does."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Everything that `from_json` needs, as JSON values."""
        ...


class _FormClass(Protocol):
    fits: Callable[[LatencyInputs], str | None]
    """Why the form cannot be fitted to these rows, in words that follow "because"; None where it can."""
    fit: Callable[[LatencyInputs, Floats, Floats], LatencyForm]
    """From inputs, milliseconds `[n]` and weights `[n]` (1 is full say)."""
    from_json: Callable[[dict[str, Any]], LatencyForm]


# Where each form lives: modules are imported when asked for, so that HAT's network alone needs torch.
_PLACES = {
    "physical": ("physical_form", "PhysicalForm"),
    "layers": ("physical_form", "LayerForm"),
    "ridge": ("quadratic", "QuadraticRidge"),
    "gp": ("kernel_forms", "GaussianProcess"),
    "mlp": ("kernel_forms", "WideNetwork"),
    "hat-mlp": ("hat_mlp", "HatNetwork"),
}

FORMS: Mapping[str, str] = MappingProxyType(
    {
        "physical": "a fixed cost and a non-negative cost for every unit of depth, width, heads and matrices",
        "layers": "a non-negative cost for every value of every layer; needs architectures layer by layer",
        "ridge": "ridge regression on HAT's averages, their squares and products",
        "gp": "the physical form, corrected by a Gaussian process on HAT's averages",
        "mlp": "the infinitely wide limit of HAT's network (its neural tangent kernel)",
        "hat-mlp": "HAT's network by its published recipe; takes about a minute",
    }
)
"""The forms by name, and what each is."""

DEFAULT_FORMS = ("physical", "layers", "ridge", "gp", "mlp")
"""The candidates of a fit: all that take well under a second."""


def form_named(name: str) -> _FormClass:
    """The class of that name.

    Raises:
        UnknownNameError: There is none; the message names the nearest.
    """
    module, attribute = _PLACES[known_name("latency model", name, _PLACES)]
    found: _FormClass = getattr(import_module(f"foretell.costs.latency.{module}"), attribute)
    return found


def form_from_json(value: dict[str, Any]) -> LatencyForm:
    """The form that `to_json` described, with its name under "form"."""
    return form_named(value["form"]).from_json(value)
