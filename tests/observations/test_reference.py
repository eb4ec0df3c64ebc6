"""What the observations that come with foretell promise."""

import math

import pytest

from foretell.errors import UnknownNameError
from foretell.observations import load
from foretell.observations.reference import reference_names, reference_path
from foretell.study import StudyConfig


@pytest.mark.parametrize("name", reference_names())
def test_they_are_of_the_small_space_and_complete(name):
    found = load(f"reference:{name}")
    assert found.space.name == "small-seq2seq"
    assert len({o.architecture for o in found.observations}) == len(found.observations)
    for observation in found.observations:
        assert {"valid_bleu", "test_bleu", "valid_loss", "test_chrf", "test_ter"} <= set(observation.metrics)
        assert {"parameters", "flops"} <= set(observation.costs)
        assert observation.provenance["seed"] >= 0
        assert observation.provenance["updates"] == StudyConfig().train.recipe.updates
        assert observation.metrics["test_bleu"] > 10, "no better than copying the source"


def test_both_extremes_are_among_them_and_the_largest_is_much_better():
    found = load("reference:en-de")
    bleu = {o.architecture: o.metric("test_bleu") for o in found.observations}
    assert bleu[found.space.largest()] > bleu[found.space.smallest()] + 3
    values = list(bleu.values())
    mean = sum(values) / len(values)
    assert math.sqrt(sum((v - mean) ** 2 for v in values) / len(values)) > 1


def test_an_unknown_one_is_named():
    with pytest.raises(UnknownNameError, match="did you mean 'en-de'"):
        reference_path("reference:en-dee")
