"""Encoders as networks: what they see, slices, extraction, padding, scoring crowds, proxies, timing."""

import numpy as np
import pytest
import torch

from foretell.costs import LatencySetting
from foretell.errors import InputError
from foretell.families.decoder.genes import DecoderShape, LayerShape
from foretell.families.encoder.genes import Backbone
from foretell.families.encoder.spaces import encoder_space
from foretell.nn import PAD
from foretell.predictors import Context
from foretell.predictors.zero_cost import PASSES, ZeroCost
from foretell.tasks.classification.batches import LabelledBatch

pytestmark = pytest.mark.network

CHOICES = {"width": (16, 8, 12), "layers": (4, 2, 3), "heads": (4, 0, 2), "kv-heads": (4, 1, 2), "ffn": (24, 0, 8)}
SIZES = {"vocabulary": 40, "classes": 6}


def make(**values):
    space = encoder_space("test", CHOICES, Backbone(head_size=4, context=16, vocabulary=40, classes=6, **values))
    torch.manual_seed(0)
    network = space.family.build(space.largest(), SIZES, dropout=0.0).eval()
    with torch.no_grad():
        for parameter in network.parameters():  # initial weights are so small that faults would hide
            parameter.normal_(0.0, 0.4)
    return space, network


def members(space, n, seed=1):
    return [DecoderShape.of(a) for a in space.architectures(space.sample(n, np.random.default_rng(seed)))]


def texts(rows=5, length=9, seed=0):
    """Labelled texts of different lengths."""
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(4, 40, (rows, length), generator=generator)
    for row in range(rows):
        tokens[row, length - row :] = PAD
    return LabelledBatch(tokens, torch.randint(6, (rows,), generator=generator))


@pytest.mark.parametrize("pooling", ["mean", "first"])
@pytest.mark.parametrize("feed_forward", ["swiglu", "gelu"])
def test_an_extracted_network_says_the_same(pooling, feed_forward):
    space, network = make(pooling=pooling, feed_forward=feed_forward)
    batch = texts()
    with torch.no_grad():
        for shape in members(space, 12):
            alone = network.extract(shape)
            assert alone.shape == shape
            torch.testing.assert_close(alone(batch.inputs), network(batch.inputs, shape), atol=1e-5, rtol=0)


@pytest.mark.parametrize("pooling", ["mean", "first"])
def test_padding_changes_nothing(pooling):
    _, network = make(pooling=pooling)
    batch = texts()
    with torch.no_grad():
        together, targets = network.predictions(batch)
        for row in range(len(batch)):
            alone = network.logits(network.features(batch.inputs[row : row + 1, : 9 - row]))
            torch.testing.assert_close(together[row : row + 1], alone, atol=1e-5, rtol=0)
    assert targets.equal(batch.targets)


def test_every_position_sees_what_follows_it():
    _, network = make(pooling="first")
    tokens = texts(1).inputs
    changed = tokens.clone()
    changed[:, -1] = 5 + (tokens[:, -1] == 5)
    with torch.no_grad():
        assert not torch.allclose(network(tokens), network(changed))


def test_a_crowd_is_scored_as_each_alone_and_in_any_company():
    space, network = make()
    shapes, batch = members(space, 40), texts()
    together = network.losses(shapes, batch, smoothing=0.1)
    with torch.no_grad():
        alone = torch.tensor([float(network.loss(batch, shape, smoothing=0.1)[0]) for shape in shapes])
    torch.testing.assert_close(together.float(), alone, rtol=1e-5, atol=1e-4)
    assert together[[5]].equal(network.losses([shapes[5]], batch, smoothing=0.1))
    assert together.flip(0).equal(network.losses(shapes[::-1], batch, smoothing=0.1))


def test_the_loss_is_one_target_a_text():
    _, network = make()
    batch = texts()
    loss, nll, count = network.loss(batch, smoothing=0.0)
    logits, targets = network.predictions(batch)
    expected = float(torch.nn.functional.cross_entropy(logits, targets, reduction="sum").detach())
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-5)
    assert float(nll) == pytest.approx(expected, rel=1e-5)
    assert int(count) == batch.tokens == len(batch) == 5


def test_texts_count_as_much_as_they_weigh_in_the_loss_and_not_in_the_likelihood():
    _, network = make()
    batch = texts()
    plain, nll, _ = network.loss(batch, smoothing=0.1)
    alone = [
        network.loss(LabelledBatch(batch.inputs[i : i + 1], batch.targets[i : i + 1]), smoothing=0.1)[0]
        for i in range(5)
    ]
    weights = torch.tensor([0.5, 2.0, 0.0, 1.0, 1.5])
    weighed, same, _ = network.loss(LabelledBatch(batch.inputs, batch.targets, weights), smoothing=0.1)
    torch.testing.assert_close(weighed, (torch.stack(alone) * weights).sum(), atol=1e-4, rtol=1e-5)
    torch.testing.assert_close(same, nll, atol=1e-4, rtol=1e-5)
    ones, _, _ = network.loss(LabelledBatch(batch.inputs, batch.targets, torch.ones(5)), smoothing=0.1)
    torch.testing.assert_close(ones, plain, atol=1e-4, rtol=1e-5)


def test_every_weight_of_a_member_learns_and_no_other():
    _, network = make()
    shape = DecoderShape(8, (LayerShape(2, 1, 8), LayerShape(0, 0, 8)))
    network.loss(texts(), shape, smoothing=0.0)[0].backward()
    gradients = {name: p.grad for name, p in network.named_parameters()}
    assert gradients["layers.0.self_attn.q_proj.weight"][:8, :8].abs().min() > 0
    assert not gradients["layers.0.self_attn.q_proj.weight"][8:].any()
    assert gradients["layers.1.self_attn.q_proj.weight"] is None
    assert gradients["layers.2.mlp.up_proj.weight"] is None
    assert not gradients["classifier.weight"][:, 8:].any()


def test_what_does_not_fit_is_refused():
    _, network = make()
    with pytest.raises(InputError, match="does not fit"):
        network(texts().inputs, DecoderShape(17, ()))


def test_recut_batches_hold_the_same_texts_with_less_padding():
    whole = [texts(5), texts(4, 6, seed=1)]
    cut = LabelledBatch.recut(whole, 12)
    assert all(batch.inputs.numel() <= 12 for batch in cut)
    _, network = make()
    with torch.no_grad():
        before, after = (sum(float(network.loss(b, smoothing=0.1)[0]) for b in batches) for batches in (whole, cut))
    assert after == pytest.approx(before, rel=1e-5)


@pytest.mark.parametrize("proxy", sorted(PASSES))
def test_zero_cost_proxies_read_it(proxy):
    space, _ = make()
    rows = space.sample(3, np.random.default_rng(0))
    for batch in (None, texts()):
        scores = ZeroCost(Context(space, batch=batch), proxy=proxy).fit([]).predict(rows).mean
        assert np.isfinite(scores).all()
        assert len(set(scores.tolist())) > 1


@pytest.mark.parametrize("cost", ["latency_ms", "batch_latency_ms"])
def test_one_text_and_many_are_timed(cost):
    space, _ = make()
    sizes = space.family.workloads(space)[cost].sizes
    setting = LatencySetting(space, 40, sizes, cost)
    seen = []
    network = space.family.timed_network(setting, space.largest())
    network.layers[0].register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0].shape))
    space.family.timed_step(setting, network)()
    assert seen == [(sizes["texts"], 16, 16)]
    assert sizes["texts"] == (1 if cost == "latency_ms" else 32)
