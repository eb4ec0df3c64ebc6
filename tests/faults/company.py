"""What others do to a running command: a second one, the memory, the clock, an impatient user."""

import random
import resource
import signal
import time
from pathlib import Path

from tests.faults.commands import Command
from tests.faults.ground import Ground, Tally, children, strike


def second_process(ground: Ground, command: Command, count: int, rng: random.Random) -> Tally:
    """Start a command where it is running already.

    The second refuses and names the first; where the first holds nothing but what is in the store, it waits for it.
    """
    ground.reference(command)
    tally = Tally()
    for _ in range(count):
        ground.begin()
        pid = ground.start(command)
        family: list[int] = []
        waits = False
        while not (family or waits or ground.zygote.ended(0.002)):
            living = [pid, *children(pid)]
            held = [path for path in _locks(ground.place) if _holder(path) in map(str, living)]
            waits = bool(held) and all((ground.place / "cache") in path.parents for path in held)
            if held and not waits:
                family = [each for each in living if strike(each, signal.SIGSTOP)]
        code, said = ground.run_beside(command)
        for each in family:
            strike(each, signal.SIGCONT)
        named = code == 2 and any(f"in use by process {each};" in said for each in family)
        problem = "" if named or (waits and code == 0) else f"exit code {code}: {said[-300:]}"
        tally.note(1, problem or ground.problem(command, ground.wait()))
    return tally


def killed_worker(ground: Ground, command: Command, count: int, rng: random.Random) -> Tally:
    """Kill a worker, as the kernel does for want of memory: a sentence, and the same command goes on."""

    def hit(pid: int) -> bool:
        workers = children(pid)
        return bool(workers) and strike(rng.choice(workers), signal.SIGKILL)

    return _hit_once(ground, command, count, rng, hit, 1, "was killed")


def no_memory(ground: Ground, command: Command, count: int, rng: random.Random) -> Tally:
    """Let the command, or a worker of it, get no more memory: a sentence, and the same command goes on.

    Where it is a C++ library that gets none, it may end the process before Python hears of it: as good as a kill.
    """

    def hit(pid: int) -> bool:
        target = rng.choice(children(pid) or [pid])
        try:
            pages = int(Path(f"/proc/{target}/statm").read_text().split()[0])
            limit = pages * resource.getpagesize() + rng.randrange(1 << 20)
            resource.prlimit(target, resource.RLIMIT_AS, (limit, limit))
        except (OSError, IndexError):
            return False
        return True

    return _hit_once(ground, command, count, rng, hit, 1, "memory", fatal=-signal.SIGABRT)


def interrupted_twice(ground: Ground, command: Command, count: int, rng: random.Random) -> Tally:
    """Ctrl-C, and again: exit code 130, one sentence, and the same command goes on."""

    def hit(pid: int) -> bool:
        struck = strike(pid, signal.SIGINT, whole=True)  # a terminal tells every process
        if not ground.zygote.ended(0.3 * rng.random() ** 2):
            strike(pid, signal.SIGINT, whole=True)
        return struck

    return _hit_once(ground, command, count, rng, hit, 130, "interrupted")


def clock_set_back(ground: Ground, command: Command, count: int, rng: random.Random) -> Tally:
    """Let the calendar run backwards, an hour at every look, through a kill and a resumption."""
    ground.reference(command)
    tally = Tally()
    for _ in range(count):
        ground.begin()
        pid = ground.start(command, FORETELL_FAULT_CLOCK="3600")
        if not ground.zygote.ended(ground.seconds[command.name] * rng.random()):
            strike(pid, signal.SIGKILL, whole=True)
        ground.wait()
        tally.note(1, ground.problem(command, ground.run(command, FORETELL_FAULT_CLOCK="3600")))
    return tally


def _hit_once(
    ground: Ground, command: Command, count: int, rng: random.Random, hit, code: int, *words: str, fatal: int = 0
) -> Tally:
    """Disturb a running command once; it gives up with a sentence, and goes on when called again.

    Args:
        ground: Where.
        command: Which.
        count: How often.
        rng: Chooses the moments.
        hit: Disturbs a process; whether there was anything to disturb.
        code: The exit code that is expected then.
        *words: One of them is in the sentence.
        fatal: An exit code without a sentence that is as good; 0: none.
    """
    ground.reference(command)
    tally, longest = Tally(), ground.seconds[command.name]
    for _ in range(20 * count):  # some moments are too late, or have no worker
        if tally.tried == count:
            break
        ground.begin()
        begun = time.monotonic()
        pid = ground.start(command)
        struck = not ground.zygote.ended(longest * rng.random()) and hit(pid)
        ended = ground.wait()
        if not struck or ended == 0:
            longest = min(longest, time.monotonic() - begun)  # the machine has become faster
            continue
        problem = "" if ended == fatal else ground.refusal(ended, code, *words)
        tally.note(1, problem or ground.finish(command))
    return tally


def _locks(place: Path) -> list[Path]:
    return [path for path in place.rglob(".*lock") if path.is_file()]


def _holder(path: Path) -> str:
    return path.read_text().partition("\n")[0]
