import pytest
from pydantic import ValidationError

from foretell.errors import InputError
from foretell.objectives import Fidelities, FunctionObjective, label_folder


def test_amounts_are_whole_where_the_full_one_is():
    epochs = Fidelities(unit="epochs", full=10)
    assert [epochs.amount(share) for share in (0.01, 0.25, 0.5, 1)] == [1, 2, 5, 10]
    assert all(isinstance(epochs.amount(share), int) for share in (0.01, 0.25, 1))
    hours = Fidelities(unit="hours", full=2.5)
    assert [hours.amount(share) for share in (0.1, 0.4, 1)] == [0.25, 1, 2.5]


@pytest.mark.parametrize("full", [1, 7, 10, 4000, 2.5])
def test_the_nearest_share_is_its_own_nearest(full):
    fidelities = Fidelities(unit="updates", full=full)
    for share in (1e-9, 0.1, 1 / 3, 0.5, 0.999, 1):
        nearest = fidelities.nearest(share)
        assert fidelities.nearest(nearest) == nearest
        assert fidelities.amount(nearest) == fidelities.amount(share)
    assert fidelities.nearest(1) == 1


@pytest.mark.parametrize("share", [0, -1, 1.01, float("nan")])
def test_what_is_no_share_is_refused(share):
    with pytest.raises(InputError, match="expected a share above 0 and at most 1"):
        Fidelities(unit="epochs", full=3).amount(share)


def test_without_a_unit_there_is_only_the_full_training():
    assert Fidelities().amount(1) == 1
    with pytest.raises(InputError, match=r"the fidelity is 0\.5, but this objective has only the full training"):
        Fidelities().amount(0.5)
    with pytest.raises(ValidationError, match="a fidelity has no unit"):
        Fidelities(full=10)


def test_what_cannot_go_on_has_a_folder_for_each_fidelity(architecture, tmp_path):
    def folders(**fidelities):
        objective = FunctionObjective(lambda a, fidelity: 1.0, fidelities=Fidelities(unit="epochs", **fidelities))
        return [label_folder(tmp_path, objective, architecture, 3, share) for share in (0.2, 0.5, 1)]

    name = f"{architecture.key}-3"
    assert [path.name for path in folders(full=10)] == [f"{name}-2", f"{name}-5", name]
    assert {path.name for path in folders(full=10, continued=True)} == {name}
