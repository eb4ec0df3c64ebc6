import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from foretell import spaces
from foretell.families.encoder_decoder.genes import TransformerShape
from foretell.families.encoder_decoder.picture import describe, draw

NAMES = ("small-seq2seq", "hat-wmt14-en-de")


@given(st.sampled_from(NAMES), st.integers(0, 2**32 - 1))
def test_every_part_of_the_network_is_a_box_inside_the_picture(name, seed):
    space = spaces.create(name)
    architecture = space.architectures(space.sample(1, np.random.default_rng(seed)))[0]
    shape = TransformerShape.of(architecture)
    picture = draw(architecture)
    kinds = [box.kind for box in picture.boxes]
    assert kinds.count("ffn") == len(shape.encoder_ffn) + len(shape.decoder_ffn)
    assert kinds.count("cross") == len(shape.decoder_ffn)
    assert kinds.count("attention") == len(shape.encoder_ffn) + len(shape.decoder_ffn)
    assert len(picture.links) == sum(shape.attended)
    heads = [box.heads for box in picture.boxes if box.kind == "cross"]
    assert heads == list(shape.decoder_cross_heads)
    for box in picture.boxes:
        assert box.x >= 0
        assert box.x + box.width <= picture.width
        assert box.y >= 20  # below the titles
        assert box.y + box.height <= picture.height
        assert all(box.x < left < box.x + box.width for left in box.squares)
    tops = [(box.x + box.width / 2, box.y) for box in picture.boxes]
    assert len(set(tops)) == len(tops)  # no box on another


def test_wider_genes_are_wider_boxes():
    space = spaces.create("small-seq2seq")
    small, large = draw(space.smallest()), draw(space.largest())
    assert small.boxes[0].width < large.boxes[0].width
    assert small.height < large.height


def test_the_description_names_every_gene():
    space = spaces.create("small-seq2seq")
    text = describe(space.smallest())
    assert text.startswith("Encoder of width 32 with 1 layer: feed-forward widths 64, heads 2.")
    assert "Decoder of width 32 with 1 layer" in text
