"""The passes on a network of one unit a side, against gradients taken by differences."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from foretell import spaces
from foretell.errors import UnknownNameError
from foretell.families.encoder_decoder.genes import Backbone, TransformerShape
from foretell.families.encoder_decoder.network import Seq2SeqTransformer
from foretell.families.encoder_decoder.probing import TranslationProbe, random_batch
from foretell.nn import PAD
from foretell.predictors import Context, create
from foretell.predictors.zero_cost import PASSES, ZeroCost
from foretell.training import Recipe, build_network

SPACE = spaces.create("small-seq2seq")
TINY = TransformerShape(4, (3,), (1,), 4, (3,), (1,), (1,), (1,))


@pytest.fixture
def network():
    torch.manual_seed(0)
    return Seq2SeqTransformer(TINY, Backbone(qkv_dim=2, norm="pre"), 12, dropout=0.0).eval()


@pytest.fixture
def batch():
    return random_batch(SPACE, 12)


def by_differences(network, batch):
    """Central differences of the mean loss for every weight, in double precision."""
    network.double()

    def loss():
        with torch.no_grad():
            logits = network(batch.source, batch.target_in)
            return F.cross_entropy(logits.flatten(0, 1), batch.target_out.flatten(), ignore_index=PAD)

    slopes = []
    for weight in network.parameters():
        flat, slope = weight.data.view(-1), torch.empty(weight.numel(), dtype=torch.float64)
        for index in range(len(flat)):
            kept = flat[index].item()
            flat[index] = kept + 1e-5
            high = loss()
            flat[index] = kept - 1e-5
            slope[index] = (high - loss()) / 2e-5
            flat[index] = kept
        slopes.append(slope.view_as(weight))
    return [weight.detach() for weight in network.parameters()], slopes


def test_gradient_proxies_agree_with_differences(network, batch):
    weights, slopes = by_differences(network, batch)
    assert PASSES["snip"](TranslationProbe(network, batch)) == pytest.approx(
        float(sum((w * g).abs().sum() for w, g in zip(weights, slopes, strict=True))), rel=1e-4
    )
    assert PASSES["grad_norm"](TranslationProbe(network, batch)) == pytest.approx(
        float(sum(g.norm() for g in slopes)), rel=1e-4
    )


def test_grasp_agrees_with_differences_of_the_gradient(network, batch):
    network.double()
    weights = list(network.parameters())

    def gradients():
        logits = network(batch.source, batch.target_in)
        loss = F.cross_entropy(logits.flatten(0, 1), batch.target_out.flatten(), ignore_index=PAD)
        return torch.autograd.grad(loss, weights)

    start = gradients()
    moved = []
    for sign in (1, -1):
        with torch.no_grad():
            for weight, gradient in zip(weights, start, strict=True):
                weight += sign * 1e-5 * gradient
        moved.append(gradients())
        with torch.no_grad():
            for weight, gradient in zip(weights, start, strict=True):
                weight -= sign * 1e-5 * gradient
    curved = [(high - low) / 2e-5 for high, low in zip(*moved, strict=True)]
    expected = -float(sum((w.detach() * h).sum() for w, h in zip(weights, curved, strict=True)))
    assert PASSES["grasp"](TranslationProbe(network, batch)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("proxy", sorted(PASSES))
def test_a_score_is_finite_and_the_network_keeps_no_hook(network, batch, proxy):
    assert np.isfinite(PASSES[proxy](TranslationProbe(network, batch)))
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())


def test_synflow_stays_finite_on_a_large_post_norm_network(batch):
    large = spaces.create("hat-wmt14-en-de")
    scores = create("synflow", context=Context(large, vocabulary=12, batch=batch)).predict(
        large.population([large.smallest()])
    )
    assert np.isfinite(scores.mean).all()


def test_a_batch_of_the_task_is_used(batch):
    space_batch = random_batch(SPACE, 2000)
    rows = SPACE.sample(2, np.random.default_rng(0))
    plain = create("snip", space=SPACE).predict(rows).mean
    same = create("snip", context=Context(SPACE, batch=space_batch)).predict(rows).mean
    other = create("snip", context=Context(SPACE, batch=batch)).predict(rows).mean
    np.testing.assert_array_equal(plain, same)
    assert (plain != other).all()


@pytest.mark.parametrize("proxy", ["grad_norm", "nwot"])
def test_the_network_is_the_one_that_training_would_start_from(batch, proxy):
    """Of a narrow architecture, too, whose positions are those of the space's widest."""
    narrow = SPACE.smallest()
    rows = SPACE.population([narrow])
    scored = create(proxy, context=Context(SPACE, vocabulary=12, batch=batch, seed=3)).predict(rows).mean
    network = build_network(narrow, {"vocabulary": 12}, Recipe(), 3).eval()
    assert scored.tolist() == [PASSES[proxy](TranslationProbe(network, batch))]


def test_torchs_random_state_is_left_alone():
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    create("zen", space=SPACE).predict(SPACE.sample(1, np.random.default_rng(0)))
    assert torch.rand(1) == expected


def test_an_unknown_proxy_is_named():
    with pytest.raises(UnknownNameError, match="did you mean 'snip'"):
        ZeroCost(proxy="snup")
