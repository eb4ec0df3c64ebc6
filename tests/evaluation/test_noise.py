import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell import spaces
from foretell.errors import InputError
from foretell.evaluation import label_quality, tau_ceiling
from foretell.observations import Observation
from foretell.testing import make_observations

SPACE = spaces.create("small-seq2seq")


def observed(labels):
    """Architectures with one label for each training."""
    items = make_observations(SPACE, len(labels))
    return [
        Observation(item.architecture, {"test_bleu": value}, provenance={"seed": seed})
        for item, values in zip(items, labels, strict=True)
        for seed, value in enumerate(values)
    ]


def test_spread_is_of_first_trainings_and_noise_the_mean_over_those_that_repeat():
    found = label_quality(observed([[10.0, 11.0, 12.0], [20.0], [30.0, 33.0], [40.0]]), "test_bleu")
    assert (found.architectures, found.trainings, found.repeated) == (4, 7, 2)
    assert found.spread == pytest.approx(np.std([10, 20, 30, 40], ddof=1))
    assert found.noise == pytest.approx((1.0 + np.sqrt(4.5)) / 2)
    assert found.ratio == pytest.approx(found.spread / found.noise)
    assert (found.low, found.high) == (11.0, 40.0)


def test_without_repeats_nothing_is_said_of_noise():
    found = label_quality(observed([[1.0], [2.0]]), "test_bleu")
    assert found.noise is None
    assert found.ceiling is None
    assert found.ratio is None


def test_the_same_seed_again_is_the_same_training():
    once = observed([[10.0, 11.0], [20.0], [30.0]])
    assert label_quality([*once, *once[:2]], "test_bleu") == label_quality(once, "test_bleu")


def test_seeds_that_make_no_difference_tell_no_noise():
    found = label_quality(observed([[10.0, 10.0], [20.0]]), "test_bleu")
    assert found.repeated == 1
    assert found.noise is None
    assert found.ratio is None


def test_one_architecture_has_no_order():
    with pytest.raises(InputError, match="1 architectures were observed; at least 2"):
        label_quality(observed([[1.0, 2.0]]), "test_bleu")


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000))
def test_the_ceiling_sinks_with_noise(seed):
    labels = np.random.default_rng(seed).normal(size=12)
    taus = [tau_ceiling(labels, noise, draws=200).tau for noise in (0.0, 0.2, 0.6)]
    assert taus[0] == pytest.approx(1.0)
    assert taus[0] > taus[1] > taus[2]
    assert tau_ceiling(labels, 10.0, draws=20).tau == 0.0


def test_the_ceiling_is_what_an_all_knowing_predictor_reaches():
    """Labels drawn from a known truth: the ceiling that their spread and noise give is the true one."""
    rng = np.random.default_rng(1)
    truth = rng.normal(0, 2.0, 400)
    labels = truth + rng.normal(0, 1.0, 400)
    found = tau_ceiling(labels, 1.0, draws=20)
    from scipy.stats import kendalltau

    assert found.tau == pytest.approx(kendalltau(truth, labels).statistic, abs=0.03)
    assert found.mae == pytest.approx(np.sqrt(2 / np.pi), abs=0.02)
