"""Files that a crash or a bad disk has damaged: torn lines, checkpoints, the ledger."""

import random
import signal
import sqlite3
import threading
import time
from pathlib import Path

from tests.faults.commands import Command
from tests.faults.ground import Ground, Tally, strike
from tests.faults.kills import bought_again, lines_lost


def torn_last_line(ground: Ground, command: Command, count: int, rng: random.Random) -> Tally:
    """Cut the last line of each growing file anywhere; the run makes it again and keeps the others."""
    finished, tally = ground.finished(command), Tally()
    for name in [name for name, lines in command.lines(finished).items() if lines]:
        for _ in range(count):
            ground.begin(finished)
            path = ground.place / name
            before = command.lines(ground.place)
            length = len(before[name].pop()) + 1
            path.write_bytes(path.read_bytes()[: -rng.randrange(1, length)])
            paid, bought = ground.paid(), ground.bought()
            tally.note(1, ground.finish(command))
            tally.lost += lines_lost(before, command.lines(ground.place)) + bought_again(ground, paid, bought)
    return tally


def damaged_checkpoint(ground: Ground, command: Command, count: int, rng: random.Random) -> Tally:
    """Cut a checkpoint, or flip a bit of it: it is never used, and the run ends where it would have."""
    ground.reference(command)
    tally = Tally()
    for _ in range(5 * count):  # some runs end before the kill
        if tally.tried == count:
            break
        if not _interrupt_training(ground, command, rng):
            continue
        path = rng.choice(_read_when_resumed(ground.place))
        _damage(path, cut=bool(tally.tried % 2), rng=rng)
        code = ground.run(command)
        problem = ground.problem(command, code)
        tally.note(1, problem and f"{path.name}: {problem}")
    return tally


def damaged_result(ground: Ground, command: Command, count: int, rng: random.Random) -> Tally:
    """Cut a finished network, or flip a bit of it: the same command makes it again."""
    finished, tally = ground.finished(command), Tally()
    for number in range(count):
        ground.begin(finished)
        path = rng.choice(sorted(ground.place.glob("cache/*/*/*.safetensors")))
        _damage(path, cut=bool(number % 2), rng=rng)
        problem = ground.finish(command)
        tally.note(1, problem and f"{path.name}: {problem}")
    return tally


def locked_ledger(ground: Ground, command: Command, count: int, rng: random.Random) -> Tally:
    """Let another process hold the ledger for a while: the command waits."""
    ground.reference(command)
    tally = Tally()
    for _ in range(count):
        ground.begin()
        ground.start(command)
        path = ground.place / "ledger.sqlite"
        while not path.exists():
            time.sleep(0.005)
        holder = threading.Thread(target=_hold, args=(path, rng.uniform(0.5, 1.5)))
        holder.start()
        problem = ground.problem(command, ground.wait())
        holder.join()
        tally.note(1, problem)
    return tally


def damaged_ledger(ground: Ground, command: Command, count: int, rng: random.Random) -> Tally:
    """Cut the ledger or overwrite some of it: refused with a sentence, or what is damaged is asked for again."""
    finished, tally = ground.finished(command), Tally()
    for number in range(count):
        ground.begin(finished)
        path = ground.place / "ledger.sqlite"
        _checkpointed(path)
        (ground.place / "labels.jsonl").unlink()
        _damage(path, cut=bool(number % 2), rng=rng, flips=64)
        code = ground.run(command)
        problem = ""
        if code:
            problem = ground.refusal(code, 2, "move it away")
            for each in ground.place.glob("ledger.sqlite*"):
                each.unlink()
            code = ground.run(command)
        tally.note(1, problem or ground.problem(command, code))
    return tally


def _read_when_resumed(place: Path) -> list[Path]:
    """The best weights of every network, and the state of those whose training is not finished."""
    states = [
        path for path in place.glob("cache/*/*/state.safetensors") if not path.with_name("training.json").exists()
    ]
    return sorted([*states, *place.glob("cache/*/*/model.safetensors")])


def _interrupt_training(ground: Ground, command: Command, rng: random.Random) -> bool:
    """Kill a run after its n-th checkpoint; whether it was still running then."""
    ground.begin()
    pid = ground.start(command)
    wanted, seen = rng.randrange(1, 5), set()
    while len(seen) < wanted and not ground.zygote.ended(0.002):
        for path in ground.place.glob("cache/*/*/state.safetensors"):
            seen.add((path, path.stat().st_mtime_ns))
    strike(pid, signal.SIGKILL, whole=True)
    return ground.wait() == -signal.SIGKILL


def _damage(path: Path, *, cut: bool, rng: random.Random, flips: int = 1) -> None:
    data = bytearray(path.read_bytes())
    if cut:
        path.write_bytes(data[: rng.randrange(len(data))])
        return
    for _ in range(flips):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)


def _hold(path: Path, seconds: float) -> None:
    database = sqlite3.connect(path, timeout=60, isolation_level=None)
    database.execute("BEGIN EXCLUSIVE")
    time.sleep(seconds)
    database.execute("COMMIT")
    database.close()


def _checkpointed(path: Path) -> None:
    """Move the write-ahead log into the file, so that the file is what gets damaged."""
    database = sqlite3.connect(path)
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
