"""What a study says of the user's program."""

from __future__ import annotations

import re
import shlex
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from foretell.errors import InputError
from foretell.objectives.base import Fidelities

__all__ = ["CommandSettings", "seconds"]

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


class CommandSettings(BaseModel):
    """A program that trains an architecture and says how good it is.

    Attributes:
        command: Its words, or one string that is split into words as a shell does. `{gene}` stands for a gene's value
            (a JSON list for a gene of each layer), `{architecture}` for a JSON file of all of them, `{seed}`,
            `{fidelity}` (in the unit below), `{folder}` and `{device}` for what they say, `{python}` for the Python
            that runs foretell; `{{` and `}}` are braces.
        shell: Whether `command`, one string, is a shell's script; what is filled in is quoted.
        metrics: The metrics that it tells, most important first.
        costs: What else it tells: `latency_ms`, `parameters`, ...
        metrics_file: Where it writes them, relative to `{folder}`: a JSON object, or lines of which the last object
            counts. Empty: it prints them as a JSON object in one line of standard output, of which the last counts.
        time_limit: Seconds, or "10m"; then it is stopped. None: it may run for ever.
        fidelity: How far it can train.
        env: Variables for it beside those of this process; placeholders are filled in.
        cwd: The folder that it runs in, relative to the study's file; that file's folder by default.
        log_limit: Bytes kept of what it prints: the first and the last half.
        version: Part of the fingerprint; to be raised when the program's results change.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    command: str | tuple[str, ...]
    shell: bool = False
    metrics: tuple[str, ...] = Field(min_length=1)
    costs: tuple[str, ...] = ()
    metrics_file: str = ""
    time_limit: float | None = None
    fidelity: Fidelities = Fidelities()
    env: dict[str, str] = Field(default_factory=dict)
    cwd: Path | None = None
    log_limit: int = Field(default=1 << 20, ge=1024)
    version: int = 1

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

    @field_validator("metrics_file")
    @classmethod
    def _inside(cls, name: str) -> str:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            raise InputError(f"{name!r} does not lie in the architecture's folder; give a path relative to {{folder}}.")
        return name

    @model_validator(mode="after")
    def _complete(self) -> CommandSettings:
        if self.shell and not isinstance(self.command, str):
            raise InputError("shell is true but command is a list of words; give one string, or leave shell out.")
        if not self.words:
            raise InputError("the command is empty; give the program and its arguments.")
        twice = [name for name in self.costs if name in self.metrics]
        if twice:
            raise InputError(f"{twice[0]} is both a metric and a cost; take it out of one.")
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


def _word(value: Any) -> Any:
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value
