import numpy as np
import pytest

from foretell import spaces
from foretell.errors import InputError, UnknownNameError
from foretell.evaluation import SplitPlan, evaluate
from foretell.observations import GROUP, Observation, ObservationSet
from foretell.spaces import SearchSpace
from foretell.testing import make_observations

SPACE = spaces.create("small-seq2seq")


@pytest.fixture
def collection():
    return ObservationSet(SPACE, tuple(make_observations(SPACE, 15)))


def test_random_splits_are_a_function_of_their_seeds(collection):
    one, other = SplitPlan("random:2").make(collection, [5]), SplitPlan("random:2", ("0", "1")).make(collection, [5])
    assert one == other
    assert [len(split.train) for split in one] == [5, 5]
    assert [len(split.test) for split in one] == [10, 10]
    assert one[0].train != one[1].train


def test_a_curve_is_judged_on_the_same_architectures(collection):
    (split,) = SplitPlan("random:1").make(collection, [3, 5, 10])
    assert len(split.train) == 10
    assert len(split.test) == 5


def test_an_architecture_trained_twice_is_on_one_side():
    items = make_observations(SPACE, 8)
    twice = [*items, *(Observation(item.architecture, {"valid_bleu": 1.0}) for item in items)]
    for split in SplitPlan("random:5").make(ObservationSet(SPACE, tuple(twice)), [4]):
        train = {item.architecture.key for item in split.train}
        assert not train & {item.architecture.key for item in split.test}
        assert len(split.train) == 8


def test_stored_splits_are_taken_where_there_are_any_else_random_ones(collection, tfs_eval):
    assert SplitPlan().make(tfs_eval, [10]) == SplitPlan("stored").make(tfs_eval, [10])
    assert SplitPlan().make(collection, [5]) == SplitPlan("random:20").make(collection, [5])


def test_what_cannot_be_split_is_one_sentence(collection, tfs_eval):
    with pytest.raises(InputError, match="no stored splits; use --splits random:3"):
        SplitPlan("stored").make(collection, [5])
    with pytest.raises(InputError, match="15 distinct architectures were observed; 14 demonstrations"):
        SplitPlan("random:1").make(collection, [14])
    with pytest.raises(InputError, match="cannot read the splits 'randm:3'"):
        SplitPlan("randm:3").make(collection, [5])
    with pytest.raises(InputError, match="must be whole numbers"):
        SplitPlan("random:1", ("a",)).make(collection, [5])
    with pytest.raises(InputError, match="123 has 10 demonstrations, 20 were asked for"):
        SplitPlan().make(tfs_eval, [20])
    with pytest.raises(UnknownNameError, match="unknown split '124'"):
        SplitPlan("stored", ("124",)).make(tfs_eval, [10])


def test_an_architecture_trained_thrice_counts_as_one_label():
    items = make_observations(SPACE, 10)
    thrice = [item for item in items for _ in range(3)]
    table = evaluate(
        ObservationSet(SPACE, tuple(thrice)), ["flops"], demonstrations=[4, 6], plan=SplitPlan("random:2"), draws=10
    )
    assert [row.labels for row in table.rows if row.predictor == "flops"] == [4, 6]


def grouped(sizes):
    """Architectures of a plain space in groups of these sizes."""
    space = SearchSpace({"a": list(range(sum(sizes)))})
    names = [name for name, size in enumerate(sizes) for _ in range(size)]
    rows = np.arange(len(names), dtype=np.int16)[:, None]
    items = [
        Observation(a, {"y": float(n)}, provenance={GROUP: str(name)})
        for n, (a, name) in enumerate(zip(space.architectures(rows), names, strict=True))
    ]
    return ObservationSet(space, tuple(items))


def test_a_group_stands_on_one_side():
    for seed in range(5):
        (split,) = SplitPlan("random:1", (str(seed),)).make(grouped([3, 1, 5, 2, 4, 3]), [4])
        sides = [{item.provenance[GROUP] for item in side} for side in (split.train, split.test)]
        assert len(split.train) == 4
        assert not sides[0] & sides[1]
        assert sides[1]


def test_groups_larger_than_a_split():
    (split,) = SplitPlan("random:1").make(grouped([1, 1, 1, 30]), [2])
    assert len(split.train) == 2
    with pytest.raises(InputError, match="leaves none to test on"):
        SplitPlan("random:1").make(grouped([20, 20]), [30])
