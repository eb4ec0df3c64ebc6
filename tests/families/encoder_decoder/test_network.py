import json
from dataclasses import replace

import pytest
import torch
from hypothesis import given

from foretell import spaces
from foretell.errors import InputError
from foretell.families.encoder_decoder.genes import TransformerShape
from foretell.families.encoder_decoder.network import Seq2SeqTransformer
from foretell.nn import PAD

from .cases import SPACES, TINY, names, quick, random_shape, seeds, sentences, shifted, supernet

pytestmark = pytest.mark.network

SOURCE = sentences([7, 3, 5], seed=1)
TARGET = sentences([4, 6, 6], seed=2)


def closed_form(shape, q, pre_norm):
    """HAT's sizes."""
    de, dd = shape.encoder_width, shape.decoder_width
    encoder = sum(4 * q * de + 3 * q + 6 * de + 2 * de * f + f for f in shape.encoder_ffn)
    decoder = sum(6 * q * dd + 2 * q * de + 6 * q + 9 * dd + 2 * dd * f + f for f in shape.decoder_ffn)
    return encoder + decoder + (2 * de + 2 * dd if pre_norm else 0)


@quick
@given(names, seeds)
def test_a_slice_computes_what_its_extraction_computes(name, seed):
    network, shape = supernet(name).eval(), random_shape(name, seed)
    alone = network.extract(shape)
    with torch.no_grad():
        sliced = network(SOURCE, shifted(TARGET), shape)
        torch.testing.assert_close(alone(SOURCE, shifted(TARGET)), sliced, atol=1e-5, rtol=1e-5)
        again = alone.extract()(SOURCE, shifted(TARGET))
    torch.testing.assert_close(again, sliced, atol=1e-5, rtol=1e-5)


@quick
@given(names, seeds)
def test_an_extraction_has_as_many_parameters_as_the_closed_form_says(name, seed):
    shape, backbone = random_shape(name, seed), SPACES[name].constants
    network = supernet(name).extract(shape)
    expected = closed_form(shape, backbone.qkv_dim, backbone.norm == "pre")
    assert network.parameter_count(embeddings=False) == expected
    columns = {
        "shared": max(shape.encoder_width, shape.decoder_width),
        "separate": shape.encoder_width + 2 * shape.decoder_width,
    }[backbone.embeddings]
    assert network.parameter_count(embeddings=True) == expected + 50 * columns
    assert sum(p.numel() for p in network.parameters()) == expected + 50 * columns


def test_the_published_supernet_has_its_published_size():
    space = spaces.create("hat-wmt14-en-de")
    with torch.device("meta"):
        network = Seq2SeqTransformer(TransformerShape.of(space.largest()), space.constants, 32768)
    assert network.parameter_count(embeddings=False) == 70_900_992
    assert network.parameter_count(embeddings=True) == 70_900_992 + 640 * 32768


@quick
@given(names, seeds)
def test_gradients_reach_the_active_slices_only_and_equal_the_extractions(name, seed):
    network, shape = supernet(name).eval(), random_shape(name, seed)
    alone = network.extract(shape)
    for net, chosen in ((network, shape), (alone, None)):
        net.teacher_forced_loss(SOURCE, shifted(TARGET), TARGET, 0.1, chosen)[0].backward()
    theirs = dict(alone.named_parameters())
    for key, parameter in network.named_parameters():
        expected = torch.zeros_like(parameter)
        if key in theirs:
            expected[tuple(slice(n) for n in theirs[key].shape)] = theirs[key].grad
        found = parameter.grad if parameter.grad is not None else torch.zeros_like(parameter)
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", sorted(SPACES))
def test_padding_and_neighbours_change_nothing(name):
    network = supernet(name).eval()
    with torch.no_grad():
        together = network(SOURCE, shifted(TARGET))
        for row in range(len(SOURCE)):
            source, target = (x[row][x[row] != PAD][None] for x in (SOURCE, TARGET))
            alone = network(source, shifted(target))[0]
            torch.testing.assert_close(together[row, : alone.shape[0]], alone, atol=1e-5, rtol=1e-5)


def test_the_future_is_not_seen():
    network = supernet("pre-shared").eval()
    other = TARGET.clone()
    other[:, 3] = 9
    with torch.no_grad():
        first, second = network(SOURCE, TARGET), network(SOURCE, other)
    torch.testing.assert_close(first[:, :3], second[:, :3])
    assert not torch.allclose(first[:, 3], second[:, 3])


def test_attended_layers_are_the_last_active_ones_along_time():
    network = supernet("post-shared").eval()
    shape = random_shape("post-shared", 3)
    shape = replace(shape, encoder_ffn=(16, 32), encoder_heads=(2, 4), attended=(2,) * len(shape.decoder_ffn))
    encoded = network.encode(SOURCE, shape, layers=3)
    assert len(encoded.layers) == 2
    memory, mask = encoded.memory(2)
    assert memory.shape == (3, 14, shape.encoder_width)
    assert mask.shape == (3, 1, 1, 14)
    torch.testing.assert_close(memory[:, :7], encoded.layers[0])
    one = replace(shape, encoder_ffn=(16,), encoder_heads=(2,), attended=(1,) * len(shape.decoder_ffn))
    torch.testing.assert_close(memory[:, 7:], network.encode(SOURCE, one).layers[0])
    assert network.encode(SOURCE[:1], shape).mask is None


