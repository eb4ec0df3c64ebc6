"""Labels from a program of the user's, in any language."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from foretell.display import shortened
from foretell.errors import InputError
from foretell.objectives.output import JsonLines, Log, last_object
from foretell.objectives.reading import failure, observed
from foretell.objectives.running import Ended, run_program
from foretell.objectives.settings import CommandSettings
from foretell.objectives.template import Template, check_placeholders, spelled
from foretell.observations import Observation
from foretell.parsing import read_bytes
from foretell.progress import track
from foretell.records import fingerprint, storage, write_json
from foretell.spaces import Architecture, SearchSpace

__all__ = ["CommandObjective"]

_ARCHITECTURE, _LOG = "architecture.json", "log.txt"
_MOST_METRICS = 16 << 20  # bytes of a metrics file
_UNUSED = {"time_limit", "cwd", "log_limit"}  # of the settings: no label depends on them


class CommandObjective:
    """Runs a program for each label, in a process group of its own and without a shell unless one is asked for.

    In the architecture's folder stand `log.txt` (what it printed, the beginning and the end), `architecture.json`
    where the command asks for it, and whatever the program writes there. Time limit, interrupt and the death of this
    process end the program and everything that it started.

    Args:
        settings: The command, and what it tells.
        space: Whose genes it is given.
        device: What `{device}` stands for: "auto" is resolved to "cpu" or "cuda:N".
        folder: The folder of the study's file, which `cwd` is relative to; None: the present one.

    Raises:
        UnknownNameError: A placeholder that is no gene.
        InputError: The command cannot work for any architecture: it is not there, a gene is never mentioned, ...
    """

    def __init__(
        self, settings: CommandSettings, space: SearchSpace, *, device: str = "auto", folder: Path | None = None
    ) -> None:
        self.settings, self.space, self.device = settings, space, device
        self.metrics, self.fidelities = settings.metrics, settings.fidelity
        base = Path.cwd() if folder is None else folder.resolve()
        self.cwd = base if settings.cwd is None else base / settings.cwd
        if not self.cwd.is_dir():
            raise InputError(f"the command's folder {self.cwd} does not exist; make it or correct cwd.")
        self._words = [Template(word) for word in settings.words]
        self._env = {name: Template(text) for name, text in settings.env.items()}
        self._named = {name for template in (*self._words, *self._env.values()) for name in template.names}
        check_placeholders(self._named, space, fidelity=bool(self.fidelities.unit))
        if not settings.shell and not self._words[0].names:
            self._find(self._words[0].fill({}))

    @property
    def fingerprint(self) -> str:
        """Names the command with its placeholders, and what is read from it; not the files that it runs."""
        told = self.settings.model_dump(mode="json", exclude_defaults=True, exclude=_UNUSED)
        return fingerprint({**told, "command": self.settings.words})

    def label(self, architecture: Architecture, *, seed: int, fidelity: float, folder: Path) -> Observation:
        """Run the program; see `Objective.label`.

        A program that fails, is killed, runs out of time or tells no finite metric gives a failed label.
        """
        share, amount = self.fidelities.nearest(fidelity), self.fidelities.amount(fidelity)
        folder = folder.resolve()
        with storage(folder):
            folder.mkdir(parents=True, exist_ok=True)
        said = self._metrics_file(folder)
        if said is not None:
            with storage(said):
                said.unlink(missing_ok=True)  # an earlier run's, which must not be taken for this one's
        values = self._values(architecture, seed, amount, folder)
        words = self._filled(values)
        out, err, ended = self._run(words, values, folder)
        about: dict[str, Any] = {"seed": seed, "objective": self.fingerprint, "command": _brief(words)}
        if self.fidelities.unit:
            about[self.fidelities.unit] = amount
        about |= {"training_seconds": ended.seconds, "training_cpu_seconds": ended.cpu_seconds}
        why = self._why_failed(ended, err.last_line or out.last_line)
        if why:
            return failure(architecture, why, share, about)
        found = out.last_object() if said is None else _read(said)
        if found is None:
            return failure(architecture, self._why_nothing(out, said), share, about)
        return observed(architecture, found, self.metrics, self.settings.costs, share, about)

    def _values(self, architecture: Architecture, seed: int, amount: int | float, folder: Path) -> dict[str, str]:
        genes = architecture.to_dict()
        values = {name: spelled(value) for name, value in genes.items()}
        values |= {"seed": str(seed), "fidelity": str(amount), "folder": str(folder), "python": sys.executable}
        if "architecture" in self._named:
            write_json(folder / _ARCHITECTURE, genes)
            values["architecture"] = str(folder / _ARCHITECTURE)
        if "device" in self._named:
            from foretell.training import choose_device  # takes torch a second or two to import

            values["device"] = str(choose_device(self.device))
        return values

    def _filled(self, values: Mapping[str, str]) -> list[str]:
        if self.settings.shell:
            return ["/bin/sh", "-c", self._words[0].fill(values, shlex.quote)]
        words = [template.fill(values) for template in self._words]
        return [self._find(words[0]), *words[1:]]

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
                f"the command {program!r} {why} (looked for from {self.cwd}); correct the objective's command, or "
                "install it."
            )
        return found

    def _run(self, words: list[str], values: Mapping[str, str], folder: Path) -> tuple[JsonLines, JsonLines, Ended]:
        env = {**os.environ, **{name: template.fill(values) for name, template in self._env.items()}}
        streams = {"stdout": JsonLines(), "stderr": JsonLines()}
        limit, start = self.settings.time_limit, time.monotonic()
        with closing(Log(folder / _LOG, self.settings.log_limit)) as log, track("training", limit or 1.0) as meter:
            log.write(f"$ {shlex.join(words)}\n".encode())

            def on_output(name: str, data: bytes) -> None:
                log.write(data)
                streams[name].write(data)
                line = data.rstrip().rpartition(b"\n")[2].rpartition(b"\r")[2][-80:]
                meter.update(0.0 if limit is None else time.monotonic() - start, line.decode(errors="replace"))

            ended = run_program(words, cwd=self.cwd, env=env, limit=limit, on_output=on_output)
        return streams["stdout"], streams["stderr"], ended

    def _why_failed(self, ended: Ended, last: str) -> str:
        after = f": {last}" if last else ", and it said nothing"
        if ended.code is None:
            return f"the command ran for more than {self.settings.time_limit:g} s and was stopped{after}"
        if ended.code < 0:
            return f"the command was killed by {_signal_name(-ended.code)}{after}"
        return f"the command ended with exit code {ended.code}{after}" if ended.code else ""

    def _why_nothing(self, out: JsonLines, said: Path | None) -> str:
        wanted = f'{{"{self.metrics[0]}": 1.23}}'
        if said is not None:
            what = "no JSON object" if said.is_file() else "not there"
            return f"the command ended well but {said} is {what}; expected {wanted} in it."
        if out.silent:
            return f"the command printed nothing; expected a line such as {wanted} on its standard output."
        return f"the command printed no JSON object in one line; expected one such as {wanted}, last: {out.last_line}"

    def _metrics_file(self, folder: Path) -> Path | None:
        return folder / self.settings.metrics_file if self.settings.metrics_file else None


def _read(path: Path) -> dict[str, Any] | None:
    return last_object(read_bytes(path, most=_MOST_METRICS)) if path.is_file() else None


def _signal_name(number: int) -> str:
    try:
        return f"{signal.Signals(number).name} (signal {number})"
    except ValueError:
        return f"signal {number}"


def _brief(words: list[str]) -> str:
    return shortened(shlex.join(words), 1000)
