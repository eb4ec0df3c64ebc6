"""Genes, canonical form and closed forms of decoders, against networks that are built."""

import itertools

import numpy as np
import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from foretell import spaces
from foretell.errors import InputError, UnknownNameError
from foretell.families.decoder.genes import Backbone, DecoderShape
from foretell.families.decoder.network import LanguageModel
from foretell.families.decoder.spaces import decoder_space
from foretell.predictors import Context
from foretell.predictors.zero_cost import PASSES, ZeroCost
from foretell.testing import FamilyConformance

SPACE = spaces.create("small-lm")
UNEVEN = {"width": (8, 4), "layers": (1, 3), "heads": (2, 0, 4), "kv-heads": (2, 1, 4), "ffn": (0, 6)}


class TestSmallLm(FamilyConformance):
    space_name = "small-lm"


class TestLm124m(FamilyConformance):
    space_name = "lm-124m"


def drawn(space, n, seed=0):
    return space.sample(n, np.random.default_rng(seed))


def uneven(**values):
    return decoder_space("uneven", UNEVEN, Backbone(head_size=2, context=12, vocabulary=30, **values))


@pytest.mark.parametrize("values", [{}, {"tied": False}, {"feed_forward": "gelu"}])
def test_parameters_are_those_of_the_network(values):
    space = uneven(**values)
    rows = drawn(space, 20)
    found = space.family.count(space, rows, ["parameters", "parameters_without_embeddings"], {"vocabulary": 17})
    for row, whole, inner in zip(rows, found["parameters"], found["parameters_without_embeddings"], strict=True):
        network = space.family.build(space.architecture(row), {"vocabulary": 17})
        assert network.parameter_count(embeddings=True) == whole
        assert network.parameter_count(embeddings=False) == inner


@pytest.mark.parametrize("values", [{}, {"tied": False}, {"feed_forward": "gelu"}])
def test_flops_are_those_that_torch_counts(values):
    space, length = uneven(**values), 7
    rows = drawn(space, 12)
    names = ["flops", "flops_without_output_layer", "prefill_flops", "decode_flops"]
    found = space.family.count(space, rows, names, {"vocabulary": 17, "length": length})

    def counted(call):
        # The counter does not know torch's fused attention on CPUs.
        with FlopCounterMode(display=False) as counter, torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
            call()
        return counter.get_total_flops()

    for index, row in enumerate(rows):
        network = space.family.build(space.architecture(row), {"vocabulary": 17}).eval()
        tokens = torch.arange(4, 4 + length)[None]
        inner = counted(lambda network=network, tokens=tokens: network.features(tokens))
        assert counted(lambda network=network, tokens=tokens: network(tokens)) == found["flops"][index] * length
        assert inner == found["flops_without_output_layer"][index] * length
        output = 2 * 17 * network.shape.width
        assert inner + output == found["prefill_flops"][index]
        state = network.start()
        network.features(tokens[:, :-1], state=state)
        step = counted(lambda n=network, t=tokens, s=state: n.logits(n.features(t[:, -1:], state=s)))
        assert step == found["decode_flops"][index]


def test_bytes_are_those_of_the_weights_and_the_cache():
    space = uneven(precision="bfloat16")
    rows = drawn(space, 12)
    found = space.family.count(space, rows, ["weight_bytes", "cache_bytes", "memory_bytes"], {"length": 9})
    for index, row in enumerate(rows):
        network = space.family.build(space.architecture(row), {"vocabulary": 30}).eval().to(torch.bfloat16)
        assert sum(p.nbytes for p in network.parameters()) == found["weight_bytes"][index]
        state = network.start()
        network.features(torch.full((1, 9), 5), state=state)
        full = [cache for cache in state.caches if cache.length]
        held = sum(part[:, :, : cache.length].nbytes for cache in full for part in (cache._keys, cache._values))
        assert held == found["cache_bytes"][index]
        assert found["memory_bytes"][index] == found["weight_bytes"][index] + found["cache_bytes"][index]


def all_rows(space):
    counts = [len(gene.choices) for gene in space.genes for _ in range(space._width(gene))]
    return np.array(list(itertools.product(*map(range, counts))), dtype=np.int16)


