import re
from pathlib import Path

import pytest

from foretell import spaces
from foretell.errors import InputError, UnknownNameError
from foretell.spaces import SearchSpace

LIKE_SMALL = "like: small-seq2seq\n"


def load(tmp_path: Path, text: str) -> SearchSpace:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    return spaces.load_space(path)


def test_a_file_may_change_what_it_needs_only(tmp_path: Path):
    text = LIKE_SMALL + "genes: {decoder-embed-dim: [64, 48], encoder-layer-num: 2}\nbackbone: {norm: post}"
    space = load(tmp_path, text)
    base = spaces.create("small-seq2seq")
    assert space.name == "mine"
    assert space.gene("decoder-embed-dim").choices == (64, 48)
    assert space.gene("encoder-layer-num").choices == (2,)
    assert space.gene("decoder-layer-num") == base.gene("decoder-layer-num")
    assert (space.constants.norm, space.constants.qkv_dim) == ("post", base.constants.qkv_dim)


def test_a_file_is_a_space_by_its_path(tmp_path: Path, tiny: SearchSpace):
    assert spaces.create(str(tmp_path / "tiny.yaml")).fingerprint == tiny.fingerprint


def test_the_same_genes_and_backbone_have_one_fingerprint(tmp_path: Path):
    base = spaces.create("small-seq2seq")
    assert load(tmp_path, LIKE_SMALL).fingerprint == base.fingerprint
    assert load(tmp_path, LIKE_SMALL + "backbone: {vocabulary: 100}").fingerprint != base.fingerprint


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("like: small-seq2sex", "did you mean 'small-seq2seq'"),
        (LIKE_SMALL + "gens: {}", "unknown key 'gens'"),
        (LIKE_SMALL + "genes: {decoder-embed-dims: [64]}", "did you mean 'decoder-embed-dim'"),
        (LIKE_SMALL + "genes: {decoder-embed-dim: [wide]}", "expected whole numbers such as [4, 2]"),
        (LIKE_SMALL + "genes: {decoder-embed-dim: []}", "expected a list of numbers or words such as [4, 2]"),
        (LIKE_SMALL + "genes: {encoder-self-attention-heads-all: [3]}", "each must divide the qkv-dim 64"),
        (LIKE_SMALL + "genes: [1]", "genes is list; expected names and values"),
        (LIKE_SMALL + "backbone: {qkv-dim: 64}", "did you mean 'qkv_dim'"),
        (LIKE_SMALL + "backbone: {norm: middle}", "backbone norm is 'middle'; expected pre or post"),
        (LIKE_SMALL + "backbone: {vocabulary: 0}", "expected a positive integer"),
        (LIKE_SMALL + "costs: {params: 1}", "has a family, which counts its costs itself"),
        ("family: encoder_decoder\ngenes: {}", "the backbone has no qkv_dim"),
        ("family: encoder-decoder", "did you mean 'encoder_decoder'"),
        ("genes: {}", "has no genes; list them"),
        ("constants: {a: 1}\ngenes: {a: [1]}", "has constants but no family"),
        ("genes: {a: {choice: [1]}}", "did you mean 'choices'"),
        ("genes: {a: {choices: [1], depth: b}}", "needs the depth gene b"),
        ("genes: {a: [[1]]}", "expected a list of numbers or words"),
        ("genes: {a: }", "expected a list of numbers or words"),
        ("backbone: {qkv_dim: 8}", "the gene encoder-embed-dim has no choices"),
        ("- just\n- a list", "holds list; expected keys such as"),
        ("a: [", "is not valid YAML"),
    ],
)
def test_a_bad_file_is_one_sentence(tmp_path: Path, text: str, sentence: str):
    with pytest.raises(InputError, match=re.escape(sentence)) as caught:
        load(tmp_path, text)
    assert "\n" not in str(caught.value)


def test_a_space_cannot_be_like_itself(tmp_path: Path):
    with pytest.raises(InputError, match="unknown search space"):
        load(tmp_path, f"like: {tmp_path}/mine.yaml")


def test_an_unknown_space_names_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'hat-wmt14-en-de'"):
        spaces.create("hat-wmt14-ende")
    with pytest.raises(InputError, match="does not exist"):
        spaces.load_space(Path("nowhere.yaml"))
