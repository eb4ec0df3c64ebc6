"""Decoders as networks: slices, extraction, reading token by token, scoring crowds."""

import numpy as np
import pytest
import torch

from foretell.errors import InputError
from foretell.families.decoder.generating import generate
from foretell.families.decoder.genes import Backbone, DecoderShape, LayerShape
from foretell.families.decoder.network import LanguageModel
from foretell.families.decoder.spaces import decoder_space
from foretell.families.decoder.stepping import JoinedStepper, PlainStepper
from foretell.nn import BOS, EOS, PAD, UNK
from foretell.tasks.language_model.batches import TextBatch, text_batches

pytestmark = pytest.mark.network

CHOICES = {
    "width": (16, 8, 12),
    "layers": (4, 2, 3),
    "heads": (4, 0, 2),
    "kv-heads": (4, 1, 2),
    "ffn": (24, 0, 8),
}
VOCABULARY = 40


def make(feed_forward="swiglu", tied=True):
    backbone = Backbone(head_size=4, context=64, feed_forward=feed_forward, tied=tied)
    space = decoder_space("test", CHOICES, backbone)
    torch.manual_seed(0)
    network = space.family.build(space.largest(), {"vocabulary": VOCABULARY}, dropout=0.0).eval()
    with torch.no_grad():
        for parameter in network.parameters():  # initial weights are so small that faults would hide
            parameter.normal_(0.0, 0.4)
    return space, network


def members(space, n, seed=1):
    return [DecoderShape.of(a) for a in space.architectures(space.sample(n, np.random.default_rng(seed)))]


