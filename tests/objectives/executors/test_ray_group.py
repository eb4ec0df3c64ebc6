"""Several processes that do one job together; what they train is in `test_ray_apart.py`."""

import pytest

from foretell.errors import InputError
from foretell.objectives import Job
from foretell.objectives.executors.ray_group import Group
from foretell.objectives.executors.remote import Outcome
from tests.objectives.executors import errands

pytest.importorskip("ray", reason="the extra [ray] is not installed; make test-ray has it")
pytestmark = [
    pytest.mark.network,  # processes of its own
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"),
]
GOOD, LOST = Outcome({"value": 1}), Outcome(lost="because its node died.")
ALONE = Outcome({"error": ["another of the 2 processes has ended.", 1, "... RankLostError: another of ..."]})
WRONG = Outcome({"error": ["the disk is full.", 1, "... StorageError: the disk ..."]})


def test_more_than_there_is_room_for_are_refused(cluster, on, tmp_path):
    with on(cluster, tmp_path) as executor, pytest.raises(InputError, match=r"64 processes .* has room for"):
        executor.submit(Job("supernet", errands.double, {"x": 1}, together=64))


def test_what_goes_wrong_in_one_of_them_is_told_once_and_their_places_are_free_again(cluster, on, tmp_path):
    with on(cluster, tmp_path) as executor:
        executor.submit(Job("supernet", errands.refuse, {"x": 1}, together=2))
        (ended,) = executor.completed()
        assert str(ended.error) == "1 is refused."
        for number in range(2):
            executor.submit(Job("after", errands.double, {"x": number}))
        assert sorted(each.value for each in executor.completed()) == [0, 2]


@pytest.mark.parametrize(
    ("outcomes", "told"),
    [
        ((GOOD, Outcome({"value": 2})), GOOD),
        ((ALONE, LOST), LOST),
        ((LOST, WRONG), WRONG),
        ((ALONE, ALONE), Outcome(lost="another of the 2 processes has ended.")),
        ((ALONE, None), None),
    ],
)
def test_one_outcome_is_that_of_whoever_went_first(outcomes, told):
    group = object.__new__(Group)
    group.tasks, group._said, ended = ["first", "second"], {}, []
    group.end = lambda: ended.append(True)
    last = [group.take(task, each and [each]) for task, each in zip(group.tasks, outcomes, strict=True)]
    assert last == [False, True]
    assert group.outcome() == (told and [told])
    assert ended
