"""Published tests: what an objective must keep, whoever wrote it.

    from foretell.testing import ObjectiveConformance

    class TestMine(ObjectiveConformance):
        def make(self, folder):
            return Mine(...)

runs them all under pytest. Architectures are drawn from `space_name`, or from what `architectures` returns.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from foretell import spaces
from foretell.errors import InputError
from foretell.objectives.base import Objective
from foretell.observations import Observation
from foretell.spaces import Architecture

__all__ = ["ObjectiveConformance"]


class ObjectiveConformance:
    """Inherit, write `make`, and pytest runs every rule of the contract (`foretell.objectives.Objective`) against it.

    Attributes:
        space_name: The space it is tried on.
        small: The share that is trained where a part of the full training is.
        tolerance: How far two labels of one architecture and seed may lie apart, relatively.
    """

    space_name = "small-seq2seq"
    small = 0.5
    tolerance = 0.0

    def make(self, folder: Path) -> Objective:
        """A new objective; `folder` is empty and for its files."""
        raise NotImplementedError

    def make_failing(self, folder: Path) -> Objective | None:
        """One that fails for every architecture; None where nothing can be made to."""
        return None

    def architectures(self) -> list[Architecture]:
        """Two architectures that it can label."""
        space = spaces.create(self.space_name)
        rows = space.canonical(space.sample(8, np.random.default_rng(0)))
        return list(dict.fromkeys(space.architectures(rows)))[:2]

    def _label(self, objective: Objective, folder: Path, fidelity: float = 1.0, which: int = 0) -> Observation:
        return objective.label(self.architectures()[which], seed=1, fidelity=fidelity, folder=folder)

    def test_it_keeps_the_protocol(self, tmp_path: Path) -> None:
        """It has the attributes and the method, and tells its metrics and its name."""
        objective = self.make(tmp_path)
        _check(isinstance(objective, Objective), "an attribute or method of the protocol is missing")
        _check(len(set(objective.metrics)) == len(objective.metrics) > 0, "metrics must be named, each once")
        _check(len(objective.fingerprint) > 0, "fingerprint must not be empty")
        _check(objective.fidelities.nearest(1.0) == 1.0, "the full training must be had")

    def test_equal_objectives_have_one_fingerprint(self, tmp_path: Path) -> None:
        """The fingerprint depends on what labels depend on, and not on the moment."""
        _check(self.make(tmp_path).fingerprint == self.make(tmp_path).fingerprint, "fingerprints must be repeatable")

    def test_a_label_tells_what_was_asked_and_all_metrics(self, tmp_path: Path) -> None:
        """Architecture, seed and fidelity are those asked for, and no metric is missing."""
        objective = self.make(tmp_path)
        for which, architecture in enumerate(self.architectures()):
            found = self._label(objective, tmp_path / str(which), which=which)
            _check(found.architecture == architecture, "the label must be of the architecture that was asked for")
            _check(found.failed == "", f"the label failed: {found.failed}")
            _check(set(objective.metrics) <= set(found.metrics), "the label must have every declared metric")
            _check(found.fidelity == 1.0, "the label must tell its fidelity")
            _check("seed" in found.provenance, "the provenance must tell the seed")
            again = Observation.from_dict(architecture.space, found.to_dict())
            _check(again == found, "the label must come through a file unchanged")

    def test_the_same_seed_gives_the_same_label(self, tmp_path: Path) -> None:
        """In two folders, with the global random state disturbed in between."""
        objective = self.make(tmp_path)
        first = self._label(objective, tmp_path / "first")
        np.random.seed(3)  # noqa: NPY002 - the global state is disturbed on purpose
        self._alike(objective, first, self._label(objective, tmp_path / "second"))

    def test_what_is_no_share_is_refused(self, tmp_path: Path) -> None:
        """Before anything is trained, in a sentence; a part where there is only the whole, too."""
        objective = self.make(tmp_path)
        for share in (0.0, -0.5, 1.5, *([] if objective.fidelities.unit else [0.5])):
            _check(_refuses(objective, self.architectures()[0], share, tmp_path), f"{share} must be refused")

    def test_a_part_is_told_and_goes_on_to_the_whole(self, tmp_path: Path) -> None:
        """A smaller label tells its fidelity; where trainings are continued, the whole is what it would have been."""
        objective = self.make(tmp_path)
        if not objective.fidelities.unit:
            return
        part = self._label(objective, tmp_path / "continued", self.small)
        _check(part.failed == "", f"the label failed: {part.failed}")
        _check(part.fidelity == objective.fidelities.nearest(self.small), "a part must tell its fidelity")
        _check(set(objective.metrics) <= set(part.metrics), "a part must have every declared metric")
        if objective.fidelities.continued:
            whole = self._label(objective, tmp_path / "whole")
            self._alike(objective, whole, self._label(objective, tmp_path / "continued"))

    def test_a_failure_is_a_label_with_its_reason(self, tmp_path: Path) -> None:
        """It is returned and not raised, in one line, without metrics."""
        objective = self.make_failing(tmp_path)
        if objective is None:
            return
        found = self._label(objective, tmp_path / "failing")
        _check(bool(found.failed.strip()) and "\n" not in found.failed, "the reason must be one line")
        _check(not found.metrics, "a failed label has no metrics")
        _check("seed" in found.provenance, "the provenance must tell the seed")

    def test_this_process_stays_as_it_is(self, tmp_path: Path) -> None:
        """Folder and variables of the process are not changed."""
        before = (Path.cwd(), dict(os.environ))
        self._label(self.make(tmp_path), tmp_path / "one")
        _check((Path.cwd(), dict(os.environ)) == before, "folder and variables of the process must not change")

    def _alike(self, objective: Objective, one: Observation, other: Observation) -> None:
        for name in objective.metrics:
            np.testing.assert_allclose(other.metric(name), one.metric(name), rtol=self.tolerance, atol=0)


def _refuses(objective: Objective, architecture: Architecture, fidelity: float, folder: Path) -> bool:
    try:
        objective.label(architecture, seed=1, fidelity=fidelity, folder=folder)
    except InputError as error:
        return len(str(error)) > 20
    return False


def _check(held: bool, rule: str) -> None:
    if not held:
        raise AssertionError(rule)
