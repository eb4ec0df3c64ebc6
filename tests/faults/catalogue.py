"""Every fault that is tried, on which commands, and how often."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

from tests.faults import company, damage, disks, drivers, kills
from tests.faults.campaigns import CAMPAIGNS
from tests.faults.commands import COMMANDS, Command
from tests.faults.ground import Ground, Tally

_ALL, _CAMPAIGNS = tuple(COMMANDS), tuple(CAMPAIGNS)
_TRAINING = ("search", "train", "train --observe", "supernet train")
_GROWING = ("search", "train --observe", "label", "latency measure")

_LIBRARIES = {"search on ray": "ray", "search on slurm": "submitit"}


@dataclass(frozen=True)
class Fault:
    """One kind of fault.

    Attributes:
        name: In the table.
        inflict: Tries it on a command so many times.
        commands: On which commands it is tried.
        count: How often in `make faults`.
        brief: On which commands it is tried in `make test`, three times where there are kills, else once. The
            whole search is killed in every stage by tests/study/test_pipeline.py, the driver of Slurm's jobs by
            tests/objectives/executors/test_slurm.py.
        needs: What the machine must offer: "", "mount" or "preload".
    """

    name: str
    inflict: Callable[[Ground, Command, int, random.Random], Tally]
    commands: tuple[str, ...]
    count: int
    brief: tuple[str, ...]
    needs: str = ""

    def on(self, ground: Ground, name: str, count: int, seed: int = 1) -> Tally:
        """Try it."""
        rng = random.Random(f"{seed} {self.name} {name}")  # noqa: S311 - moments are no secrets
        return self.inflict(ground, (COMMANDS | CAMPAIGNS)[name], count, rng)


FAULTS = (
    Fault("SIGKILL at a random moment", kills.random_kills, _ALL, 50, _ALL[1:]),
    Fault("SIGKILL within a write", kills.torn_writes, _ALL, 20, ("train", "label"), "preload"),
    Fault("SIGKILL for the driver", drivers.driver_kills, _CAMPAIGNS, 50, _CAMPAIGNS[:1]),
    Fault("full disk", disks.full_disk, _ALL, 5, ("train", "label"), "mount"),
    Fault("read-only disk", disks.read_only, _ALL, 2, ("train", "label"), "mount"),
    Fault("torn last line", damage.torn_last_line, _GROWING, 3, ("label", "latency measure")),
    Fault("damaged checkpoint", damage.damaged_checkpoint, _TRAINING[1:], 6, ("train",)),
    Fault("damaged result", damage.damaged_result, ("search", "train", "supernet train"), 4, ("train",)),
    Fault("ledger locked", damage.locked_ledger, ("label",), 5, ("label",)),
    Fault("ledger damaged", damage.damaged_ledger, ("label",), 20, ("label",)),
    Fault("clock set back", company.clock_set_back, _ALL, 2, ("label", "latency measure"), "preload"),
    Fault("second process", company.second_process, _ALL, 2, ("train", "label", "latency measure")),
    Fault("worker killed", company.killed_worker, _TRAINING, 3, ("train",)),
    Fault("no memory", company.no_memory, _ALL, 3, ("train", "label")),
    Fault("Ctrl-C twice", company.interrupted_twice, _ALL, 5, ("train", "label")),
)


def missing(fault: Fault, name: str, ground: Ground) -> str:
    """Why a fault cannot be tried on a command on this machine; empty if it can."""
    needs, library = fault.needs, _LIBRARIES.get(name, "")
    if library and find_spec(library) is None:
        return f"{library} is not installed"
    if needs == "mount" and not disks.may_mount(ground.root):
        return "mounting a file system is not permitted here"
    if needs == "preload" and ground.preload is None:
        return "it takes Linux and a C compiler"
    return ""
