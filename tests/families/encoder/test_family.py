"""Closed forms and constants of encoders, against networks that are built."""

import numpy as np
import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from foretell import spaces
from foretell.errors import InputError, UnknownNameError
from foretell.families.encoder.genes import Backbone
from foretell.families.encoder.network import TextClassifier
from foretell.families.encoder.spaces import encoder_space
from foretell.testing import FamilyConformance

SPACE = spaces.create("small-encoder")
UNEVEN = {"width": (8, 4), "layers": (1, 3), "heads": (2, 0, 4), "kv-heads": (2, 1, 4), "ffn": (0, 6)}
SIZES = {"vocabulary": 17, "classes": 5}


class TestSmallEncoder(FamilyConformance):
    space_name = "small-encoder"


class TestMiniLm(FamilyConformance):
    space_name = "minilm-encoder"


def uneven(**values):
    return encoder_space("uneven", UNEVEN, Backbone(head_size=2, context=12, vocabulary=30, classes=3, **values))


def drawn(space, n):
    return space.sample(n, np.random.default_rng(0))


@pytest.mark.parametrize("values", [{}, {"feed_forward": "gelu"}, {"precision": "bfloat16"}])
def test_parameters_and_bytes_are_those_of_the_network(values):
    space = uneven(**values)
    rows = drawn(space, 20)
    names = ["parameters", "parameters_without_embeddings", "weight_bytes"]
    found = space.family.count(space, rows, names, SIZES)
    for index, row in enumerate(rows):
        network = space.family.build(space.architecture(row), SIZES)
        assert network.parameter_count(embeddings=True) == found["parameters"][index]
        assert network.parameter_count(embeddings=False) == found["parameters_without_embeddings"][index]
        network.to(getattr(torch, values.get("precision", "float32")))
        assert sum(p.nbytes for p in network.parameters()) == found["weight_bytes"][index]


@pytest.mark.parametrize("values", [{}, {"feed_forward": "gelu"}, {"pooling": "first"}])
def test_flops_are_those_that_torch_counts(values):
    space, length = uneven(**values), 7
    rows = drawn(space, 12)
    found = space.family.count(space, rows, ["flops", "flops_without_output_layer"], {**SIZES, "length": length})

    def counted(call):
        # The counter does not know torch's fused attention on CPUs.
        with FlopCounterMode(display=False) as counter, torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
            call()
        return counter.get_total_flops()

    for index, row in enumerate(rows):
        network = space.family.build(space.architecture(row), SIZES).eval()
        tokens = torch.arange(4, 4 + length)[None]
        assert counted(lambda n=network, t=tokens: n(t)) == found["flops"][index]
        assert counted(lambda n=network, t=tokens: n.features(t)) == found["flops_without_output_layer"][index]


def test_what_the_task_does_not_say_is_the_space_s():
    space = uneven()
    rows = drawn(space, 5)
    told = space.family.count(space, rows, ["flops"], {"vocabulary": 30, "classes": 3, "length": 12})
    assert np.array_equal(space.family.count(space, rows, ["flops"], {})["flops"], told["flops"])
    assert space.family.nominal_sizes(space) == {"vocabulary": 30, "classes": 3}


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"pooling": "max"}, "expected mean or first"),
        ({"classes": 2.5}, "classes is 2.5; expected a whole number"),
        ({"classes": 0}, "expected a positive number"),
        ({"head_size": 3}, "expected an even number"),
    ],
)
def test_constants_that_make_no_sense_are_refused(values, sentence):
    with pytest.raises(InputError, match=sentence):
        SPACE.family.constants(values, "mine.yaml")


def test_an_encoder_has_no_output_layer_to_tie():
    with pytest.raises(UnknownNameError, match="tied"):
        SPACE.family.constants({"tied": True}, "mine.yaml")


def test_mixtures_are_refused():
    from foretell.nn import Mixture

    with pytest.raises(InputError, match="sandwich or spos"):
        SPACE.family.build(SPACE.smallest(), SIZES, mixture=Mixture("layer-wise"))


def test_a_picture_says_that_it_is_an_encoder():
    picture = SPACE.family.picture(SPACE.largest())
    assert picture.text.startswith("Encoder of width 48 with 3 layers")
    assert picture.boxes[-1].text == "classes"


def test_restore_gives_the_network_back():
    network = SPACE.family.build(SPACE.smallest(), SIZES)
    again = SPACE.family.restore(network.config())
    assert isinstance(again, TextClassifier)
    assert again.config() == network.config()
    with pytest.raises(InputError, match="description is damaged"):
        SPACE.family.restore({"shape": {}})