def text(rows=3, length=11, seed=0):
    return torch.randint(4, VOCABULARY, (rows, length), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("feed_forward", ["swiglu", "gelu"])
@pytest.mark.parametrize("tied", [True, False])
def test_an_extracted_network_says_the_same(feed_forward, tied):
    space, network = make(feed_forward, tied)
    tokens = text()
    with torch.no_grad():
        for shape in members(space, 12):
            alone = network.extract(shape)
            assert alone.shape == shape
            torch.testing.assert_close(alone(tokens), network(tokens, shape), atol=1e-5, rtol=0)


def test_reading_token_by_token_says_the_same():
    space, network = make()
    tokens = text()
    with torch.no_grad():
        for shape in members(space, 8):
            state = network.start(shape)
            first = network.features(tokens[:, :4], shape, state)
            rest = [network.features(tokens[:, i : i + 1], shape, state) for i in range(4, tokens.shape[1])]
            expected = network.features(tokens, shape)
            torch.testing.assert_close(torch.cat([first, *rest], dim=1), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    "values", [{}, {"feed_forward": "gelu", "tied": False}, {"attention_bias": True}, {"head_norms": True}]
)
@pytest.mark.parametrize("rows", [1, 3])
def test_steps_with_joined_matrices_read_what_layers_read(values, rows):
    layers = (LayerShape(4, 2, 24), LayerShape(0, 0, 8), LayerShape(2, 2, 0), LayerShape(4, 1, 16))
    torch.manual_seed(0)
    network = LanguageModel(DecoderShape(16, layers), Backbone(head_size=4, context=64, **values), VOCABULARY).eval()
    tokens = text(rows, 12)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        expected = network.features(tokens)
        for make_stepper in (
            lambda state: JoinedStepper(network, state, 8),
            lambda state: PlainStepper(network, state),
        ):
            state = network.start()
            network.features(tokens[:, :4], state=state)
            step = make_stepper(state)
            step(tokens[:, 0])
            step.back(4)  # as if it had not been read
            found = torch.stack([step(tokens[:, i]) for i in range(4, 12)], dim=1)
            torch.testing.assert_close(found, expected[:, 4:], atol=1e-5, rtol=0)


def test_no_position_sees_what_follows_it():
    _, network = make()
    tokens = text()
    changed = tokens.clone()
    changed[:, 6:] = 5
    with torch.no_grad():
        torch.testing.assert_close(network(tokens)[:, :6], network(changed)[:, :6])
        assert not torch.allclose(network(tokens)[:, 6:], network(changed)[:, 6:])


def test_positions_matter_relatively():
    """Rotations keep scores of equal distances equal: a text moved to the right is read alike by one layer."""
    backbone = Backbone(head_size=4, context=64)
    torch.manual_seed(0)
    network = LanguageModel(DecoderShape(8, (LayerShape(2, 1, 0),)), backbone, VOCABULARY).eval()
    tokens = text(1, 6)
    with torch.no_grad():
        here = network(tokens)
        state = network.start()
        state.position = 5
        torch.testing.assert_close(network.logits(network.features(tokens, state=state)), here, atol=1e-5, rtol=0)
        swapped = network(tokens[:, [1, 0, 2, 3, 4, 5]])
    assert not torch.allclose(swapped[:, -1], here[:, -1])


def batches():
    tokens = text(1, 100)[0].numpy().astype(np.int32)
    return text_batches(tokens, 16, 64)


def test_a_crowd_is_scored_as_each_alone_and_in_any_company():
    space, network = make()
    shapes = members(space, 40)
    for batch in batches():
        together = network.losses(shapes, batch, smoothing=0.1)
        with torch.no_grad():
            alone = torch.tensor([float(network.loss(batch, shape, smoothing=0.1)[0]) for shape in shapes])
        torch.testing.assert_close(together.float(), alone, rtol=1e-5, atol=1e-4)
        assert together[[5]].equal(network.losses([shapes[5]], batch, smoothing=0.1))
        assert together.flip(0).equal(network.losses(shapes[::-1], batch, smoothing=0.1))


def test_the_loss_is_over_real_targets_only():
    _, network = make()
    whole, part = batches()[0], batches()[-1]
    assert part.tokens == int((part.targets != PAD).sum()) < part.targets.numel()
    loss, nll, count = network.loss(part, smoothing=0.0)
    logits, targets = network.predictions(part)
    expected = torch.nn.functional.cross_entropy(logits, targets, reduction="sum")
    assert float(loss.detach()) == pytest.approx(float(expected.detach()), rel=1e-5)
    assert float(nll) == pytest.approx(float(expected.detach()), rel=1e-5)
    assert int(count) == part.tokens
    assert whole.tokens == whole.targets.numel()


def test_every_weight_of_a_member_learns_and_no_other():
    space, network = make()
    shape = DecoderShape(8, (LayerShape(2, 1, 8), LayerShape(0, 0, 8), LayerShape(2, 2, 0)))
    network.loss(batches()[0], shape, smoothing=0.0)[0].backward()
    gradients = {name: p.grad for name, p in network.named_parameters()}
    assert gradients["layers.0.self_attn.q_proj.weight"][:8, :8].abs().min() > 0
    assert not gradients["layers.0.self_attn.q_proj.weight"][8:].any()
    assert gradients["layers.1.self_attn.q_proj.weight"] is None
    assert gradients["layers.2.mlp.up_proj.weight"] is None
    assert gradients["layers.3.mlp.up_proj.weight"] is None
    assert not gradients["embed_tokens"][:, 8:].any()
    assert len(members(space, 3)) == 3


@pytest.mark.parametrize(
    "shape",
    [
        DecoderShape(17, ()),
        DecoderShape(16, (LayerShape(8, 4, 8),)),
        DecoderShape(16, (LayerShape(4, 4, 25),)),
        DecoderShape(16, (LayerShape(2, 2, 8),) * 5),
    ],
)
def test_what_does_not_fit_is_refused(shape):
    _, network = make()
    with pytest.raises(InputError, match="does not fit"):
        network(text(), shape)


def test_heads_that_do_not_divide_are_refused():
    with pytest.raises(InputError, match="3 heads cannot share 2 key-value heads"):
        LanguageModel(DecoderShape(8, (LayerShape(3, 2, 8),)), Backbone(head_size=4), VOCABULARY)


def test_greedy_text_is_the_likeliest_token_each_time():
    _, network = make()
    prompt = text(1, 5)[0].tolist()
    (found,) = generate(network, prompt, 20, temperature=0)
    seen = list(prompt)
    with torch.no_grad():
        for token in found:
            logits = network(torch.tensor([seen]))[0, -1]
            logits[[BOS, PAD, UNK]] = -torch.inf
            assert int(logits.argmax()) == token
            seen.append(token)
    assert EOS not in found


def test_samples_are_seeded_differ_and_keep_to_what_is_allowed():
    _, network = make()
    prompt = text(1, 5)[0].tolist()
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    one = generate(network, prompt, 12, samples=6, seed=1)
    assert torch.rand(1) == expected
    assert one == generate(network, prompt, 12, samples=6, seed=1)
    assert one != generate(network, prompt, 12, samples=6, seed=2)
    assert len({tuple(each) for each in one}) > 1
    assert not {BOS, PAD, UNK} & {token for each in one for token in each}
    greedy = generate(network, prompt, 12, temperature=0)
    assert generate(network, prompt, 12, top_k=1, seed=5) == greedy
    assert generate(network, prompt, 12, top_p=1e-9, seed=5) == greedy


@pytest.mark.parametrize(
    ("prompt", "options", "sentence"),
    [
        ([5] * 60, {}, "longer than the network's context of 64"),
        ([], {}, "must be at least 1"),
        ([5], {"temperature": -1}, "not negative"),
        ([5], {"top_p": 0}, "at most 1"),
    ],
)
def test_generation_that_makes_no_sense_is_refused(prompt, options, sentence):
    _, network = make()
    with pytest.raises(InputError, match=sentence):
        generate(network, prompt, 10, **options)


def test_recut_batches_hold_the_same_blocks():
    whole = batches()
    cut = TextBatch.recut(whole, 16)
    assert all(len(batch) == 1 for batch in cut)
    assert sum(batch.tokens for batch in cut) == sum(batch.tokens for batch in whole) == 99
