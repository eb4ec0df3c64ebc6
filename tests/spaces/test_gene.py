import numpy as np
import pytest

from foretell.errors import InputError
from foretell.families.encoder_decoder.genes import attended_layers
from foretell.spaces import Gene


def test_attended_layers():
    assert attended_layers(np.array([-1, 1, 2])).tolist() == [1, 2, 3]


def test_nearest_choice():
    gene = Gene("width", (640, 512), "")
    assert gene.nearest(600) == 640
    assert gene.nearest(-5) == 512


@pytest.mark.parametrize(
    ("choices", "sentence"),
    [
        ((), "at least one, none of them twice"),
        ((4, 4), "at least one, none of them twice"),
        ((1, 1.0), "at least one, none of them twice"),
        (("a", "a"), "at least one, none of them twice"),
        ((2, "two"), "mixes words and numbers"),
        ((True, 2), "mixes words and numbers"),
        ((1, float("nan")), "expected numbers below"),
        ((1, float("inf")), "expected numbers below"),
        ((1, None), "expected numbers or words"),
        (([1],), "expected numbers or words"),
        (tuple(range(40_000)), "expected fewer than 32,768"),
    ],
)
def test_choices_that_make_no_sense(choices: tuple, sentence: str):
    with pytest.raises(InputError, match=sentence):
        Gene("g", choices)


def test_a_word_is_no_number_and_one_is_not_true():
    assert Gene("g", (1, 2)).place(1.0) == 0
    assert Gene("g", (1e-3, 3e-4)).place(0.001) == 0
    assert Gene("g", (1, 2)).place("1") is None
    assert Gene("g", (1, 2)).place(True) is None
    assert Gene("g", ("1", "2")).place(1) is None
    assert Gene("g", (False, True)).place(True) == 1
    assert Gene("g", (False, True)).place(1) is None


def test_nearest_word():
    assert Gene("g", ("gelu", "silu", "relu")).nearest("gelo") == "gelu"


def test_what_choices_count_as_and_mean_under_a_bound():
    gene = Gene("attention", (2, -1, 1), depth="d", bound="e", counts=(3, 1, 2))
    assert gene.numbers.tolist() == [3, 1, 2]
    assert gene.meanings(3) == [0, 1, 2]
    assert gene.meanings(2) == [2, 1, 2]
    assert gene.meanings(1) == [1, 1, 1]
    assert Gene("word", ("a", "b")).numbers.tolist() == [0, 1]