@pytest.mark.parametrize("uniform", [False, True])
def test_equal_canonical_rows_are_equal_networks_and_the_space_counts_them(uniform):
    choices = {"width": (4,), "layers": (2, 1), "heads": (2, 0, 1), "kv-heads": (2, 1), "ffn": (6, 0)}
    space = decoder_space("tiny", choices, Backbone(head_size=2, uniform=uniform))
    rows = all_rows(space)
    canonical = space.canonical(rows)
    space.validate(canonical)
    np.testing.assert_array_equal(space.canonical(canonical), canonical)
    shapes = [DecoderShape.of(space.architecture(row)) for row in rows]
    spellings: dict[DecoderShape, set] = {}
    for shape, row in zip(shapes, canonical, strict=True):
        spellings.setdefault(shape, set()).add(row.tobytes())
    assert all(len(found) == 1 for found in spellings.values())
    assert len({row.tobytes() for row in canonical}) == len(spellings) == space.size()


def test_a_space_of_deep_networks_only_keeps_idle_layers_at_the_end():
    choices = {"width": (4,), "layers": (3,), "heads": (1, 0), "kv-heads": (1,), "ffn": (6, 0)}
    space = decoder_space("deep", choices, Backbone(head_size=2))
    rows = all_rows(space)
    shapes = [DecoderShape.of(a) for a in space.architectures(space.canonical(rows))]
    assert shapes == [DecoderShape.of(a) for a in space.architectures(rows)]
    assert len(set(shapes)) == space.size() == 1 + 3 + 9 + 27


def test_size_of_the_space_that_ships():
    assert SPACE.size() == 3 * sum((5 * 4 - 1) ** depth for depth in range(7))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"heads": (4, 3), "kv-heads": (2,)}, "3 heads cannot share 2 key-value heads"),
        ({"heads": (-1,)}, "expected whole numbers from 0"),
        ({"kv-heads": (0,)}, "expected whole numbers from 1"),
        ({"ffn": ("wide",)}, "expected whole numbers from 0"),
    ],
)
def test_genes_that_make_no_network_are_refused(change, sentence):
    with pytest.raises(InputError, match=sentence):
        decoder_space("mine", {**UNEVEN, **change}, Backbone())


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"head_size": 3}, "expected an even number"),
        ({"tied": "yes"}, "expected true or false"),
        ({"feed_forward": "relu"}, "expected swiglu or gelu"),
        ({"context": 1.5}, "expected a whole number"),
        ({"theta": 0}, "expected a positive number"),
    ],
)
def test_constants_that_make_no_sense_are_refused(values, sentence):
    with pytest.raises(InputError, match=sentence):
        SPACE.family.constants(values, "mine.yaml")


def test_an_unknown_constant_names_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'context'"):
        SPACE.family.constants({"contxt": 12}, "mine.yaml")


def test_mixtures_are_refused():
    from foretell.nn import Mixture

    with pytest.raises(InputError, match="sandwich or spos"):
        SPACE.family.build(SPACE.smallest(), {"vocabulary": 9}, mixture=Mixture("layer-wise"))


def test_a_picture_has_a_box_for_each_part():
    space = uneven()
    for architecture in space.architectures(drawn(space, 10)):
        shape, picture = DecoderShape.of(architecture), space.family.picture(architecture)
        kinds = [box.kind for box in picture.boxes]
        assert kinds.count("attention") == sum(layer.heads > 0 for layer in shape.layers)
        assert kinds.count("ffn") == sum(layer.ffn > 0 for layer in shape.layers)
        assert all(box.x >= 0 and box.x + box.width <= picture.width and box.y >= 0 for box in picture.boxes)
        assert f"width {shape.width}" in picture.text


def test_restore_gives_the_network_back():
    network = SPACE.family.build(SPACE.smallest(), {"vocabulary": 50})
    again = SPACE.family.restore(network.config())
    assert isinstance(again, LanguageModel)
    assert again.config() == network.config()
    with pytest.raises(InputError, match="description is damaged"):
        SPACE.family.restore({"shape": {}})


@pytest.mark.parametrize("proxy", sorted(PASSES))
def test_zero_cost_proxies_read_networks_with_and_without_layers(proxy):
    space = uneven()
    rows = space.population([space.smallest(), space.largest()])
    assert np.isfinite(ZeroCost(Context(space), proxy=proxy).fit([]).predict(rows).mean).all()
