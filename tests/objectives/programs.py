"""Programs of users', in a few lines each, and whether a process is still there."""

import os
import sys
import time
from pathlib import Path

from foretell import spaces
from foretell.objectives import CommandObjective, CommandSettings

SPACE = spaces.create("small-seq2seq")
GENES = [gene.name for gene in SPACE.genes]
TOLD = "print('{\"loss\": 2.5}')"


def objective(folder, code=TOLD, arguments=("{architecture}",), space=SPACE, **settings):
    """An objective that runs Python code, which starts at once (-S)."""
    program = folder / "program.py"
    program.write_text(code)
    device = settings.pop("device", "cpu")
    values = {"command": [sys.executable, "-S", str(program), *arguments], "metrics": ("loss",), **settings}
    return CommandObjective(CommandSettings(**values), space, device=device, folder=folder)


def label(objective, folder, fidelity=1.0, seed=7):
    return objective.label(SPACE.smallest(), seed=seed, fidelity=fidelity, folder=folder / "a folder")


def is_running(pid):
    """Whether a process lives; one that has ended but was not waited for does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def eventually(what, seconds=60):
    """Whether it becomes true; a minute is for machines with much else to do."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if what():
            return True
        time.sleep(0.02)
    return False


def number_in(path):
    """The process number that a program has written, once it is there."""
    assert eventually(lambda: path.exists() and path.read_text().endswith("\n"))
    return int(path.read_text())
