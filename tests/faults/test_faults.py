"""The short form of `make faults`: every kind of fault once, kills three times."""

import pytest

from tests.faults.catalogue import FAULTS, missing
from tests.faults.ground import Ground

pytestmark = pytest.mark.network

_CASES = [(fault, name) for fault in FAULTS for name in fault.brief]


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    with Ground(tmp_path_factory.mktemp("faults")) as ground:
        yield ground


@pytest.mark.parametrize(("fault", "name"), _CASES, ids=[f"{fault.name}, {name}" for fault, name in _CASES])
def test_a_fault_costs_nothing_but_time(ground, fault, name):
    if why := missing(fault, name, ground):
        # Full disks take the right to mount, torn writes Linux and a C compiler; not everybody's machine has them.
        pytest.skip(why)
    tally = fault.on(ground, name, 3 if fault.name.startswith("SIGKILL") else 1)
    assert tally.tried > 0
    assert tally.survived == tally.tried, tally.notes
    assert tally.lost == 0
