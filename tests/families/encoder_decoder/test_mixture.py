import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from foretell import spaces
from foretell.errors import InputError
from foretell.families.encoder_decoder.decoding import beam_search
from foretell.families.encoder_decoder.encoding import encode_shape
from foretell.families.encoder_decoder.genes import TransformerShape
from foretell.families.encoder_decoder.network import Seq2SeqTransformer
from foretell.families.encoder_decoder.population import population_losses
from foretell.nn import Mixture
from foretell.nn.mixture import MixtureFeedForward

from .cases import names, quick, random_shape, seeds, sentences, shifted, supernet

pytestmark = pytest.mark.network

SOURCE, TARGET = sentences([7, 3, 5], seed=1), sentences([4, 6, 6], seed=2)
KINDS = ("layer-wise", "neuron-wise")
mixtures = st.builds(
    Mixture,
    kind=st.sampled_from(KINDS),
    experts=st.integers(2, 3),
    router_width=st.just(8),
    router_input=st.sampled_from(("averages", "per-layer")),
)


def mixed(name, mixture, **options):
    """A mixture whose routers are far from uniform and differ between architectures."""
    network = supernet(name, mixture=mixture, **options).eval()
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, MixtureFeedForward):
                for router in module.routers:
                    router.output.weight.mul_(8)
    return network


def routers(network):
    return [r for m in network.modules() if isinstance(m, MixtureFeedForward) for r in m.routers]


def loss(network, shape=None):
    return network.teacher_forced_loss(SOURCE, shifted(TARGET), TARGET, 0.1, shape)[0]


@quick
@given(names, seeds, mixtures)
def test_an_extraction_is_an_ordinary_network_with_equal_outputs(name, seed, mixture):
    network, shape = mixed(name, mixture), random_shape(name, seed)
    alone = network.extract(shape)
    assert alone.mixture is None
    assert alone.parameter_count(embeddings=True) == supernet(name).extract(shape).parameter_count(embeddings=True)
    with torch.no_grad():
        sliced = network(SOURCE, shifted(TARGET), shape)
        torch.testing.assert_close(alone(SOURCE, shifted(TARGET)), sliced, atol=1e-5, rtol=1e-5)


@quick
@given(names, seeds, mixtures, st.integers(0, 1))
def test_one_hot_routing_is_the_expert_alone(name, seed, mixture, expert):
    network, shape = mixed(name, mixture), random_shape(name, seed)
    plain = supernet(name)
    with torch.no_grad():
        for router in routers(network):
            router.output.weight.zero_()
            router.output.bias.view(-1, mixture.experts).fill_(-1e4)[:, expert] = 1e4
        theirs = network.state_dict()
        for key, parameter in plain.named_parameters():
            parameter.copy_(theirs[key][expert] if "feed_forward" in key and "norm" not in key else theirs[key])
        expected = plain.eval()(SOURCE, shifted(TARGET), shape)
        torch.testing.assert_close(network(SOURCE, shifted(TARGET), shape), expected, atol=1e-5, rtol=1e-5)


@quick
@given(names, seeds, mixtures)
def test_gradients_reach_the_active_slices_of_every_expert_and_router_only(name, seed, mixture):
    network, shape = mixed(name, mixture), random_shape(name, seed)
    loss(network, shape).backward()
    stacks = (
        (network.encoder, shape.encoder_width, shape.encoder_ffn),
        (network.decoder, shape.decoder_width, shape.decoder_ffn),
    )
    for layers, width, inners in stacks:
        for number, layer in enumerate(layers):
            if number >= len(inners):
                assert all(p.grad is None for p in layer.parameters())
                continue
            feed, inner = layer.feed_forward, inners[number]
            active = [(feed.expand.weight, (inner, width)), (feed.contract.weight, (width, inner))]
            for weight, (rows, columns) in active:
                assert weight.grad[:, :rows, :columns].abs().amax((1, 2)).min() > 0
                assert not weight.grad[:, rows:].any()
                assert not weight.grad[:, :, columns:].any()
            for router, neurons in zip(feed.routers, (inner, width), strict=False):
                used = min(neurons, router.neurons) * mixture.experts
                assert router.output.weight.grad[:used].any()
                assert not router.output.weight.grad[used:].any()


@quick
@given(names, seeds, st.integers(2, 4), st.integers(1, 48))
def test_shares_sum_to_one_in_every_neuron_and_differ_between_architectures(name, seed, experts, neurons):
    mixture = Mixture("neuron-wise", experts, 8)
    network = mixed(name, mixture)
    largest = network.shape
    codes = [encode_shape(shape, largest, mixture) for shape in (random_shape(name, seed), largest)]
    first, second = (routers(network)[0](torch.tensor(code), neurons) for code in codes)
    assert first.shape == (experts, min(neurons, routers(network)[0].neurons))
    torch.testing.assert_close(first.sum(0), torch.ones(first.shape[1]))
    assert codes[0] == codes[1] or not torch.allclose(first, second)


