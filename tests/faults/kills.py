"""SIGKILL at random moments and in the middle of writes, resumed and killed again until the run is done."""

import math
import random
import signal

from tests.faults.commands import Command
from tests.faults.ground import Ground, Tally, strike

_KILLED = -signal.SIGKILL
_MOST_OPERATIONS = 150
"""About as many disk operations as a toy run makes."""


def random_kills(ground: Ground, command: Command, count: int, rng: random.Random) -> Tally:
    """Kill a command at least `count` times, anywhere in the time that a whole run takes.

    Half of the kills hit the command alone (as the kernel does for want of memory), half its workers as well.
    """

    def disturb() -> int:
        pid = ground.start(command)
        # Squared: more of the early moments, so that one run is killed several times.
        if not ground.zygote.ended(ground.seconds[command.name] * rng.random() ** 2):
            strike(pid, signal.SIGKILL, whole=rng.random() < 0.5)
        return ground.wait()

    return _chains(ground, command, count, disturb)


def kill_chain(ground: Ground, command: Command, rng: random.Random, tally: Tally, room: int) -> int:
    """Kill a command alone, not its workers, until it ends or has been killed `room` times; how often it was."""
    ground.reference(command)

    def disturb() -> int:
        pid = ground.start(command)
        if not ground.zygote.ended(ground.seconds[command.name] * rng.random() ** 2):
            strike(pid, signal.SIGKILL)
        return ground.wait()

    return _chain(ground, command, disturb, tally, room)


def torn_writes(ground: Ground, command: Command, count: int, rng: random.Random) -> Tally:
    """Kill a command, or a worker of it, half-way through a write, before an fsync or before a rename."""

    def disturb() -> int:
        operation = math.ceil(_MOST_OPERATIONS ** rng.random())
        return ground.run(command, FORETELL_FAULT_DIE=str(operation))

    return _chains(ground, command, count, disturb)


def _chains(ground: Ground, command: Command, count: int, disturb) -> Tally:
    """Disturb runs again and again until each ends; as many runs as make the count, unless too many are not hit."""
    ground.reference(command)
    tally = Tally()
    for _ in range(5 * count):
        if tally.tried >= count:
            break
        _chain(ground, command, disturb, tally, room=count - tally.tried)
    return tally


def _chain(ground: Ground, command: Command, disturb, tally: Tally, room: int) -> int:
    ground.begin()
    hits, hit = 0, True
    before = command.lines(ground.place)
    while hit:
        paid, bought = ground.paid(), ground.bought()
        code = disturb() if hits < room else ground.run(command)
        # A worker that was killed ends its command with a sentence.
        hit = code == _KILLED or (code == 1 and "was killed" in ground.said())
        hits += hit
        after = command.lines(ground.place)
        tally.lost += lines_lost(before, after) + bought_again(ground, paid, bought)
        before = after
    tally.note(hits, ground.problem(command, code))
    return hits


def lines_lost(before: dict[str, list[bytes]], after: dict[str, list[bytes]]) -> int:
    """How many complete lines are not where they were."""
    return sum(
        len(lines) - sum(old == new for old, new in zip(lines, after.get(name, []), strict=False))
        for name, lines in before.items()
    )


def bought_again(ground: Ground, paid: set[str], before: dict[str, int]) -> int:
    """How many questions the endpoint answered though the ledger had their replies."""
    return sum(ground.server.answers[text] > before.get(text, 0) for text in paid)
