import numpy as np
import pytest
import torch

from foretell.families.encoder_decoder.genes import TransformerShape
from foretell.families.encoder_decoder.population import population_losses
from tests.families.encoder_decoder.cases import SPACES, sentences, shifted, supernet

pytestmark = pytest.mark.network

SOURCE, TARGET = sentences([3, 7, 5, 7], seed=1), sentences([6, 4, 8, 2], seed=2)


def shapes(name, n=12, seed=0):
    space = SPACES[name]
    return [TransformerShape.of(a) for a in space.architectures(space.sample(n, np.random.default_rng(seed)))]


def losses(network, chosen, smoothing=0.1):
    return population_losses(network, chosen, SOURCE, shifted(TARGET), TARGET, smoothing).numpy()


@torch.no_grad()
def alone(network, chosen, smoothing=0.1):
    return [
        float(network.teacher_forced_loss(SOURCE, shifted(TARGET), TARGET, smoothing, shape)[0]) for shape in chosen
    ]


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("name", sorted(SPACES))
def test_each_loss_is_that_of_the_network_alone(name, smoothing):
    network, chosen = supernet(name).eval(), shapes(name)
    np.testing.assert_allclose(losses(network, chosen, smoothing), alone(network, chosen, smoothing), rtol=1e-6)


@pytest.mark.parametrize("name", ["pre-separate", "post-shared"])
def test_who_else_is_there_and_in_which_order_changes_no_bit(name):
    network, chosen = supernet(name).eval(), shapes(name)
    together = losses(network, chosen)
    np.testing.assert_array_equal(losses(network, chosen[::-1])[::-1], together)
    np.testing.assert_array_equal(losses(network, chosen[:3]), together[:3])
    np.testing.assert_array_equal([losses(network, [shape])[0] for shape in chosen], together)


def test_copies_and_no_architecture_at_all():
    network, chosen = supernet("small-seq2seq").eval(), shapes("small-seq2seq", 2)
    twice = losses(network, chosen * 2)
    np.testing.assert_array_equal(twice[:2], twice[2:])
    assert losses(network, []).shape == (0,)


def test_layers_that_are_shared_run_once(monkeypatch):
    network, chosen = supernet("small-seq2seq").eval(), shapes("small-seq2seq", 60)
    calls = []
    for layer in network.encoder:
        layer.feed_forward.register_forward_hook(lambda *_: calls.append(1))
    losses(network, chosen)
    paths = {
        (shape.encoder_width, shape.encoder_ffn[:depth], shape.encoder_heads[:depth])
        for shape in chosen
        for depth in range(1, len(shape.encoder_ffn) + 1)
    }
    assert len(calls) == len(paths) < sum(len(shape.encoder_ffn) for shape in chosen)


def test_logits_too_large_for_plain_exponentials_are_still_summed_right():
    network, chosen = supernet("post-shared").eval(), shapes("post-shared", 3)
    with torch.no_grad():
        network.tokens.shared.mul_(300)
    np.testing.assert_allclose(losses(network, chosen), alone(network, chosen), rtol=1e-5)
