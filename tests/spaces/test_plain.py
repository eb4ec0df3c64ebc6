"""Spaces of the user's own: genes of numbers and words, without a family."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest

from foretell import spaces
from foretell.errors import InputError, UnknownNameError
from foretell.spaces import Architecture, SearchSpace, feature_names

GENES = {
    "layers": [1, 2, 3],
    "width": {"choices": [8, 16], "depth": "layers", "description": "of each layer"},
    "mixer": ["attention", "gru"],
    "rate": [1e-3, 3e-4],
    "bias": [True, False],
}
COSTS = {"params": "width * 10 + (mixer == 'gru') * layers", "memory": "width ** 2 / 2"}


@pytest.fixture
def space() -> SearchSpace:
    return SearchSpace(GENES, "mine", costs=COSTS)


def test_ten_lines_of_yaml_are_a_space(tmp_path, space):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "genes:\n  layers: [1, 2, 3]\n  width: {choices: [8, 16], depth: layers}\n  mixer: [attention, gru]\n"
        "  rate: [1.0e-3, 3.0e-4]\n  bias: [true, false]\ncosts:\n  params: width * 10 + (mixer == 'gru') * layers\n"
    )
    assert spaces.create(str(path)).fingerprint == space.fingerprint


def test_a_space_is_written_and_read_back(space):
    again = spaces.from_dict(json.loads(json.dumps(space.to_dict())), "here")
    assert again.fingerprint == space.fingerprint
    assert again.to_dict() == space.to_dict()
    assert again.gene("width").description == "of each layer"
    for name in spaces.names():
        known = spaces.create(name)
        assert spaces.from_dict(json.loads(json.dumps(known.to_dict())), "here").fingerprint == known.fingerprint


def test_its_size_is_what_enumeration_finds(space):
    places = [range(len(g.choices)) for g in space.genes for _ in range(3 if g.depth else 1)]
    everything = np.array(list(itertools.product(*places)), dtype=np.int16)
    assert space.size() == len(np.unique(space.canonical(everything), axis=0)) == (2 + 4 + 8) * 2 * 2 * 2
    assert space.genotypes() == len(everything)


def test_an_architecture_has_its_values_as_they_were_written(space):
    architecture = Architecture.from_dict(
        space, {"layers": 2, "width": [16, 8], "mixer": "gru", "rate": 0.001, "bias": False}
    )
    assert architecture["width"] == (16, 8)
    assert architecture["mixer"] == "gru"
    assert architecture["bias"] is False
    assert Architecture.from_dict(space, json.loads(json.dumps(architecture.to_dict()))) == architecture
    assert Architecture.from_text(space, architecture.to_text()) == architecture
    assert "width: [16, 8]" in architecture.to_text().splitlines()


def test_a_wrong_word_is_one_sentence(space):
    values = space.smallest().to_dict()
    with pytest.raises(InputError, match="gene mixer has the value gruu; allowed are attention, gru; the nearest is g"):
        Architecture.from_dict(space, {**values, "mixer": "gruu"})
    with pytest.raises(InputError, match="gene bias has the value 1; allowed are True, False"):
        Architecture.from_dict(space, {**values, "bias": 1})


def test_costs_are_sums_over_active_layers(space):
    rows = space.sample(200, np.random.default_rng(0))
    params = space.expressions["params"](space, rows)
    memory = space.expressions["memory"](space, rows)
    for value, bytes_, architecture in zip(params, memory, space.architectures(rows), strict=True):
        width = sum(architecture["width"])
        assert value == width * 10 + (architecture["mixer"] == "gru") * architecture["layers"]
        assert bytes_ == width**2 / 2


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("__import__('os')", "holds a call"),
        ("width.real", "holds an attribute"),
        ("[width for width in layers]", "holds a listcomp"),
        ("layers[0]", "holds a subscript"),
        ("'gru' * 3", "holds a word"),
        ("mixer * 2", "outside a comparison such as mixer == 'attention'"),
        ("layers ** layers", "a power that is not a plain number up to 16"),
        ("layers ** 99", "a power that is not a plain number up to 16"),
        ("layers +", "is no arithmetic"),
        ("lambda: 1", "holds a lambda"),
        ("(" * 300 + "1" + ")" * 300, "is no arithmetic"),
        ("layers := 3", "is no arithmetic"),
    ],
)
def test_what_is_no_arithmetic_is_refused(text, sentence):
    with pytest.raises(InputError, match=sentence):
        SearchSpace(GENES, costs={"params": text})


def test_an_unknown_gene_in_a_cost_names_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'layers'"):
        SearchSpace(GENES, costs={"params": "layer * 2"})


@pytest.mark.parametrize("text", ["1 / (layers - 1)", "9e999 * layers", "(-layers) ** 0.5"])
def test_a_cost_that_is_no_number_is_one_sentence(space, text):
    whole = SearchSpace(GENES, costs={"params": text})
    with pytest.raises(InputError, match="is no finite number for some architectures"):
        whole.expressions["params"](whole, whole.sample(50, np.random.default_rng(0)))


def test_features_of_words_are_shares_and_columns_of_their_own(space):
    rows = space.sample(40, np.random.default_rng(1))
    for kind in ("averages", "per-layer", "one-hot"):
        encoded, names = space.features(rows, kind), feature_names(space, kind)
        assert encoded.shape == (40, len(names))
        assert np.array_equal(encoded, space.features(space.canonical(rows), kind))
    assert "mixer=gru" in feature_names(space, "averages")
    found = space.features(rows, "averages")[:, feature_names(space, "averages").index("mixer=gru")]
    assert found.tolist() == [float(a["mixer"] == "gru") for a in space.architectures(rows)]


def test_spaces_of_any_size():
    huge = SearchSpace({f"gene{number}": list(range(10)) for number in range(30)})
    assert huge.size() == 10**30
    assert len(np.unique(huge.sample(100, np.random.default_rng(0), uniform_over="architectures"), axis=0)) == 100
    few = SearchSpace({"width": [1, 2, 3]})
    assert few.size() == 3
    one = SearchSpace({"width": [7]})
    assert one.smallest() == one.largest()
