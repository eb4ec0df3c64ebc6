import random

import numpy as np
import pytest

from foretell.errors import UnknownNameError
from foretell.training import Fixed, Sandwich, SinglePath, sampling_rule


def test_an_update_draws_the_same_whatever_came_before(space):
    rule = SinglePath(space, 5)
    forward = [rule.at(update)[0] for update in range(20)]
    backward = [rule.at(update)[0] for update in reversed(range(20))]
    assert forward == backward[::-1]
    assert len(set(forward)) > 15
    assert [SinglePath(space, 6).at(update)[0] for update in range(20)] != forward


def test_drawing_leaves_the_global_random_streams_alone(space):
    def state():
        return random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002 - the stream to leave alone

    before = state()
    SinglePath(space, 5).at(3)
    assert state() == before


def test_depths_are_equally_likely(space):
    depths = [SinglePath(space, 0).at(update)[0]["decoder-layer-num"] for update in range(800)]
    assert np.bincount(depths)[1:].min() > 150


def test_a_sandwich_holds_the_true_extremes(space):
    """The published sandwich fixed the attention gene, so that its extremes were none (REFERENCE 2.4)."""
    drawn, largest, smallest = Sandwich(space, 0).at(7)
    assert drawn == SinglePath(space, 0).at(7)[0]
    assert largest == space.largest()
    assert set(largest["decoder-arbitrary-ende-attn-all"]) == {2}
    assert smallest == space.smallest()


def test_training_from_scratch_runs_the_whole_network():
    assert Fixed().at(0) == Fixed().validated == [None]


def test_an_unknown_kind_names_the_nearest(space):
    with pytest.raises(UnknownNameError, match="did you mean 'sandwich'"):
        sampling_rule("sandwhich", space, 0)
