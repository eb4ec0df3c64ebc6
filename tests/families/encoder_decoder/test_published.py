"""The published spaces at full size, against what HAT and LLM-PP published."""

import pytest
import torch

from foretell import spaces
from foretell.families.encoder_decoder.genes import TransformerShape
from foretell.families.encoder_decoder.network import Seq2SeqTransformer
from foretell.nn import EOS, Mixture
from tests.families.encoder_decoder.hat_models import MODELS, read_model

pytestmark = pytest.mark.network

SIZES = {
    "hat-wmt14-en-de": (15_771_136, 70_900_992, 32_768),
    "hat-wmt14-en-fr": (15_771_136, 70_900_992, 44_512),
    "hat-wmt19-en-de": (15_771_136, 70_900_992, 49_600),
    "hat-iwslt14-de-en": (12_097_536, 55_160_064, 10_000),
}


def on_no_device(space, architecture, mixture=None):
    with torch.device("meta"):
        return Seq2SeqTransformer(
            TransformerShape.of(architecture), space.constants, space.constants.vocabulary, mixture=mixture
        )


@pytest.mark.parametrize("name", SIZES)
def test_supernets_have_their_published_sizes(name):
    space = spaces.create(name)
    smallest, largest, vocabulary = SIZES[name]
    supernet = on_no_device(space, space.largest())
    matrices = 1 if space.constants.embeddings == "shared" else 3
    assert supernet.parameter_count(embeddings=False) == largest
    assert supernet.parameter_count(embeddings=True) == largest + matrices * 640 * vocabulary
    assert on_no_device(space, space.smallest()).parameter_count(embeddings=False) == smallest


@pytest.mark.parametrize(("kind", "routed"), [("layer-wise", (1,)), ("neuron-wise", (3072, 640))])
@pytest.mark.parametrize("experts", [2, 6])
def test_a_published_mixture_adds_experts_and_routers(kind, routed, experts):
    """As published: E - 1 more feed-forward networks a layer, and routers 10 -> H -> E neurons."""
    space = spaces.create("hat-wmt14-en-de")
    network = on_no_device(space, space.largest(), Mixture(kind, experts, 128, norm=space.constants.latency_norm))
    feed = 2 * 640 * 3072 + 3072 + 640
    router = sum(10 * 128 + 128 + (128 + 1) * experts * neurons for neurons in routed)
    assert network.parameter_count(embeddings=False) == 70_900_992 + 12 * ((experts - 1) * feed + router)


def published():
    """Each distinct network of the appendix once; several devices found the same one."""
    found = {}
    for line in MODELS:
        space, architecture, millions, _ = read_model(line)
        found.setdefault((space.name, architecture), (line.split("|")[0].strip(), millions))
    return [pytest.param(*key, millions, id=name) for key, (name, millions) in found.items()]


@pytest.mark.parametrize(("name", "architecture", "millions"), published())
def test_a_pass_forward_and_back_of_every_published_network(name, architecture, millions):
    space = spaces.create(name)
    widest = TransformerShape.of(space.largest())
    network = Seq2SeqTransformer(
        TransformerShape.of(architecture),
        space.constants,
        50,
        dropout=0.3,
        attention_dropout=0.1,
        reference_widths=(widest.encoder_width, widest.decoder_width),
    )
    assert network.parameter_count(embeddings=False) / 1e6 == pytest.approx(millions, abs=0.006)
    source, target = torch.tensor([[7, 9, 5, EOS]]), torch.tensor([[8, 6, EOS]])
    loss, _, tokens = network.teacher_forced_loss(source, torch.tensor([[EOS, 8, 6]]), target)
    loss.backward()
    assert loss.isfinite()
    assert int(tokens) == 3
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
