"""Metrics that a program of the user's measures, in an environment of its own, on what a network said."""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from foretell.display import shortened
from foretell.errors import InputError
from foretell.objectives.output import JsonLines
from foretell.objectives.program import Program
from foretell.objectives.settings import ScorerSettings
from foretell.objectives.store import claim
from foretell.records import fingerprint, read_json, write_atomic, write_json
from foretell.tasks.translation import cache_folder

__all__ = ["ExternalScorer"]

_FILES = ("hypotheses", "sources", "references")
_SCORES, _LOG = "scores.json", "log.txt"
_ALSO = "score"
"""The key of a JSON object that counts where the metric's name is none."""


class ExternalScorer:
    """Runs a program on files of hypotheses, sources and references, one line an example.

    One at a time on this machine, however many trainings there are, for such programs load large models. A score is
    kept with what it depends on (the texts and the command) and asked for once.

    Args:
        name: Of the metric, without the split: "comet".
        settings: The program.
        folder: What its `cwd` is relative to; None: the present one.

    Raises:
        InputError: It is not there, or hears of no hypotheses, or of what there is not.
    """

    def __init__(self, name: str, settings: ScorerSettings, folder: Path | None = None) -> None:
        self.name, self.settings = name, settings
        self._program = Program(settings, folder, foreign=True)
        unknown = sorted(self._program.names - set(_FILES))
        if unknown:
            raise InputError(
                f"the scorer {name} has the placeholder {{{unknown[0]}}}; expected {{hypotheses}}, {{sources}} and "
                "{references}; correct its command."
            )
        if _FILES[0] not in self._program.names:
            raise InputError(
                f"the scorer {name} never hears of what the network said; add {{hypotheses}} to its command."
            )

    def score(self, texts: Mapping[str, Sequence[str]], folder: Path) -> float:
        """The score of hypotheses, from the folder where it was kept, or by running the program.

        Args:
            texts: "hypotheses", "sources" and "references", as many of each.
            folder: Keeps scores; while the program runs, and after it failed, a folder in it holds files and log.

        Raises:
            InputError: The program failed, or printed no score; the message says where its log is.
            StorageError: The folder cannot be written.
        """
        lines = {name: [" ".join(text.splitlines()) for text in texts[name]] for name in _FILES}
        key = fingerprint([self.settings.told, lines])
        kept = folder / _SCORES
        known = read_json(kept) if kept.exists() else {}
        if isinstance(known.get(key), float):
            return float(known[key])
        place = folder / f"scoring-{self.name}"
        files = {name: place / f"{name}.txt" for name in _FILES}
        for name, path in files.items():
            write_atomic(path, "".join(f"{line}\n" for line in lines[name]).encode())
        values = {name: str(path.resolve()) for name, path in files.items()}
        with claim(cache_folder() / "scorers"):
            ran = self._program.run(self._program.filled(values), values, place / _LOG, f"scoring with {self.name}")
        log = place / _LOG
        if ran.why_failed:
            raise InputError(f"the scorer {self.name} failed: {ran.why_failed}; correct its command (its log: {log}).")
        value = _number(ran.out, self.name)
        if value is None:
            raise InputError(
                f"the scorer {self.name} printed {shortened(ran.out.last_line, 100)!r} last; expected a line that ends "
                f'in the score, or a JSON object such as {{"{self.name}": 0.83}}; correct its command (log: {log}).'
            )
        write_json(kept, {**known, key: value})
        shutil.rmtree(place, ignore_errors=True)
        return value


def _number(out: JsonLines, name: str) -> float | None:
    """The finite number that the last line of an output tells, if it tells one."""
    found = out.last_object()
    told = None if found is None else found.get(name, found.get(_ALSO))
    if told is None:
        words = out.last_line.split()
        told = words[-1] if words else None
    try:
        value = math.nan if told is None or isinstance(told, bool) else float(told)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None
