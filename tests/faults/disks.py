"""Disks that are full or read-only: small file systems in memory, mounted for the test."""

import os
import random
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.commands import Command
from tests.faults.ground import Ground, Tally
from tests.faults.kills import lines_lost

_ROOMY = "64m"
_PAGE = 4096


def full_disk(ground: Ground, command: Command, count: int, rng: random.Random) -> Tally:
    """Let the disk fill up somewhere in a run; with more room the same command goes on.

    What a run takes differs a little from run to run (a database writes more or less ahead): where one just fitted,
    another is tried, unless too many do.
    """
    needed = _pages(ground.finished(command)) - _pages(ground.template)
    tally = Tally()
    for _ in range(5 * count):
        if tally.tried >= count:
            break
        with _disk(ground):
            ground.begin()
            _remount(ground.place, f"size={(_pages(ground.place) + rng.randrange(1, needed)) * _PAGE}")
            code = ground.run(command)
            problem = "" if code == 0 else ground.refusal(code, 1, "disk is full", "disk I/O error")
            before = command.lines(ground.place)
            _remount(ground.place, f"size={_ROOMY}")
            problem = problem or ground.finish(command)
            tally.lost += lines_lost(before, command.lines(ground.place))
            tally.note(1 if code else 0, problem)
    return tally


def read_only(ground: Ground, command: Command, count: int, rng: random.Random) -> Tally:
    """Let the disk be read-only at the start of a run, or when it is resumed; made writable the command goes on."""
    ground.reference(command)
    tally = Tally()
    for number in range(count):
        with _disk(ground):
            ground.begin()
            if number % 2:
                ground.run(command, FORETELL_FAULT_DIE=str(rng.randrange(10, 60)))
            before = command.lines(ground.place)
            _remount(ground.place, "ro")
            code = ground.run(command)
            problem = ground.refusal(code, 1, "read-only", "readonly", "can be written")
            _remount(ground.place, "rw")
            problem = problem or ground.finish(command)
            tally.lost += lines_lost(before, command.lines(ground.place))
            tally.note(1, problem)
    return tally


def may_mount(root: Path) -> bool:
    """Whether file systems may be mounted here."""
    if os.geteuid() != 0:
        return False
    place = root / "mount"
    place.mkdir(exist_ok=True)
    tried = subprocess.run(["mount", "-t", "tmpfs", "none", place], check=False, capture_output=True)
    if tried.returncode == 0:
        subprocess.run(["umount", place], check=True)
    return tried.returncode == 0


@contextmanager
def _disk(ground: Ground) -> Iterator[None]:
    ground.clear()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_ROOMY}", "none", ground.place], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", ground.place], check=True)


def _remount(place: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", place], check=True)


def _pages(folder: Path) -> int:
    """What the files of a folder take on such a disk."""
    return sum(-(-path.stat().st_size // _PAGE) for path in folder.rglob("*") if path.is_file())
