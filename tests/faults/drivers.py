"""SIGKILL for the driver of a campaign at random moments, opened again and killed again until it is done."""

import os
import random
import sys
from collections import Counter
from contextlib import contextmanager, nullcontext
from pathlib import Path

from tests.faults.campaigns import SLOTS
from tests.faults.commands import Command
from tests.faults.ground import Ground, Tally, living_in
from tests.faults.kills import kill_chain
from tests.objectives.programs import eventually

_SURVIVING = "slurm"
"""Whose jobs go on without their driver, so that no label is ever trained twice."""


def driver_kills(ground: Ground, command: Command, count: int, rng: random.Random) -> Tally:
    """Kill a driver at least `count` times, alone, anywhere in the time that a whole campaign takes.

    A label that was trained more often than its executor promises counts as lost.
    """
    tally = Tally()
    with _nodes() if command.name.endswith("ray") else nullcontext({}) as environment:
        ground.more = environment
        while tally.tried < count:
            hits = kill_chain(ground, command, rng, tally, room=count - tally.tried)
            again = _trained_again(ground.place)
            allowed = 0 if _SURVIVING in command.name else SLOTS * hits
            if again > allowed:
                tally.lost += again - allowed
                tally.notes.append(f"{again} labels were trained again; expected at most {allowed}")
            assert eventually(lambda: not living_in(ground.place)), "jobs outlive the campaign"
        ground.more = {}
    return tally


def _trained_again(place: Path) -> int:
    return sum(times - 1 for times in Counter((place / "begun").read_text().splitlines()).values())


@contextmanager
def _nodes():
    """A Ray cluster of two nodes that outlives drivers; what tells them of it."""
    from ray.cluster_utils import Cluster

    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)  # which its workers inherit
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    size = {"object_store_memory": 80 << 20}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **size})
    try:
        cluster.add_node(num_cpus=SLOTS, **size)
        yield {"RAY_ADDRESS": cluster.address}
    finally:
        cluster.shutdown()
