"""Where the search for a part begins: from what each part is worth, and around that."""

import numpy as np
import pytest

from foretell.costs import CostModel
from foretell.families.decoder.genes import Backbone, DecoderShape, LayerShape
from foretell.families.pruned.genes import pruned_space
from foretell.study.limits import resolve_limits
from foretell.study.shrinking.choosing import Chooser

WORTH = np.array([5.0, 0.2, 3.0, 0.1, 4.0, 0.3])
"""What each layer's parts are worth to the judge below."""


@pytest.fixture(scope="module")
def chooser():
    """Parts of a decoder of six layers, with limits that need four."""
    shape = DecoderShape(64, (LayerShape(4, 2, 192),) * 6)
    space = pruned_space("a-parent", shape, Backbone(head_size=16, vocabulary=100, context=64), step=32)
    costs = CostModel(space, vocabulary=100)
    return Chooser(costs, resolve_limits(["params<=70%"], costs))


class Judge:
    """Goodness of rows: what is left of each layer, by its worth."""

    def __init__(self, space):
        self.space, self.asked = space, []

    def __call__(self, rows):
        self.asked.append(len(rows))
        numbers = [self.space.numbers(rows, name).astype(float) for name in ("kept", "groups", "ffn")]
        left = numbers[0] * (numbers[1] / 2 + numbers[2] / 192)
        return (np.minimum(left, 2.0) * WORTH).sum(axis=1)


def test_what_is_worth_least_goes_first_and_is_measured_anew(chooser):
    judge = Judge(chooser.space)
    found = list(chooser.greedy(judge, 3))
    assert chooser.constraints.satisfied(chooser.costs, np.concatenate(found)).all()
    kept, ffn = (chooser.space.numbers(found[-1], name)[0] for name in ("kept", "ffn"))
    assert (kept * ffn)[[0, 2, 4]].min() > (kept * ffn)[[1, 3]].max()
    assert len(judge.asked) == 3
    assert judge.asked[1] < 0.75 * judge.asked[0]


def test_neighbours_keep_the_limits_and_differ(chooser):
    (row, _) = chooser.greedy(Judge(chooser.space), 2)
    near = np.concatenate(chooser.neighbours(row, 10, seed=1))
    assert len(np.unique(np.concatenate([near, row]), axis=0)) == 11
    assert chooser.constraints.satisfied(chooser.costs, near).all()
    assert (near != row).sum(axis=1).max() <= 5
    again = np.concatenate(chooser.neighbours(row, 10, seed=1))
    assert (near == again).all()


def test_channels_go_where_they_are_worth_least():
    shape = DecoderShape(256, (LayerShape(4, 2, 192),) * 3)
    backbone = Backbone(head_size=16, vocabulary=1000, context=64)
    space = pruned_space("a-parent", shape, backbone, step=32, hidden_width=True)
    assert [int(each) for each in space.gene("width").numbers] == [256, 224, 192, 160, 128]
    assert space.size() == 5 * pruned_space("a-parent", shape, backbone, step=32).size()
    costs = CostModel(space, vocabulary=1000)
    chooser = Chooser(costs, resolve_limits(["params<=70%"], costs))
    parameters = costs.cost(chooser.hidden_width(), "parameters")[0]
    assert parameters == 1000 * 160 + 160 * (6 * 16 * 2 + 3 * 192 + 2) * 3 + 160

    def judge(rows):  # layers are worth much, channels nothing
        numbers = [space.numbers(rows, name).astype(float) for name in ("kept", "groups", "ffn")]
        return (numbers[0] * (numbers[1] / 2 + numbers[2] / 192)).sum(axis=1)

    found = np.concatenate(list(chooser.greedy(judge, 3)))
    assert chooser.constraints.satisfied(costs, found).all()
    assert space.numbers(found, "width").max() < 256
    assert (judge(found) == 6).all()
    near = np.concatenate(chooser.neighbours(found[:1], 4, seed=1))
    assert (space.numbers(near, "width") == space.numbers(found[:1], "width")).all()
