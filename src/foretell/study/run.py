"""A run on disk: its folder, its stages, and what they took."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from foretell import __version__, progress
from foretell.errors import IntegrityError
from foretell.locks import lock_folder
from foretell.records import read_object, write_atomic, write_json
from foretell.study.binding import check_binding
from foretell.study.config import StudyConfig

__all__ = ["Run", "open_run", "paid_for"]

_STUDY, _STAGES = "study.yaml", "stages.json"
_FREE = (_STUDY, _STAGES, "teacher.json", "latency.json", "latency-samples*.json", "compare", "equal-time", "scorers")
"""What a run writes before anything of its own was paid for: settings, and copies of what the user's store keeps."""


class Run:
    """The folder of one run.

    Args:
        folder: `study.yaml`, `stages.json`, `search/`, `winner/` and `result.json` are kept here.
        study: What is run.

    Attributes:
        planned: The stages to come, in order, where they are known: each is then shown with its place.
    """

    planned: Sequence[str] = ()

    def __init__(self, folder: Path, study: StudyConfig) -> None:
        self.folder, self.study = folder, study
        self._stages: dict[str, float] = {}
        path = folder / _STAGES
        if path.exists():
            seconds = read_object(path, "seconds")["seconds"]
            if not isinstance(seconds, dict) or not all(isinstance(each, (int, float)) for each in seconds.values()):
                raise IntegrityError(f"{path} holds no seconds by stage; delete it.")
            self._stages = seconds

    @property
    def stages(self) -> dict[str, float]:
        """Seconds of each stage, over all sittings."""
        return dict(self._stages)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage, and show it; what earlier sittings spent on it is added."""
        start = time.perf_counter()
        place = f" ({self.planned.index(name) + 1} of {len(self.planned)})" if name in self.planned else ""
        try:
            with progress.stage(f"{name}{place}"):
                yield
        finally:
            self._stages[name] = round(self._stages.get(name, 0.0) + time.perf_counter() - start, 2)
            write_json(self.folder / _STAGES, {"seconds": self._stages})

    def finish(self, result: dict[str, Any]) -> dict[str, Any]:
        """Write `result.json` and return it."""
        software = {"foretell": __version__, "python": platform.python_version(), "machine": platform.machine()}
        whole = {"format": 1, "name": self.study.name, **result, "stages": self.stages, "software": software}
        write_json(self.folder / "result.json", whole)
        return whole


def paid_for(folder: Path) -> list[str]:
    """What a run's folder holds that was paid for, by file name: then it belongs to its study."""
    return [path.name for path in folder.iterdir() if not _is_free(path)] if folder.is_dir() else []


def _is_free(path: Path) -> bool:
    if path.is_dir() and path.name in ("compare", "equal-time"):
        return not any(each.name != "plan.json" for each in path.iterdir())
    return path.name.startswith(".") or any(path.match(pattern) for pattern in _FREE)


@contextmanager
def open_run(study: StudyConfig, out: Path | None, *, resume: bool) -> Iterator[Run]:
    """Open a run's folder for this process alone.

    A folder is bound to its study once something in it was paid for. Until then, as after a refusal, any study may
    begin there.

    Args:
        study: What to run.
        out: The folder; None is `runs/<name of the study>`.
        resume: Go on with what is there; without it a folder that holds a run is refused.

    Raises:
        InputError: The folder holds a run and `resume` is false, or a run of another study; what differs is named.
        RunBusyError: Another process works in it.
        StorageError: It cannot be written.
    """
    folder = out or Path("runs") / study.name
    file, text = folder / _STUDY, study.to_yaml()
    paid = bool(paid_for(folder))
    if file.exists() and paid:
        check_binding(file, study, resume=resume, again="--resume")
    with lock_folder(folder):
        if not paid and not (resume and file.exists() and file.read_text(encoding="utf-8") == text):
            _clear(folder)
        write_atomic(file, text)
        yield Run(folder, study)


def _clear(folder: Path) -> None:
    """Forget what another study, or an earlier start, left without having paid for anything."""
    for pattern in (*_FREE, "equal-time/plan.json"):
        for path in folder.glob(pattern):
            if path.is_file():
                path.unlink()
