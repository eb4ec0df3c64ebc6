"""What the observations that come with foretell promise."""

import pytest

from foretell.errors import UnknownNameError
from foretell.evaluation import label_quality
from foretell.observations import load
from foretell.observations.reference import reference_names, reference_path
from foretell.study import StudyConfig
from foretell.training import KINDS

_COPYING = {"test_bleu": 10.0, "test_chrf": 24.0}
"""More than copying the source scores in German and Irish."""
_WHOLE = ("en-de", "en-ga")
"""Those with latencies and scores of predictors; the others are there to be learnt from."""


_TEXTS = tuple(name for name in reference_names() if name.startswith("lm-"))
_CLASSES = ("language-id",)
_PAIRS = tuple(name for name in reference_names() if name.startswith("en-"))


def test_all_are_of_a_kind_that_is_tested_here():
    assert set(reference_names()) == {*_TEXTS, *_PAIRS, *_CLASSES}


@pytest.mark.parametrize("name", reference_names())
def test_they_are_of_the_small_spaces_and_have_every_metric(name):
    found = load(f"reference:{name}")
    expected = "small-lm" if name in _TEXTS else "small-encoder" if name in _CLASSES else "small-seq2seq"
    assert found.space.name == expected
    assert len({(o.architecture, o.provenance["seed"]) for o in found.observations}) == len(found.observations)
    for observation in found.observations:
        asked = {"valid_bleu", "test_bleu", "valid_loss", "test_chrf", "test_ter"}
        if name in _TEXTS:
            asked = {"valid_bits_per_byte", "test_bits_per_byte", "valid_loss", "test_perplexity", "test_accuracy"}
        elif name in _CLASSES:
            asked = {"valid_accuracy", "test_accuracy", "test_macro_f1", "valid_loss", "test_loss"}
        assert asked <= set(observation.metrics)
        assert {"parameters", "flops"} <= set(observation.costs)
        assert observation.provenance["history"][-1]["update"] == observation.provenance["updates"]


@pytest.mark.parametrize("names", [_PAIRS, _TEXTS])
def test_no_task_shares_more_than_the_extremes_with_what_was_drawn_later(names):
    seen = {name: {o.architecture for o in load(f"reference:{name}").observations} for name in names}
    space = load(f"reference:{names[0]}").space
    extremes = {space.smallest(), space.largest()}
    for later in set(seen) - set(_WHOLE):
        for other in set(seen) - {later}:
            assert seen[later] & seen[other] <= extremes, (later, other)


@pytest.mark.parametrize("name", _WHOLE)
def test_they_are_complete(name):
    found = load(f"reference:{name}")
    for observation in found.observations:
        assert {"latency_ms", "latency_ms_low", "latency_ms_high"} <= set(observation.costs)
        assert {f"supernet-{kind}" for kind in KINDS} <= set(observation.scores)
        assert set(observation.scores) == set(observation.provenance["scored_with"])
        assert observation.provenance["seed"] >= 0
        assert observation.provenance["updates"] == StudyConfig().train.recipe.updates
        assert observation.metrics["test_chrf"] > _COPYING["test_chrf"], "no better than copying the source"


@pytest.mark.parametrize("name", _TEXTS)
def test_bits_a_byte_of_repeated_trainings_differ_less_than_those_of_architectures(name):
    found = load(f"reference:{name}")
    quality = label_quality(found.observations, "test_bits_per_byte")
    assert quality.ratio is not None
    assert quality.ratio >= 3
    bits = {o.architecture: o.metric("test_bits_per_byte") for o in found.observations}
    assert bits[found.space.largest()] < bits[found.space.smallest()] - 0.5


@pytest.mark.parametrize("name", _CLASSES)
def test_classifiers_differ_more_than_repeated_trainings(name):
    found = load(f"reference:{name}")
    quality = label_quality(found.observations, "test_accuracy")
    assert quality.ratio is not None
    assert quality.ratio >= 3
    assert len({o.architecture for o in found.observations}) == 32


@pytest.mark.parametrize("name", _WHOLE)
def test_the_quality_bars_hold(name):
    """Labels tell architectures apart: their spread is three times their noise, and the best are much better."""
    found = load(f"reference:{name}")
    quality = label_quality(found.observations, "test_bleu")
    assert quality.ratio is not None
    assert quality.ratio >= 3
    bleu = {o.architecture: o.metric("test_bleu") for o in found.observations}
    assert bleu[found.space.largest()] > bleu[found.space.smallest()] + 3
    assert quality.high > 2 * _COPYING["test_bleu"]


@pytest.mark.parametrize("name", _WHOLE)
def test_they_cover_the_space(name):
    found = load(f"reference:{name}")
    for gene in ("encoder-layer-num", "decoder-layer-num", "encoder-embed-dim", "decoder-embed-dim"):
        choices = next(each.choices for each in found.space.genes if each.name == gene)
        assert {o.architecture[gene] for o in found.observations} == set(choices), gene


def test_training_went_on_until_the_largest_gained_little():
    """The curve that the number of updates was chosen by is in the records."""
    found = load("reference:en-de")
    largest = next(o for o in found.observations if o.architecture == found.space.largest())
    losses = [each["valid_loss"] for each in largest.provenance["history"]]
    assert losses[0] - losses[-1] > 20 * abs(losses[-2] - losses[-1])


def test_an_unknown_one_is_named():
    with pytest.raises(UnknownNameError, match="did you mean 'en-de'"):
        reference_path("reference:en-dee")
