"""What a study says of the user's program."""

from __future__ import annotations

import re
import shlex
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from foretell.errors import InputError
from foretell.metrics import Metric, metric_from
from foretell.objectives.base import Fidelities

__all__ = ["CommandSettings", "ProgramSettings", "ScorerSettings", "seconds"]

_ABOUT = ("higher_is_better", "label", "unit", "bounds", "meaning")
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(text: str | float) -> float:
    """A time such as 90, "90s", "10m", "1.5h" or "2d" in seconds.

    Raises:
        InputError: It is no time, or none at all.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd]?)", str(text).strip())
    value = float(found[1]) * _UNITS[found[2]] if found else 0.0
    if value <= 0:
        raise InputError(f"{text!r} is not a time; expected seconds or a number with s, m, h or d, such as 10m.")
    return value


class ProgramSettings(BaseModel):
    """A program of the user's, and how it is run.

    Attributes:
        command: Its words, or one string that is split into words as a shell does; a word that begins with `~/` is
            under the home folder. `{name}` is a placeholder; `{{` and `}}` are braces.
        shell: Whether `command`, one string, is a shell's script; what is filled in is quoted.
        time_limit: Seconds, or "10m"; then it is stopped. None: it may run for ever.
        env: Variables for it beside those of this process; placeholders are filled in.
        cwd: The folder that it runs in, relative to the study's file; that file's folder by default.
        log_limit: Bytes kept of what it prints: the first and the last half.
        version: Part of the fingerprint; to be raised when the program's results change.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    command: str | tuple[str, ...]
    shell: bool = False
    time_limit: float | None = None
    env: dict[str, str] = Field(default_factory=dict)
    cwd: Path | None = None
    log_limit: int = Field(default=1 << 20, ge=1024)
    version: int = 1

    no_part: ClassVar[frozenset[str]] = frozenset({"time_limit", "cwd", "log_limit"})
    """Settings on which no result depends."""

    @field_validator("command", "env", mode="before")
    @classmethod
    def _words(cls, value: Any) -> Any:
        """Numbers that YAML has read are words again."""
        if isinstance(value, dict):
            return {name: _word(item) for name, item in value.items()}
        return [_word(item) for item in value] if isinstance(value, (list, tuple)) else value

    @field_validator("time_limit", mode="before")
    @classmethod
    def _time(cls, value: Any) -> Any:
        return None if value is None else seconds(value)

    @model_validator(mode="after")
    def _runnable(self) -> Self:
        if self.shell and not isinstance(self.command, str):
            raise InputError("shell is true but command is a list of words; give one string, or leave shell out.")
        if not self.words:
            raise InputError("the command is empty; give the program and its arguments.")
        return self

    @property
    def words(self) -> tuple[str, ...]:
        """What is run, with its placeholders: one word for a shell.

        Raises:
            InputError: A quotation is not closed.
        """
        if not isinstance(self.command, str):
            return self.command
        if self.shell:
            return (self.command,) if self.command.strip() else ()
        try:
            return tuple(shlex.split(self.command))
        except ValueError as error:
            raise InputError(
                f"the command {self.command!r} cannot be split into words ({error}); correct its quotation marks."
            ) from None

    @property
    def told(self) -> dict[str, Any]:
        """What results depend on, without what stands at its default."""
        said = self.model_dump(mode="json", exclude_defaults=True, exclude=set(self.no_part))
        return {**said, "command": self.words}


class CommandSettings(ProgramSettings):
    """A program that trains an architecture and says how good it is; see `ProgramSettings` for how it is run.

    `{gene}` in its words stands for a gene's value (a JSON list for a gene of each layer), `{architecture}` for a JSON
    file of all of them, `{seed}`, `{fidelity}` (in the unit below), `{folder}` and `{device}` for what they say,
    `{python}` for the Python that runs foretell.

    Attributes:
        metrics: The metrics that it tells, most important first.
        costs: What else it tells: `latency_ms`, `parameters`, ...
        metrics_file: Where it writes them, relative to `{folder}`: a JSON object, or lines of which the last object
            counts. Empty: it prints them as a JSON object in one line of standard output, of which the last counts.
        fidelity: How far it can train.
    """

    metrics: tuple[str, ...] = Field(min_length=1)
    costs: tuple[str, ...] = ()
    metrics_file: str = ""
    fidelity: Fidelities = Fidelities()

    @field_validator("metrics_file")
    @classmethod
    def _inside(cls, name: str) -> str:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            raise InputError(f"{name!r} does not lie in the architecture's folder; give a path relative to {{folder}}.")
        return name

    @model_validator(mode="after")
    def _once(self) -> Self:
        twice = [name for name in self.costs if name in self.metrics]
        if twice:
            raise InputError(f"{twice[0]} is both a metric and a cost; take it out of one.")
        return self


class ScorerSettings(ProgramSettings):
    """A program that compares what a network said with references; see `ProgramSettings` for how it is run.

    `{hypotheses}`, `{sources}` and `{references}` in its words stand for files of one line an example, UTF-8; the first
    must be there. It prints the score: a line that ends in a number, or a JSON object with the metric's name, or with
    "score", as a key. The last line counts.

    Attributes:
        higher_is_better: The direction; None: that of the built-in metric of this name, else True.
        label: As people write it.
        unit: Of the values.
        bounds: Smallest and largest value; null for none.
        meaning: What it measures, in a phrase.
    """

    higher_is_better: bool | None = None
    label: str = ""
    unit: str = ""
    bounds: tuple[float | None, float | None] | None = None
    meaning: str = ""

    no_part: ClassVar[frozenset[str]] = ProgramSettings.no_part | set(_ABOUT)

    def metric(self, key: str) -> Metric:
        """The metric that it measures, under a key of observations.

        Raises:
            InputError: The declaration makes no sense.
        """
        return metric_from({"name": key, **{name: getattr(self, name) for name in _ABOUT}})


def _word(value: Any) -> Any:
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value
