import errno

import numpy as np
import pytest

from foretell.errors import InputError, StorageError
from foretell.objectives import Fidelities, FunctionObjective
from foretell.testing import ObjectiveConformance


def depth(architecture):
    return architecture["decoder-layer-num"] / 2


def partly(architecture, *, seed, fidelity, folder):
    """Goes on from what it has left."""
    log = folder / "epochs.txt"
    done = log.read_text().split() if log.exists() else []
    done += [str(epoch) for epoch in range(len(done), fidelity)]
    log.write_text(" ".join(done))
    return {"loss": architecture["decoder-layer-num"] + 1 / len(done) + seed, "seconds": 3}


def fail(architecture):
    raise ValueError("no\nsuch layer")


class TestPlain(ObjectiveConformance):
    def make(self, folder):
        return FunctionObjective(depth)

    def make_failing(self, folder):
        return FunctionObjective(fail)


class TestContinued(ObjectiveConformance):
    small = 0.25

    def make(self, folder):
        return FunctionObjective(
            partly, ("loss",), costs=("seconds",), fidelities=Fidelities(unit="epochs", full=8, continued=True)
        )


def label(function, architecture, folder, fidelity=1.0, **about):
    return FunctionObjective(function, **about).label(architecture, seed=7, fidelity=fidelity, folder=folder)


def test_values_are_metrics_and_costs_by_name(architecture, tmp_path):
    def function(architecture):
        return {"loss": np.float32(0.5), "acc": 1, "latency_ms": 3, "note": "fine", "more": float("nan")}

    found = label(function, architecture, tmp_path, metrics=("loss",), costs=("latency_ms",))
    assert found.metrics == {"loss": 0.5, "acc": 1.0}
    assert found.costs == {"latency_ms": 3.0}
    assert found.provenance["seed"] == 7


def test_it_is_given_what_it_has_parameters_for(architecture, tmp_path):
    given = {}

    def everything(architecture, **more):
        given.update(more)
        return 1.0

    label(everything, architecture, tmp_path / "new", 0.3)
    assert given == {"seed": 7, "fidelity": 0.3, "folder": tmp_path / "new"}
    assert given["folder"].is_dir()
    assert label(lambda a, seed=0: seed, architecture, tmp_path / "unused").metrics == {"value": 7}
    assert not (tmp_path / "unused").exists()


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (float("nan"), "the metric loss is nan; expected a finite number."),
        (float("inf"), "the metric loss is inf; expected a finite number."),
        (10**400, "loss is 1000"),
        (None, "loss is None; expected a number."),
        ("3.1", "loss is '3.1'; expected a number."),
        (True, "loss is True; expected a number."),
        (np.zeros(2), "loss is array([0., 0.]); expected a number."),
        ({"los": 1.0, "x": 2}, "loss is missing; found los, x: call 'los' so, or declare it."),
        ({}, "loss is missing; found nothing: give it under that name."),
    ],
)
def test_what_is_no_label_is_a_failed_one(architecture, tmp_path, value, told):
    found = label(lambda _: value, architecture, tmp_path, metrics=("loss",))
    assert found.failed.startswith(told)
    assert not found.metrics
    assert len(found.failed) <= 400


@pytest.mark.parametrize(
    "error", [ValueError("no\nsuch layer"), SystemExit("no such layer"), MemoryError("no such layer")]
)
def test_an_exception_is_a_failed_label(architecture, tmp_path, error):
    def function(architecture):
        raise error

    assert label(function, architecture, tmp_path).failed == f"{type(error).__name__}: no such layer"


def test_an_interrupt_and_a_full_disk_pass_through(architecture, tmp_path):
    def interrupted(architecture):
        raise KeyboardInterrupt

    def full(architecture):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(KeyboardInterrupt):
        label(interrupted, architecture, tmp_path)
    with pytest.raises(StorageError, match="the disk is full"):
        label(full, architecture, tmp_path)


def test_a_function_that_cannot_work_is_refused_at_once():
    with pytest.raises(InputError, match="needs depth; expected a function of an architecture"):
        FunctionObjective(lambda architecture, depth: 1.0)
    with pytest.raises(InputError, match="takes no architecture"):
        FunctionObjective(lambda: 1.0)
    with pytest.raises(InputError, match=r"has no parameter fidelity; add it, or declare none"):
        FunctionObjective(depth, fidelities=Fidelities(unit="epochs", full=3))


def test_the_fingerprint_follows_what_is_declared():
    made = [FunctionObjective(depth), FunctionObjective(fail), FunctionObjective(depth, version=2)]
    made += [FunctionObjective(depth, ("loss",)), FunctionObjective(depth, costs=("ms",))]
    assert len({each.fingerprint for each in made}) == len(made)
