"""What plain genes say together."""

import numpy as np
import pytest

from foretell.predictors.structure import cell_features, global_features, layer_features, total_features
from foretell.spaces import SearchSpace

OPS = ["none", "skip_connect", "conv_1x1", "conv_3x3", "pool"]
CELL = SearchSpace(dict.fromkeys(("e10", "e20", "e21", "e30", "e31", "e32"), OPS))


def cell(**ops):
    row = dict.fromkeys(("e10", "e20", "e21", "e30", "e31", "e32"), "none") | ops
    return np.array([[OPS.index(row[gene.name]) for gene in CELL.genes]], dtype=np.int16)


def test_cells_that_compute_the_same_look_alike():
    one = cell(e10="conv_3x3", e31="skip_connect")
    other = cell(e20="skip_connect", e32="conv_3x3")
    np.testing.assert_allclose(cell_features(CELL, one), cell_features(CELL, other))
    assert not np.allclose(cell_features(CELL, one), cell_features(CELL, cell(e10="conv_3x3", e31="conv_1x1")))


def test_what_is_cut_off_does_not_count():
    dead = cell(e10="conv_3x3", e20="conv_3x3")
    np.testing.assert_allclose(cell_features(CELL, dead), cell_features(CELL, cell()))


@pytest.mark.parametrize(
    "genes",
    [
        {"l0": ["a", "b"], "l1": ["a", "b"]},
        {"e10": [1, 2, 3], "e20": [1, 2, 3], "e21": [1, 2, 3]},
        {"e10": ["a", "b"], "e20": ["a", "b"]},
    ],
    ids=["layers", "numbers", "an edge is missing"],
)
def test_other_genes_are_no_cell(genes):
    space = SearchSpace(genes)
    assert cell_features(space, space.sample(3, np.random.default_rng(0))).shape == (3, 0)


def test_numbered_genes_are_layers_of_one_kind():
    space = SearchSpace({"width": [64, 512], "ffn0": [0, 128, 1024], "ffn1": [0, 128, 1024], "ffn2": [0, 128, 1024]})
    rows = space.sample(200, np.random.default_rng(1))
    assert global_features(space, rows).shape[1] == 1
    assert layer_features(space, rows).shape[1] == 3 * (1 + 3)
    totals = total_features(space, rows)
    swapped = rows[:, [0, 3, 2, 1]]
    same = [np.allclose(totals[:, k], total_features(space, swapped)[:, k]) for k in range(totals.shape[1])]
    assert any(same), "counts and means do not depend on where a layer stands"
    assert not all(same), "and something does"


def test_genes_of_each_layer_are_too_and_inactive_ones_say_nothing():
    space = SearchSpace({"depth": [1, 2, 3], "op": {"choices": ["a", "b"], "depth": "depth"}})
    rows = np.array([[0, 1, 0, 0], [0, 1, 1, 1], [2, 1, 1, 1]], dtype=np.int16)
    totals = total_features(space, space.canonical(rows))
    np.testing.assert_allclose(totals[0], totals[1])
    assert not np.allclose(totals[1], totals[2])


def test_rows_are_described_on_their_own():
    rows = CELL.sample(50, np.random.default_rng(2))
    for features in (cell_features, total_features, layer_features, global_features):
        np.testing.assert_array_equal(features(CELL, rows)[7:8], features(CELL, rows[7:8]))


def test_numbers_beside_a_word_for_a_layer_that_is_not_there_are_numbers():
    """Only some architectures have the second layer, so that its width became words."""
    plain = SearchSpace({"ffn0": [0, 512, 1024], "ffn1": [0, 512, 1024]})
    words = SearchSpace({"ffn0": ["absent", "512", "1024"], "ffn1": ["absent", "512", "1024"]})
    rows = np.array([[1, 0], [1, 2], [2, 2]], dtype=np.int16)
    seen = total_features(words, rows)
    for amount in total_features(plain, rows).T[:4]:
        apart = np.abs(seen - seen[:1]).T / np.abs(seen[2] - seen[0]).clip(1e-9)[:, None]
        wanted = np.abs(amount - amount[0]) / max(abs(amount[2] - amount[0]), 1e-9)
        assert (np.abs(apart - wanted) < 1e-6).all(axis=1).any()
