"""Labels from a program of the user's, in any language."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

from foretell.display import shortened
from foretell.objectives.output import JsonLines, last_object
from foretell.objectives.program import Program
from foretell.objectives.reading import failure, observed
from foretell.objectives.settings import CommandSettings
from foretell.objectives.template import check_placeholders, spelled
from foretell.observations import Observation
from foretell.parsing import read_bytes
from foretell.records import fingerprint, storage, write_json
from foretell.spaces import Architecture, SearchSpace

__all__ = ["CommandObjective"]

_ARCHITECTURE, _LOG = "architecture.json", "log.txt"
_MOST_METRICS = 16 << 20  # bytes of a metrics file


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
        self._program = Program(settings, folder)
        self._named = self._program.names
        check_placeholders(self._named, space, fidelity=bool(self.fidelities.unit))

    @property
    def fingerprint(self) -> str:
        """Names the command with its placeholders, and what is read from it; not the files that it runs."""
        return fingerprint(self.settings.told)

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
        words = self._program.filled(values)
        ran = self._program.run(words, values, folder / _LOG, "training")
        out, ended = ran.out, ran.ended
        about: dict[str, Any] = {"seed": seed, "objective": self.fingerprint, "command": _brief(words)}
        if self.fidelities.unit:
            about[self.fidelities.unit] = amount
        about |= {"training_seconds": ended.seconds, "training_cpu_seconds": ended.cpu_seconds}
        if ran.why_failed:
            return failure(architecture, ran.why_failed, share, about)
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


def _brief(words: list[str]) -> str:
    return shortened(shlex.join(words), 1000)
