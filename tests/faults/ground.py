"""Where faults are tried: folders, a zygote, an endpoint that counts what it sold, and what must come out."""

import itertools
import os
import shutil
import signal
import sqlite3
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.campaigns import prepare_campaigns
from tests.faults.commands import Command, prepare
from tests.faults.preload import build
from tests.llm.fault_server import FaultServer
from tests.zygote import Zygote

LONGEST = 300
"""Seconds after which a command counts as hanging."""


@dataclass
class Tally:
    """One line of the table.

    Attributes:
        tried: Faults that really hit a running command, or damage that a command really met.
        survived: Those of them after which the same command, run again, ended as if nothing had happened.
        lost: Lines that were complete and went, and replies in the ledger that were bought again.
        notes: What went wrong, for the person who repairs it.
    """

    tried: int = 0
    survived: int = 0
    lost: int = 0
    notes: list[str] = field(default_factory=list)

    def note(self, tried: int, problem: str) -> None:
        """Count faults that ended well (no problem) or badly; a problem counts even where no fault was in sight."""
        self.tried += max(tried, 1) if problem else tried
        self.survived += 0 if problem else tried
        if problem:
            self.notes.append(problem)


class Ground:
    """The ground on which one command after the other is disturbed. Used as a context manager.

    Everything happens in one folder, `place`: a run remembers the paths of its study, so it cannot be moved.

    Args:
        root: A folder for everything.

    Attributes:
        seconds: How long each command takes undisturbed.
        more: Variables that every command gets besides.
    """

    def __init__(self, root: Path) -> None:
        self.root, self.place, self.template = root, root / "place", root / "template"
        self.preload = build(root)
        self.zygote = Zygote(self.preload)
        self.server = FaultServer(delay=0.02)
        self.seconds: dict[str, float] = {}
        self.more: dict[str, str] = {}
        self._expected: dict[str, object] = {}
        self._finished: dict[str, Path] = {}
        self._bad = itertools.count()
        self._open = ExitStack()

    def __enter__(self):
        (self.template / "cache").mkdir(parents=True)
        prepare(self.template)
        prepare_campaigns(self.template)
        for part in (self.zygote, self.server):
            self._open.enter_context(part)
        (self.root / "twin").mkdir()
        self.other = self.zygote.twin(self.root / "twin")  # for what runs beside
        self._open.push(self.other)
        return self

    def __exit__(self, *_):
        self._open.close()

    # ---- running commands

    def begin(self, source: Path | None = None) -> None:
        """Put the place in the state of a folder; None: nothing has run yet."""
        self.clear()
        shutil.copytree(source or self.template, self.place, dirs_exist_ok=True)

    def clear(self) -> None:
        """Empty the place, which may be a mounted disk."""
        self.place.mkdir(exist_ok=True)
        for path in self.place.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def start(self, command: Command, **environment: str) -> int:
        """Begin a command in the place; its process number."""
        return self.zygote.start(*self._call(command, self.root), **self._told(**environment))

    def wait(self) -> int:
        """The exit code of what `start` began, negative for a signal."""
        return _end(self.zygote, self.root)

    def run(self, command: Command, **environment: str) -> int:
        """Run a command to its end."""
        self.start(command, **environment)
        return self.wait()

    def run_beside(self, command: Command) -> tuple[int, str]:
        """Run a command to its end while another one is running; its exit code and what it said."""
        output = self.root / "beside"
        output.mkdir(exist_ok=True)
        self.other.start(*self._call(command, output), **self._told())
        return _end(self.other, output), _read(output / "err.txt")

    def said(self) -> str:
        """What the last command wrote to standard error."""
        return _read(self.root / "err.txt")

    def _call(self, command: Command, output: Path) -> tuple[list[str], Path, Path]:
        more = ["--llm", f"{self.server.url}#fake"] if command.name == "label" else []
        return ["--quiet", *command.arguments, *more, "--json"], self.place, output

    def _told(self, **more: str) -> dict[str, str]:
        told = {"FORETELL_CACHE": str(self.place / "cache"), "FORETELL_API_KEY": "none", "COLUMNS": "80"}
        return {**told, **self.more, **more}

    # ---- what must come out

    def reference(self, command: Command) -> object:
        """The result of a run that nothing disturbed; how long it took is kept as well."""
        if command.name not in self._expected:
            self.begin()
            start = time.monotonic()
            assert self.run(command) == 0, self.said()
            self.seconds[command.name] = time.monotonic() - start
            if command.name == "search":  # a device is measured once; measuring is a command of its own here
                shutil.copytree(self.place / "cache/latency", self.template / "cache/latency", dirs_exist_ok=True)
            self._expected[command.name] = command.result(self.place)
            self._finished[command.name] = self.root / f"finished {command.name}"
            shutil.copytree(self.place, self._finished[command.name])
        return self._expected[command.name]

    def finished(self, command: Command) -> Path:
        """A copy of the folder of a run that nothing disturbed."""
        self.reference(command)
        return self._finished[command.name]

    def problem(self, command: Command, code: int) -> str:
        """What is wrong with a run that ended; empty if nothing is. The evidence is kept."""
        said = self.said()
        if "Traceback" in said:
            found = f"a traceback: {said[-600:]}"
        elif code:
            found = f"exit code {code}: {said[-300:]}"
        else:
            found = "" if command.result(self.place) == self.reference(command) else "another result"
        return f"{found} (kept in {self._keep()})" if found else ""

    def refusal(self, code: int, expected: int, *words: str) -> str:
        """What is wrong with the way a command gave up: one sentence with one of these words, and the exit code."""
        said = self.said().strip()
        last = said.splitlines()[-1] if said else ""
        if "Traceback" in said or code != expected or not last.startswith("foretell: "):
            return f"exit code {code} (expected {expected}): {said[-600:]}"
        return "" if any(word in last for word in words) else f"another sentence: {last}"

    def finish(self, command: Command) -> str:
        """Run the same command again, undisturbed; what is wrong with how it ended."""
        return self.problem(command, self.run(command))

    def _keep(self) -> Path:
        target = self.root / f"bad-{next(self._bad)}"
        shutil.copytree(self.place, target)
        return target

    # ---- what was bought

    def bought(self) -> Counter:
        """How often the endpoint answered each question."""
        return Counter(self.server.answers)

    def paid(self) -> set[str]:
        """The questions whose replies the ledger holds."""
        path = self.place / "ledger.sqlite"
        if not path.exists():
            return set()
        database = sqlite3.connect(path)
        try:
            rows = database.execute("SELECT t.text || c.query FROM calls c JOIN texts t ON t.id = c.prefix").fetchall()
        except sqlite3.OperationalError:
            return set()  # killed before its tables were made
        finally:
            database.close()
        return {text for (text,) in rows}


def _end(zygote: Zygote, output: Path) -> int:
    """The exit code of what a zygote runs; hanging is a failure."""
    if not zygote.ended(LONGEST):
        strike(zygote.pid, signal.SIGABRT, whole=True)
        zygote.status()
        raise AssertionError(f"the command hangs: {_read(output / 'err.txt')}")
    return zygote.status()


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def strike(pid: int, signal_: int, *, whole: bool = False) -> bool:
    """Send a signal to a process, or to its whole group; whether there was still one to get it."""
    try:
        os.killpg(pid, signal_) if whole else os.kill(pid, signal_)
    except ProcessLookupError:
        return False
    return True


def living_in(place: Path) -> list[int]:
    """The processes that were given a path in a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if os.fsencode(place) in path.read_bytes():
                found.append(int(path.parent.name))
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended
    return found


def children(pid: int) -> list[int]:
    """The processes that a process has begun and that still run, multiprocessing's own bookkeeper left out."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = path.read_text().rpartition(")")[2].split()[:2]
            keeper = b"resource_tracker" in path.with_name("cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended
        if int(parent) == pid and state != "Z" and not keeper:
            found.append(int(path.parent.name))
    return found
