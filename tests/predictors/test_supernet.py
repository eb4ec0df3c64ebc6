import numpy as np
import pytest
import torch

from foretell.errors import ForetellError, InputError
from foretell.nn import PAD
from foretell.predictors import Predictor
from foretell.predictors.supernet import SupernetPredictor
from foretell.tasks.translation import Batch
from tests.families.encoder_decoder.cases import SPACES, sentences, shifted, supernet

pytestmark = pytest.mark.network

SPACE = SPACES["small-seq2seq"]


def batch(size, first, seed):
    rng = np.random.default_rng(seed)
    source, target = (sentences([int(n) for n in rng.integers(2, 14, size)], seed=seed + i) for i in (0, 1))
    return Batch(source, shifted(target), target, int((target != PAD).sum()), torch.arange(first, first + size))


BATCHES = [batch(30, 0, 5), batch(20, 30, 7), batch(1, 50, 9)]
NETWORK = supernet("small-seq2seq")
POPULATION = SPACE.sample(20, np.random.default_rng(0))


def predictor(**options):
    return SupernetPredictor(SPACE, NETWORK, BATCHES, **options)


def scores(population=POPULATION, **options):
    return predictor(**options).predict(population).mean


def test_shared_and_one_by_one_give_the_same_scores():
    np.testing.assert_allclose(scores(), scores(share=False), atol=1e-5, rtol=0)


def test_a_score_is_minus_the_loss_in_bits_a_token():
    from foretell.families.encoder_decoder.genes import TransformerShape

    shape = TransformerShape.of(SPACE.architectures(POPULATION[:1])[0])
    with torch.no_grad():
        found = [NETWORK.eval().loss(b, shape, smoothing=0.1) for b in BATCHES]
    bits = sum(float(loss) for loss, _, _ in found) / np.log(2)
    assert scores(POPULATION[:1])[0] == pytest.approx(-bits / sum(int(n) for _, _, n in found), rel=1e-6)


@pytest.mark.parametrize("threads", [1, 3])
def test_scores_do_not_depend_on_threads_order_or_company(threads):
    expected = scores(threads=2)
    np.testing.assert_array_equal(scores(threads=threads), expected)
    np.testing.assert_array_equal(scores(POPULATION[::-1].copy())[::-1], expected)
    np.testing.assert_array_equal(scores(POPULATION[5:8]), expected[5:8])


def test_how_batches_were_cut_changes_no_score():
    again = SupernetPredictor(SPACE, NETWORK, [batch(30, 0, 5), batch(1, 50, 9), batch(20, 30, 7)])
    np.testing.assert_allclose(again.predict(POPULATION).mean, scores(), rtol=1e-7)


@pytest.mark.parametrize("share", [True, False])
def test_pieces_are_reported_once_each(share):
    twice = np.concatenate([POPULATION, POPULATION[:7]])
    found = {}

    def report(rows, values):
        for row, value in zip(rows, values, strict=True):
            assert row.tobytes() not in found
            found[row.tobytes()] = value

    supernet = predictor(share=share)
    with supernet.reporting(report):
        mean = supernet.predict(twice).mean
    keys = [row.tobytes() for row in SPACE.canonical(twice)]
    assert set(found) == set(keys)
    np.testing.assert_array_equal([found[key] for key in keys], mean)
    assert supernet.spent.evaluations == len(found)
    supernet.predict(twice[:2])
    assert len(found) == len(set(keys))


def test_a_population_shared_out_among_devices_has_the_scores_of_one_in_their_order():
    twice = np.concatenate([POPULATION, POPULATION[:7]])
    expected, reported = scores(twice), []
    several = predictor(devices=("cpu", "cpu", "cpu:0"))
    with several.reporting(lambda rows, _: reported.extend(rows.tolist())):
        np.testing.assert_array_equal(several.predict(twice).mean, expected)
    assert reported == sorted(reported)
    assert len(reported) == several.spent.evaluations
    np.testing.assert_array_equal(several.predict(POPULATION[:1]).mean, expected[:1])
    assert several.predict(POPULATION[:0]).mean.shape == (0,)
    for part, alone in zip(several.parts((0.5, 0.5)), predictor().parts((0.5, 0.5)), strict=True):
        np.testing.assert_array_equal(part[0].predict(POPULATION).mean, alone[0].predict(POPULATION).mean)


def test_a_device_that_fails_is_named(monkeypatch):
    several = predictor(devices=("cpu", "cpu:0"))

    def fail(*_, **__):
        raise RuntimeError("out of memory\nTried to allocate a lot")

    monkeypatch.setattr(several._others[0].network, "losses", fail)
    with pytest.raises(ForetellError, match=r"the device cpu:0 failed while it scored \(out of memory\); free it"):
        several.predict(POPULATION)
    with pytest.raises(InputError, match="the device cuda:98 is not there"):
        predictor(devices=("cpu", "cuda:98"))


def test_an_empty_population_has_no_scores():
    assert scores(POPULATION[:0]).shape == (0,)
    assert scores(POPULATION[:0], share=False).shape == (0,)


def test_parts_of_the_validation_set_make_up_the_whole():
    parts = predictor().parts((0.25, 0.25, 0.5))
    weights = np.array([weight for _, weight in parts])
    assert weights.sum() == sum(b.tokens for b in BATCHES)
    mean = sum(weight * part.predict(POPULATION).mean for part, weight in parts) / weights.sum()
    np.testing.assert_allclose(mean, scores(), rtol=1e-7)
    assert weights.argmax() == 2


def test_it_keeps_the_protocols():
    assert isinstance(predictor(), Predictor)
    assert predictor().piecewise
    assert predictor().fit([]).labels == 0


def test_it_scores_on_the_device_that_it_is_told():
    with pytest.raises(InputError, match="the device cuda:99 is not there"):
        predictor(device="cuda:99")
    if torch.cuda.is_available():
        np.testing.assert_allclose(scores(device="cuda"), scores(), atol=1e-4, rtol=0)
        NETWORK.cpu()
