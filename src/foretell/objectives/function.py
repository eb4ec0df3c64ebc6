"""Labels from a Python function."""

from __future__ import annotations

import errno
import inspect
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from foretell.errors import InputError, StorageError
from foretell.objectives.base import Fidelities
from foretell.objectives.reading import failure, observed
from foretell.observations import Observation
from foretell.records import fingerprint, storage
from foretell.spaces import Architecture

__all__ = ["FunctionObjective"]

_OFFERED = ("seed", "fidelity", "folder")
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


class FunctionObjective:
    """A Python function `f(architecture) -> float | dict`.

    It may have keyword parameters `seed`, `fidelity` (the amount in the unit of `fidelities`, a share of the full
    training where none are declared) and `folder` (a `Path` that exists), and is given those that it has.

    Args:
        function: Trains an architecture, a mapping of gene names to values. A number is the first metric; a dictionary
            holds metrics, and costs under their declared names.
        metrics: What it gives, most important first.
        costs: What else it gives: `latency_ms`, `parameters`, ...
        fidelities: How far it can train; None: any share where it has a parameter `fidelity`, else only the full
            training.
        version: Part of the fingerprint; to be raised when the function's results change.

    Raises:
        InputError: The function needs a parameter that nobody gives, or declares fidelities that it cannot hear of.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        metrics: tuple[str, ...] = ("value",),
        *,
        costs: tuple[str, ...] = (),
        fidelities: Fidelities | None = None,
        version: int = 1,
    ) -> None:
        self.function, self.costs = function, tuple(costs)
        self.metrics = tuple(metrics)
        if not self.metrics:
            raise InputError("the objective declares no metric; name what the function gives.")
        self._taken = _taken(function)
        hears = "fidelity" in self._taken
        self.fidelities = fidelities or (Fidelities(unit="share") if hears else Fidelities())
        if self.fidelities.unit and not hears:
            raise InputError(
                f"fidelities in {self.fidelities.unit} are declared, but {_name(function)} has no parameter fidelity; "
                "add it, or declare none."
            )
        about: dict[str, Any] = {"function": _name(function), "metrics": self.metrics}
        about |= {"costs": self.costs} if self.costs else {}
        about |= {"fidelities": self.fidelities.model_dump(exclude_defaults=True)} if self.fidelities.unit else {}
        self.fingerprint = fingerprint(about | ({"version": version} if version != 1 else {}))

    def label(self, architecture: Architecture, *, seed: int, fidelity: float, folder: Path) -> Observation:
        """Call the function; see `Objective.label`. Only an interrupt passes through, an error is a failed label."""
        amount, share = self.fidelities.amount(fidelity), self.fidelities.nearest(fidelity)
        offered = {"seed": seed, "fidelity": amount, "folder": folder}
        if "folder" in self._taken:
            with storage(folder):
                folder.mkdir(parents=True, exist_ok=True)
        start, cpu_start = time.perf_counter(), time.process_time()
        why, said = "", None
        try:
            said = self.function(architecture, **{name: offered[name] for name in self._taken})
        except StorageError:
            raise
        except (Exception, SystemExit) as error:
            if isinstance(error, OSError) and error.errno in _NO_ROOM:
                with storage(folder):
                    raise
            why = f"{type(error).__name__}: {error}"
        about = {
            "seed": seed,
            "objective": self.fingerprint,
            "training_seconds": round(time.perf_counter() - start, 3),
            "training_cpu_seconds": round(time.process_time() - cpu_start, 3),
        }
        if why:
            return failure(architecture, why, share, about)
        values = said if isinstance(said, Mapping) else {self.metrics[0]: said}
        return observed(architecture, values, self.metrics, self.costs, share, about)


def _name(function: Callable[..., Any]) -> str:
    """A function's dotted name; that of its class where it is an object that can be called."""
    named = function if inspect.isroutine(function) else type(function)
    return f"{named.__module__}.{named.__qualname__}"


def _taken(function: Callable[..., Any]) -> tuple[str, ...]:
    """Which of the keyword parameters a function has.

    Raises:
        InputError: It takes no architecture, or needs something else.
    """
    parameters = list(inspect.signature(function).parameters.values())
    if any(each.kind is each.VAR_KEYWORD for each in parameters):
        return _OFFERED
    names = {each.name for each in parameters[1:] if each.kind in (each.KEYWORD_ONLY, each.POSITIONAL_OR_KEYWORD)}
    needed = [
        each.name
        for each in parameters[1:]
        if each.default is each.empty and each.kind is not each.VAR_POSITIONAL and each.name not in _OFFERED
    ]
    if not parameters or parameters[0].kind is inspect.Parameter.KEYWORD_ONLY or needed:
        what = f"needs {', '.join(needed)}" if needed else "takes no architecture"
        raise InputError(
            f"{_name(function)} {what}; expected a function of an architecture, with seed, fidelity and folder if it "
            "likes."
        )
    return tuple(name for name in _OFFERED if name in names)
