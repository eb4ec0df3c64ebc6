import pytest

from foretell.errors import InputError
from foretell.objectives import TableObjective
from foretell.observations import Observation, ObservationSet
from foretell.testing import ObjectiveConformance, make_observations


def recorded(architecture, loss, seed, **more):
    return Observation(architecture, {"loss": loss}, {"ms": 2 * loss}, provenance={"seed": seed}, **more)


class TestTable(ObjectiveConformance):
    def make(self, folder):
        return TableObjective([recorded(each, 3.0, 1) for each in self.architectures()])


class TestSeveralFidelities(TestTable):
    def make(self, folder):
        labels = [
            recorded(each, loss, 1, fidelity=f) for each in self.architectures() for f, loss in ((0.5, 4), (1, 3))
        ]
        return TableObjective(labels)


def label(objective, architecture, seed=1, fidelity=1.0):
    return objective.label(architecture, seed=seed, fidelity=fidelity, folder=None)


def test_a_seed_on_record_is_taken_and_another_gets_the_mean(space):
    small, large = space.smallest(), space.largest()
    objective = TableObjective([recorded(small, 3.0, 1), recorded(small, 4.0, 2), recorded(large, 9.0, 1)])
    assert label(objective, small, 2).metrics == {"loss": 4.0}
    mean = label(objective, small, 5)
    assert (mean.metrics, mean.costs) == ({"loss": 3.5}, {"ms": 7.0})
    assert mean.provenance == {"seed": 5, "seeds": [1, 2]}


def test_an_architecture_or_a_fidelity_that_is_not_on_record_is_refused(space):
    small, large = space.smallest(), space.largest()
    objective = TableObjective([recorded(small, 3.0, 1), recorded(small, 4.0, 1, fidelity=0.25)])
    with pytest.raises(InputError, match=f"{large.key} is not among the 1 architectures on record"):
        label(objective, large)
    with pytest.raises(InputError, match=r"is on record at fidelity 1, 0\.25, not 0\.5"):
        label(objective, small, fidelity=0.5)


def test_failures_on_record_are_failures_unless_another_seed_has_a_label(space):
    small, large = space.smallest(), space.largest()
    failed = [Observation(each, provenance={"seed": 1}, failed="diverged") for each in (small, large)]
    objective = TableObjective([*failed, recorded(small, 3.0, 2)])
    assert label(objective, small, 1).failed == "diverged"
    assert label(objective, small, 3).metrics == {"loss": 3.0}
    assert label(objective, large, 3).failed == "diverged"


def test_a_set_of_observations_is_a_table_and_its_name_depends_on_its_labels(space):
    observations = make_observations(space, 5)
    objective = TableObjective(ObservationSet(space, tuple(observations)))
    assert objective.metrics == ("valid_bleu",)
    assert label(objective, observations[3].architecture).metrics == observations[3].metrics
    assert objective.fingerprint != TableObjective(observations[:4]).fingerprint


def test_labels_without_the_metric_are_refused(space):
    with pytest.raises(InputError, match=r"not every label has acc \(1 labels on record\)"):
        TableObjective([recorded(space.smallest(), 3.0, 1)], metrics=("acc",))
    with pytest.raises(InputError, match=r"no metric is in all of them \(0 labels on record\)"):
        TableObjective([])