def test_layer_wise_shares_are_one_for_all_neurons_of_a_layer():
    network = mixed("pre-shared", Mixture("layer-wise", 3, 8))
    feed = network.encoder[0].feed_forward
    code = torch.tensor(encode_shape(network.shape, network.shape, network.mixture))
    assert len(feed.routers) == 1
    shares = feed.routers[0](code, 48)
    assert shares.shape == (3, 1)
    weights = feed.mix(code, 40, 48)
    torch.testing.assert_close(weights.expand, torch.einsum("e,eoi->oi", shares[:, 0], feed.expand.weight))
    torch.testing.assert_close(weights.contract_bias, shares[:, 0] @ feed.contract.bias)


@pytest.mark.parametrize("name", ["hat-wmt14-en-de", "hat-iwslt14-de-en", "small-seq2seq"])
@pytest.mark.parametrize(("given", "kind"), [("averages", "hat-latency"), ("per-layer", "per-layer")])
def test_routers_read_the_published_encodings(name, given, kind):
    """As published; the per-layer encoding of a HAT space has 40 values."""
    space = spaces.create(name)
    mixture = Mixture("layer-wise", router_input=given, norm=space.constants.latency_norm)
    largest = TransformerShape.of(space.largest())
    rows = space.canonical(space.sample(20, np.random.default_rng(0)))
    found = [encode_shape(TransformerShape.of(a), largest, mixture) for a in space.architectures(rows)]
    np.testing.assert_allclose(found, space.features(rows, kind), rtol=1e-6)
    assert len(found[0]) == (10 if given == "averages" else space.width)
    assert name == "small-seq2seq" or space.width == 40


def test_a_constant_router_mixes_all_architectures_alike():
    mixture = Mixture("layer-wise", router_input="constant")
    codes = {encode_shape(random_shape("pre-shared", seed), random_shape("pre-shared", 0), mixture) for seed in (1, 2)}
    assert codes == {(0.5,) * 10}


def test_weights_are_mixed_once_a_translation_and_not_once_a_token(monkeypatch):
    network = mixed("post-shared", Mixture("neuron-wise", 2, 8))
    calls = []
    original = MixtureFeedForward.mix
    monkeypatch.setattr(MixtureFeedForward, "mix", lambda self, *args: calls.append(1) or original(self, *args))
    found = beam_search(network, SOURCE, beam=2, max_length=9)
    assert max(map(len, found)) > 2
    assert len(calls) == len(network.encoder) + len(network.decoder)
    monkeypatch.undo()
    assert found == beam_search(network.extract(), SOURCE, beam=2, max_length=9)


@pytest.mark.parametrize("kind", KINDS)
def test_a_population_is_scored_as_each_architecture_alone(kind):
    network = mixed("small-seq2seq", Mixture(kind, 2, 8))
    shapes = [random_shape("small-seq2seq", seed) for seed in range(6)]
    found = population_losses(network, shapes, SOURCE, shifted(TARGET), TARGET, 0.1)
    with torch.no_grad():
        expected = [float(loss(network, shape)) for shape in shapes]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert population_losses(network, [], SOURCE, shifted(TARGET), TARGET, 0.1).shape == (0,)


@pytest.mark.parametrize("kind", KINDS)
def test_a_description_rebuilds_the_mixture(kind):
    network = mixed("pre-separate", Mixture(kind, 3, 8, "per-layer", norm=(1.0,) * 10))
    copy = Seq2SeqTransformer.from_config(json.loads(json.dumps(network.config())))
    assert copy.mixture == network.mixture
    copy.load_state_dict(network.state_dict())
    shape = random_shape("pre-separate", 4)
    with torch.no_grad():
        assert torch.equal(loss(copy.eval(), shape), loss(network, shape))
    assert "mixture" not in supernet("pre-separate").config()


def test_a_mixture_adds_experts_and_routers_to_the_feed_forward_networks_alone():
    """As published: attention, norms and embeddings are shared as in HAT."""
    plain, network = supernet("pre-shared"), supernet("pre-shared", mixture=Mixture("neuron-wise", 2, 8))
    feed = sum(p.numel() for k, p in plain.named_parameters() if "feed_forward." in k)
    router = sum(p.numel() for r in routers(network) for p in r.parameters())
    assert sum(p.numel() for p in network.parameters()) == sum(p.numel() for p in plain.parameters()) + feed + router
    layer = network.encoder[0].feed_forward
    assert [r.output.weight.shape[0] for r in layer.routers] == [2 * 48, 2 * 40]


def test_half_precision_is_close():
    network = mixed("small-seq2seq", Mixture("neuron-wise", 2, 16))
    with torch.autocast("cpu", torch.bfloat16):
        near = loss(network.train(), network.shape)
        near.backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in network.parameters())
    torch.testing.assert_close(near, loss(network.eval(), network.shape), rtol=0.03, atol=0.1)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"experts": 1}, "mixture of 1 experts was asked for; give at least 2"),
        ({"kind": "token-wise"}, "expected layer-wise or neuron-wise"),
        ({"router_input": "genes"}, "expected averages, per-layer or constant"),
    ],
)
def test_mixtures_that_make_no_sense_are_refused(change, sentence):
    with pytest.raises(InputError, match=sentence):
        replace(Mixture("layer-wise"), **change)
