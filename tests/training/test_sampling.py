import random

import numpy as np
import pytest

from foretell.errors import InputError, UnknownNameError
from foretell.training import KINDS, Fixed, Sandwich, SinglePath, SupernetOptions, sampling_rule


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


def test_uniform_over_architectures_almost_all_are_deep(space):
    """The published sampler is uniform over depths, and does not say so."""
    rule = SinglePath(space, 0, "architectures")
    depths = [rule.at(update)[0]["decoder-layer-num"] for update in range(100)]
    assert np.mean(np.array(depths) == 4) > 0.9
    assert [rule.at(update)[0] for update in (7, 3)] == [rule.at(update)[0] for update in (3, 7)][::-1]


def test_with_distillation_the_largest_comes_first(space):
    drawn, largest, smallest = Sandwich(space, 0).at(7)
    assert Sandwich(space, 0, distillation=0.5).at(7) == [largest, drawn, smallest]


def test_mixtures_train_with_a_sandwich_and_the_options_reach_the_rule(space):
    rules = {kind: sampling_rule(kind, space, 0, SupernetOptions(sampler="architectures")) for kind in KINDS}
    assert {kind: len(rule.at(0)) for kind, rule in rules.items()} == dict(zip(KINDS, (1, 3, 3, 3), strict=True))
    assert all(rule.uniform_over == "architectures" for rule in rules.values())
    assert sampling_rule("neuronwise-mos", space, 0, SupernetOptions(distillation=0.3)).distillation == 0.3
    with pytest.raises(InputError, match="spos trains one architecture an update"):
        sampling_rule("spos", space, 0, SupernetOptions(distillation=0.3))


def test_a_sandwich_holds_the_true_extremes(space):
    """The published sandwich fixed the attention gene, so that its extremes were none."""
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
