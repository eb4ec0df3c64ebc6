import numpy as np
import pytest

from foretell.errors import InputError
from foretell.spaces import Gene, attended_layers


def test_attended_layers():
    assert attended_layers(np.array([-1, 1, 2])).tolist() == [1, 2, 3]


def test_nearest_choice():
    gene = Gene("width", (640, 512), "")
    assert gene.nearest(600) == 640
    assert gene.nearest(-5) == 512


@pytest.mark.parametrize(
    ("choices", "attends", "sentence"),
    [
        ((), None, "at least one, none of them twice"),
        ((4, 4), None, "at least one, none of them twice"),
        ((40000,), None, "must fit 16 bits"),
        ((0, 4), None, "expected positive integers"),
        ((-1, 3), "depth", "expected some of -1, 1, 2"),
    ],
)
def test_choices_that_make_no_sense(choices: tuple, attends: str | None, sentence: str):
    with pytest.raises(InputError, match=sentence):
        Gene("g", choices, "", attends=attends)
