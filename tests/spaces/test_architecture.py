import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell import spaces
from foretell.errors import InputError, UnknownNameError
from foretell.families.encoder_decoder.genes import TransformerShape
from foretell.spaces import Architecture, SearchSpace

SPACES = [spaces.create(name) for name in spaces.names()]
HAT = spaces.create("hat-wmt14-en-de")

# One of TFS-Eval.
TEXT = """encoder-embed-dim-subtransformer: 512
encoder-layer-num-subtransformer: 6
encoder-ffn-embed-dim-all-subtransformer: [3072, 2048, 1024, 2048, 1024, 1024]
encoder-self-attention-heads-all-subtransformer: [4, 4, 8, 8, 4, 4]
decoder-embed-dim-subtransformer: 512
decoder-layer-num-subtransformer: 1
decoder-ffn-embed-dim-all-subtransformer: [3072]
decoder-self-attention-heads-all-subtransformer: [4]
decoder-ende-attention-heads-all-subtransformer: [8]
decoder-arbitrary-ende-attn-all-subtransformer: [2]"""


@given(space=st.sampled_from(SPACES), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_text_and_dictionary_say_everything(space: SearchSpace, seed: int):
    arch = space.architecture(space.sample(1, np.random.default_rng(seed))[0])
    assert Architecture.from_text(space, arch.to_text()) == arch
    assert Architecture.from_dict(space, arch.to_dict()) == arch
    assert Architecture(space, arch.row) == arch


def test_text_is_the_ten_published_lines():
    arch = Architecture.from_text(HAT, TEXT)
    assert arch.to_text() == TEXT
    assert arch["decoder-layer-num"] == 1
    assert arch["encoder-ffn-embed-dim-all"] == (3072, 2048, 1024, 2048, 1024, 1024)
    assert arch["decoder-arbitrary-ende-attn-all"] == (2,)
    assert len(arch) == 10


def test_lists_may_hold_inactive_layers():
    values = Architecture.from_text(HAT, TEXT).to_dict()
    longer = {**values, "decoder-ffn-embed-dim-all": [3072, 1024, 1024, 2048, 1024, 1024]}
    assert Architecture.from_dict(HAT, longer) == Architecture.from_dict(HAT, values)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"decoder-embed-dim": 600},
            "gene decoder-embed-dim has the value 600; allowed are 640, 512; the nearest is 640",
        ),
        ({"decoder-embed-dim": "wide"}, "has the value 'wide'; allowed are 640, 512"),
        ({"decoder-embed-dim": True}, "has the value True; allowed are 640, 512"),
        ({"decoder-ffn-embed-dim-all": 1024}, "expected a list of numbers, one for each active layer"),
        ({"decoder-ffn-embed-dim-all": [1024, 1024]}, "has 2 values; expected 1, one for each active layer"),
    ],
)
def test_a_wrong_value_is_one_sentence(change: dict, sentence: str):
    values = {**Architecture.from_text(HAT, TEXT).to_dict(), **change}
    with pytest.raises(InputError, match=re.escape(sentence)):
        Architecture.from_dict(HAT, values)


def test_unknown_and_missing_genes():
    values = Architecture.from_text(HAT, TEXT).to_dict()
    with pytest.raises(UnknownNameError, match="did you mean 'encoder-layer-num'"):
        Architecture.from_dict(HAT, {**values, "encoder-layers-num": 6})
    del values["encoder-layer-num"]
    with pytest.raises(InputError, match="the gene encoder-layer-num is missing"):
        Architecture.from_dict(HAT, values)


@pytest.mark.parametrize("line", ["no colon", "decoder-embed-dim:", "decoder-layer-num: 1\ndecoder-layer-num: 1"])
def test_a_line_that_says_nothing_is_quoted(line: str):
    with pytest.raises(InputError, match=re.escape(repr(line.splitlines()[-1]))):
        Architecture.from_text(HAT, line)


def test_other_spaces_make_other_architectures():
    arch = HAT.smallest()
    other = Architecture.from_dict(spaces.create("hat-wmt19-en-de"), arch.to_dict())
    assert arch != other
    assert arch != arch.to_dict()


def test_attention_reaches_no_further_than_there_are_layers():
    small = spaces.create("small-seq2seq")
    values = {**small.largest().to_dict(), "encoder-layer-num": 2}
    values["encoder-ffn-embed-dim-all"] = values["encoder-ffn-embed-dim-all"][:2]
    values["encoder-self-attention-heads-all"] = values["encoder-self-attention-heads-all"][:2]
    arch = Architecture.from_dict(small, values)
    assert arch["decoder-arbitrary-ende-attn-all"] == (1, 1, 1, 1)
    assert TransformerShape.of(arch).attended == (2, 2, 2, 2)
    shape = TransformerShape.of(Architecture.from_text(HAT, TEXT))
    assert shape.attended == (3,)
    assert shape.decoder_cross_heads == (8,)
