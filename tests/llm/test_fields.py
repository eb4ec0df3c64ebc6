"""What the compact prompt says: chosen on the labels, and by nothing else."""

import numpy as np

from foretell import spaces
from foretell.llm import candidate_fields, choose_fields, describe
from foretell.spaces import SearchSpace

SPACE = spaces.create("hat-wmt14-en-de")


def fields(n=40, seed=0, space=SPACE):
    rows = space.canonical(space.sample(n, np.random.default_rng(seed)))
    rng = np.random.default_rng(seed + 1)
    costs = {"parameters": rng.uniform(2e7, 6e7, n), "FLOPs": rng.uniform(1e9, 4e9, n)}
    return candidate_fields(space, rows, costs, 10)


def names(chosen):
    return [field.name for field in chosen]


def test_depth_and_size_are_said_where_labels_cannot_choose():
    found = fields()
    assert names(choose_fields(found, np.array([25.0, 26.0]), [0, 1])) == ["decoder layers", "parameters"]


def test_noise_does_not_change_what_is_said():
    kept = 0
    for seed in range(20):
        found = fields(seed=seed)
        rng = np.random.default_rng(seed)
        depth, size = (np.log(field.values[:10]) for field in found[:2])
        labels = 20 + 2 * depth + 1.5 * size + rng.normal(0, 0.2, 10)
        kept += names(choose_fields(found, labels, range(10))) == ["decoder layers", "parameters"]
    assert kept >= 16


def test_a_field_that_decides_the_labels_is_found():
    found = fields()
    width = next(field for field in found if field.name == "encoder width")
    labels = 20 + 3 * np.log(found[0].values) + 30 * np.log(width.values)
    chosen = names(choose_fields(found, labels[:12], range(12)))
    assert "encoder width" in chosen


def test_a_field_that_misleads_is_dropped():
    found = fields(seed=4)
    labels = 20 + 3 * np.log(found[0].values[:12])
    assert names(choose_fields(found, labels, range(12))) == ["decoder layers"]


def test_only_the_labelled_rows_are_looked_at():
    found = fields()
    labels = 20 + 3 * np.log(found[0].values[:10])
    before = names(choose_fields(found, labels, range(10)))
    for field in found:
        field.values[10:] = 1.0
    assert names(choose_fields(found, labels, range(10))) == before


def test_lines_are_short_and_in_readable_units():
    found = fields()
    line = describe(found[:3], 0)
    assert line.startswith("decoder layers: ")
    assert "M, FLOPs: " in line
    assert line.endswith("G")
    assert len(line) < 60


def test_spaces_with_two_depths_say_both():
    found = fields(space=spaces.create("small-seq2seq"))
    assert names(choose_fields(found, np.array([25.0]), [0])) == ["decoder layers", "encoder layers", "parameters"]


MIXERS = SearchSpace(
    {
        "layers": [1, 2, 3],
        "mixer": {"choices": ["gru", "attention", "a\nb"], "depth": "layers", "description": "what\nmixes places"},
        "bias": ["yes", "no"],
    }
)


def test_words_are_said_of_every_layer_that_there_is_and_stay_on_their_line():
    rows = MIXERS.read([[2, "attention", "gru", "gru", "no"], [1, "a\nb", "gru", "gru", "yes"]])
    fields = choose_fields(candidate_fields(MIXERS, rows, {}, 2), np.array([1.0, 2.0]), [0, 1])
    assert describe(fields, 0) == "layers: 2, mixer: attention/gru, bias: no"
    assert describe(fields, 1) == "layers: 1, mixer: a b, bias: yes"
    hidden = [field.hidden() for field in fields]
    assert describe(hidden, 0) == "layers: 2, mixer: kind 2/kind 1, bias: kind 2"
    assert not any(field.about for field in hidden)


def test_words_are_said_whatever_the_labels_say():
    rows = MIXERS.sample(12, np.random.default_rng(0))
    labels = MIXERS.numbers(rows, "layers")[:, 0].astype(float)
    fields = choose_fields(candidate_fields(MIXERS, rows, {}, 12), labels, range(12))
    assert [field.name for field in fields] == ["layers", "mixer", "bias"]


def test_a_space_that_tells_neither_depth_nor_size_says_its_genes():
    space = SearchSpace({"width": [4, 8, 16], "rate": [0.1, 0.5], "fixed": [3]})
    rows = space.read([[4, 0.5, 3], [16, 0.1, 3]])
    fields = choose_fields(candidate_fields(space, rows, {}, 2), np.array([1.0, 2.0]), [0, 1])
    assert describe(fields, 1) == "width: 16, rate: 0.1"
