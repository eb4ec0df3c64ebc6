"""A run on disk: its folder, its stages, and what they took."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from foretell import __version__, progress
from foretell.errors import InputError, IntegrityError
from foretell.records import lock_folder, read_object, write_atomic, write_json
from foretell.study.config import StudyConfig
from foretell.tasks.translation import cache_folder

__all__ = ["Run", "open_run", "store_folder"]


def store_folder(kind: str, key: str, first: str | None = None) -> Path:
    """Where an expensive thing lives that several runs may need: a supernet, a trained architecture.

    It is under the user's cache folder, named by everything that it depends on, so that no run computes it
    a second time.

    Args:
        kind: Of thing.
        key: Its name.
        first: What the first version called it: where that is there and nothing of the present name is, it is used
            as it stands, for it may be large, and an earlier version at work in it.
    """
    named, before = cache_folder() / kind / key, cache_folder() / kind / (first or key)
    return before if before.is_dir() and not named.is_dir() else named


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
        path = folder / "stages.json"
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
            write_json(self.folder / "stages.json", {"seconds": self._stages})

    def finish(self, result: dict[str, Any]) -> dict[str, Any]:
        """Write `result.json` and return it."""
        software = {"foretell": __version__, "python": platform.python_version(), "machine": platform.machine()}
        whole = {"format": 1, "name": self.study.name, **result, "stages": self.stages, "software": software}
        write_json(self.folder / "result.json", whole)
        return whole


@contextmanager
def open_run(study: StudyConfig, out: Path | None, *, resume: bool) -> Iterator[Run]:
    """Open a run's folder for this process alone.

    Args:
        study: What to run.
        out: The folder; None is `runs/<name of the study>`.
        resume: Go on with what is there; without it a folder that holds a run is refused.

    Raises:
        InputError: The folder holds a run and `resume` is false, or a run of another study.
        RunBusyError: Another process works in it.
        StorageError: It cannot be written.
    """
    folder = out or Path("runs") / study.name
    file = folder / "study.yaml"
    text = study.to_yaml()
    if file.exists():
        if not resume:
            raise InputError(
                f"{folder} holds a run already; add --resume to go on with it, or choose another folder with --out."
            )
        if file.read_text(encoding="utf-8") != text:
            raise InputError(
                f"{folder} holds a run of another study; repeat the options it was started with (see {file}), "
                "or choose another folder with --out."
            )
    with lock_folder(folder):
        write_atomic(file, text)
        yield Run(folder, study)
