"""Three drivers, as on three machines with clocks of their own, that want the same labels from one store."""

import json
import os
import signal
from contextlib import ExitStack

import pytest

from tests.faults.preload import build
from tests.objectives.programs import eventually
from tests.zygote import PYTHON, Started, Zygotes

# As on a machine of its own: `flock` reaches no further, and a lease is short enough to wait for.
DRIVER = """
import sys
from foretell import locks
machine, *arguments = sys.argv[1:]
locks._this_machine = lambda: machine
locks.Lease.__init__.__kwdefaults__["seconds"] = 1.5
begin = locks.FileLock.__init__
locks.FileLock.__init__ = lambda self, path: begin(self, path.with_name(path.name + machine))
from foretell.cli.app import main
sys.exit(main(arguments))
"""
RECIPE = ("updates: 20, warmup: 4, validate_every: 4", "updates: 60, warmup: 4, validate_every: 5")


@pytest.fixture
def drive(tmp_path, study_file):
    study_file.write_text(study_file.read_text().replace(*RECIPE))
    # Where there is no C compiler, clocks agree.
    with ExitStack() as stack, Zygotes(build(tmp_path)) as machines:
        free = {name: machines.another() for name in "abc"}

        def start(name, *, hours=0, cache="shared"):
            arguments = ("--observe", 3, "--study", study_file, "--out", tmp_path / f"{cache}-{name}", "--resume")
            words = ["-c", DRIVER, name, "--quiet", "train", *arguments]
            (tmp_path / f"said-{name}").mkdir(exist_ok=True)
            environment = {"FORETELL_CACHE": str(tmp_path / cache), "FORETELL_FAULT_CLOCK": str(3600 * hours)}
            pid = free[name].start(words, tmp_path, tmp_path / f"said-{name}", entry=PYTHON, **environment)
            started = Started(free[name], pid, tmp_path / f"said-{name}")
            stack.callback(started.end)
            return started

        yield start


def labels(folder):
    rows = [json.loads(line) for line in (folder / "observations.jsonl").read_text().splitlines()]
    found = {json.dumps(row["architecture"]): row for row in rows}
    assert len(rows) == len(found) == 3
    return found


def metrics(found):
    return {architecture: row["metrics"] for architecture, row in found.items()}


@pytest.mark.network
def test_one_that_is_killed_with_a_claim_is_taken_over_from_and_each_label_is_trained_once(drive, tmp_path):
    store = tmp_path / "shared" / "trained"
    killed = drive("a")
    assert eventually(lambda: any((path.parent / "state.safetensors").exists() for path in store.glob("*/.lease")))
    others = {"b": drive("b", hours=1), "c": drive("c", hours=-1)}  # later, and later, at every look
    os.killpg(killed.pid, signal.SIGKILL)
    held = list(store.glob("*/.lease/a~*"))
    assert held
    for started in others.values():
        _, said = started.communicate()
        assert started.returncode == 0, said
    found = {name: labels(tmp_path / f"shared-{name}") for name in others}
    assert found["b"] == found["c"]  # with the seconds that each training took: there was one
    assert all((lease.parent.parent / "observation.json").exists() for lease in held)
    killed.communicate()
    again = drive("a")
    _, said = again.communicate()
    assert again.returncode == 0, said
    assert labels(tmp_path / "shared-a") == found["b"]
    alone = drive("c", cache="alone")
    _, said = alone.communicate()
    assert alone.returncode == 0, said
    assert metrics(labels(tmp_path / "alone-c")) == metrics(found["b"])
