"""A program of the user's: its words filled in, run to its end or stopped, and what it printed kept in a log."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from foretell.errors import InputError
from foretell.objectives.output import JsonLines, Log
from foretell.objectives.running import Ended, run_program
from foretell.objectives.settings import ProgramSettings
from foretell.objectives.template import Template
from foretell.progress import track

__all__ = ["Program", "Said"]


@dataclass(frozen=True)
class Said:
    """What a program printed, and how it ended.

    Attributes:
        out: Its standard output.
        ended: How.
        why_failed: In a phrase; empty where it ended well.
    """

    out: JsonLines
    ended: Ended
    why_failed: str


class Program:
    """Runs a program in a process group of its own, without a shell unless one is asked for.

    Time limit, interrupt and the death of this process end the program and everything that it started.

    Args:
        settings: Its words and how it is run.
        folder: What `cwd` is relative to; None: the present one.
        foreign: Whether it has an environment of its own, so that variables by which Python finds packages are kept
            from it.

    Raises:
        InputError: Its folder or, where no placeholder names it, the program is not there.
    """

    def __init__(self, settings: ProgramSettings, folder: Path | None = None, *, foreign: bool = False) -> None:
        self.settings = settings
        self._hidden = _PYTHONS if foreign else ()
        base = Path.cwd() if folder is None else folder.resolve()
        self.cwd = base if settings.cwd is None else base / settings.cwd.expanduser()
        self._check_folder()
        self._words = [Template(word if settings.shell else _home(word)) for word in settings.words]
        self._files = [self.cwd / _home(word) for word in settings.words if (self.cwd / _home(word)).is_file()]
        self._env = {name: Template(text) for name, text in settings.env.items()}
        if not settings.shell and not self._words[0].names:
            self._find(self._words[0].fill({}))

    def _check_folder(self) -> None:
        if not self.cwd.is_dir():
            raise InputError(f"the command's folder {self.cwd} does not exist; make it or correct cwd.")

    def _check_files(self) -> None:
        """Look again for what the command names: this may be another machine, where all labels would fail."""
        self._check_folder()
        for path in self._files:
            if not path.exists():
                raise InputError(f"{path}, which the command names, does not exist; put it there on every machine.")

    @property
    def names(self) -> set[str]:
        """The placeholders in its words and variables."""
        return {name for template in (*self._words, *self._env.values()) for name in template.names}

    def filled(self, values: Mapping[str, str]) -> list[str]:
        """Its words with values in the places of placeholders.

        Raises:
            InputError: The program that they name is not there.
        """
        if self.settings.shell:
            return ["/bin/sh", "-c", self._words[0].fill(values, shlex.quote)]
        words = [template.fill(values) for template in self._words]
        return [self._find(words[0]), *words[1:]]

    def run(self, words: list[str], values: Mapping[str, str], log: Path, title: str) -> Said:
        """Run it.

        Args:
            words: As `filled` gives them.
            values: Of the placeholders.
            log: Gets what is printed.
            title: What the progress display calls it.

        Raises:
            InputError: It cannot be started, or a file that it names is not there any more.
            StorageError: The log cannot be written.
        """
        self._check_files()
        inherited = {name: value for name, value in os.environ.items() if name not in self._hidden}
        env = {**inherited, **{name: template.fill(values) for name, template in self._env.items()}}
        streams = {"stdout": JsonLines(), "stderr": JsonLines()}
        limit, start = self.settings.time_limit, time.monotonic()
        with closing(Log(log, self.settings.log_limit)) as kept, track(title, limit or 1.0) as meter:
            kept.write(f"$ {shlex.join(words)}\n".encode())

            def on_output(name: str, data: bytes) -> None:
                kept.write(data)
                streams[name].write(data)
                line = data.rstrip().rpartition(b"\n")[2].rpartition(b"\r")[2][-80:]
                meter.update(0.0 if limit is None else time.monotonic() - start, line.decode(errors="replace"))

            ended = run_program(words, cwd=self.cwd, env=env, limit=limit, on_output=on_output)
        out, err = streams["stdout"], streams["stderr"]
        return Said(out, ended, self._why_failed(ended, err.last_line or out.last_line))

    def _find(self, program: str) -> str:
        """Where a program is: a path is relative to the command's folder, a name is looked for as a shell does.

        Raises:
            InputError: It is not there, or is no program.
        """
        if "/" in program:
            path = self.cwd / Path(program).expanduser()
            found = str(path) if path.is_file() and os.access(path, os.X_OK) else None
            why = "is not executable" if path.is_file() else "does not exist"
        else:
            found = shutil.which(program, path=self.settings.env.get("PATH"))
            why = "is not on the PATH"
        if found is None:
            raise InputError(
                f"the command {program!r} {why} (looked for from {self.cwd}); correct it, or install the program."
            )
        return found

    def _why_failed(self, ended: Ended, last: str) -> str:
        after = f": {last}" if last else ", and it said nothing"
        if ended.code is None:
            return f"the command ran for more than {self.settings.time_limit:g} s and was stopped{after}"
        if ended.code < 0:
            return f"the command was killed by {_signal_name(-ended.code)}{after}"
        return f"the command ended with exit code {ended.code}{after}" if ended.code else ""


_PYTHONS = ("PYTHONPATH", "PYTHONHOME")


def _home(word: str) -> str:
    """A word as a shell reads it that begins with the home folder."""
    return str(Path(word).expanduser()) if word.startswith("~/") else word


def _signal_name(number: int) -> str:
    try:
        return f"{signal.Signals(number).name} (signal {number})"
    except ValueError:
        return f"signal {number}"