def test_an_encoding_serves_every_decoder_with_the_same_encoder_genes():
    network = supernet("pre-separate").eval()
    largest = network.shape
    encoded = network.encode(SOURCE, layers=3)
    for k in (1, 2, 3):
        shape = replace(largest, decoder_width=24, attended=(k,) * len(largest.decoder_ffn))
        with torch.no_grad():
            features = network.decode(shifted(TARGET), encoded, shape)
            torch.testing.assert_close(network.logits(features, shape), network(SOURCE, shifted(TARGET), shape))
    with pytest.raises(InputError, match="encode with layers=3"):
        network.decode(TARGET, network.encode(SOURCE, layers=1), largest)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_is_torchs_at_real_tokens(smoothing):
    network = supernet("small-seq2seq").eval()
    logits = network(SOURCE, shifted(TARGET)).flatten(0, 1)
    loss, nll, tokens = network.teacher_forced_loss(SOURCE, shifted(TARGET), TARGET, smoothing)
    options = {"ignore_index": PAD, "reduction": "sum"}
    expected = torch.nn.functional.cross_entropy(logits, TARGET.flatten(), label_smoothing=smoothing, **options)
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(nll, torch.nn.functional.cross_entropy(logits, TARGET.flatten(), **options))
    assert tokens.item() == (TARGET != PAD).sum()


@pytest.mark.parametrize("name", sorted(SPACES))
def test_a_description_rebuilds_the_network(name):
    network = supernet(name, dropout=0.2, attention_dropout=0.1).extract(random_shape(name, 5)).eval()
    config = json.loads(json.dumps(network.config()))
    copy = Seq2SeqTransformer.from_config(config)
    assert copy.config() == network.config()
    assert copy.shape == network.shape
    assert copy.reference_widths == supernet(name).reference_widths
    copy.load_state_dict(network.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(
            copy.eval()(SOURCE, shifted(TARGET)), network(SOURCE, shifted(TARGET)), rtol=0, atol=0
        )


def test_a_damaged_description_is_refused():
    config = supernet("pre-shared").config()
    for damaged in ({**config, "shape": {}}, {k: v for k, v in config.items() if k != "vocabulary"}):
        with pytest.raises(InputError, match="damaged"):
            Seq2SeqTransformer.from_config(damaged)


def test_misfits_are_refused():
    network = supernet("pre-shared")
    for change, message in (
        ({"encoder_width": 64}, "does not fit"),
        ({"encoder_ffn": (64, 16)}, "does not fit"),
        ({"encoder_heads": (4,)}, "differ in length"),
        ({"attended": (3,)}, "attend to the last"),
        ({"decoder_self_heads": (3,)}, "must each divide"),
    ):
        with pytest.raises(InputError, match=message):
            network(SOURCE, TARGET, replace(TINY, **change))
    with pytest.raises(InputError, match="one vocabulary"):
        Seq2SeqTransformer(TINY, SPACES["pre-shared"].constants, (10, 20))


def test_separate_vocabularies_have_their_sizes():
    network = Seq2SeqTransformer(TINY, SPACES["post-separate"].constants, (50, 33)).eval()
    assert network(SOURCE, TARGET % 33).shape == (*TARGET.shape, 33)


@pytest.mark.parametrize("name", ["small-seq2seq", "post-separate"])
def test_dropout_scales_with_the_width_and_has_the_right_mean(name):
    network = supernet(name, dropout=0.3)
    half = replace(network.shape, encoder_width=32, decoder_width=32)
    seen = []
    original = type(network)._drop
    network._drop = lambda p, sites, like: seen.append(round(p, 6)) or original(network, p, sites, like)
    network.teacher_forced_loss(SOURCE, shifted(TARGET), TARGET, 0.1, half)
    reference = network.reference_widths
    assert seen == [round(0.3 * 32 / width, 6) for width in reference]
    seen.clear()
    alone = network.extract(half)
    assert alone.training
    assert alone.reference_widths == reference


def test_a_seed_fixes_training_noise():
    network = supernet("pre-shared", dropout=0.3)
    losses = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        losses.append(network.teacher_forced_loss(SOURCE, shifted(TARGET), TARGET)[0].item())
    assert losses[0] == losses[1] != losses[2]


@pytest.mark.parametrize("name", sorted(SPACES))
def test_half_precision_is_close(name):
    network = supernet(name, dropout=0.1)
    network.eval()
    exact = network.teacher_forced_loss(SOURCE, shifted(TARGET), TARGET)[0]
    with torch.autocast("cpu", torch.bfloat16):
        loss = network.train().teacher_forced_loss(SOURCE, shifted(TARGET), TARGET)[0]
        loss.backward()
        near = network.eval().teacher_forced_loss(SOURCE, shifted(TARGET), TARGET)[0]
    assert all(p.grad is None or (p.grad.isfinite().all() and p.grad.dtype == p.dtype) for p in network.parameters())
    torch.testing.assert_close(near, exact, rtol=0.02, atol=0.1)


def test_training_lowers_the_loss():
    network = supernet("small-seq2seq")
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    losses = []
    for _ in range(30):
        optimizer.zero_grad(set_to_none=True)
        loss, _, tokens = network.teacher_forced_loss(SOURCE, shifted(TARGET), TARGET)
        (loss / tokens).backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
