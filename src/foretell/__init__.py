"""foretell: how good a neural architecture will be before it is trained, and the best one that fits a device."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

__all__ = [
    "Architecture",
    "Gene",
    "Metric",
    "Observation",
    "ObservationSet",
    "SearchSpace",
    "Study",
    "Trial",
    "create_study",
    "load_study",
]

_HOMES = {
    **dict.fromkeys(("Architecture", "Gene", "SearchSpace"), "foretell.spaces"),
    **dict.fromkeys(("Observation", "ObservationSet"), "foretell.observations"),
    "Metric": "foretell.metrics",
    **dict.fromkeys(("Study", "Trial"), "foretell.study.trials"),
    **dict.fromkeys(("create_study", "load_study"), "foretell.study.opening"),
}
"""Where each name lives; its room is imported when the name is first used (types: `__init__.pyi`)."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'foretell' has no attribute {name!r}")
    home = _HOMES[name]
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
