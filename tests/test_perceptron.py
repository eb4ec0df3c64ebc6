from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from foretell.errors import IntegrityError
from foretell.perceptron import Perceptron


def network(*widths: int, seed: int = 0) -> Perceptron:
    rng = np.random.default_rng(seed)
    sizes = list(pairwise(widths))
    weights = [rng.normal(size=size).astype(np.float32) for size in sizes]
    return Perceptron(weights, [rng.normal(size=size[1]).astype(np.float32) for size in sizes], 20.0, 2.0)


def test_it_computes_relus_and_brings_the_output_to_the_unit_of_the_target():
    found = network(3, 4, 1)
    x = np.random.default_rng(1).normal(size=(5, 3)).astype(np.float32)
    inner = np.maximum(x @ found.weights[0] + found.biases[0], 0)
    expected = 20 + 2 * (inner @ found.weights[1] + found.biases[1])[:, 0]
    np.testing.assert_allclose(found.predict(x), expected, rtol=1e-5)


def test_what_is_written_and_read_back_is_equal(tmp_path: Path):
    found = network(3, 4, 4, 1)
    (tmp_path / "network.safetensors").write_bytes(found.to_bytes())
    again = Perceptron.from_file(tmp_path / "network.safetensors")
    assert again.fingerprint == found.fingerprint != network(3, 4, 4, 1, seed=1).fingerprint


@pytest.mark.parametrize("widths", [(3, 4, 2), (3,)])
def test_layers_that_end_in_no_one_number_are_refused(widths: tuple[int, ...]):
    with pytest.raises(ValueError, match=r"layers that do not follow each other|no matrices"):
        network(*widths)


def test_damaged_files_are_named(tmp_path: Path):
    path = tmp_path / "network.safetensors"
    with pytest.raises(IntegrityError, match=r"network\.safetensors cannot be read"):
        Perceptron.from_file(path)
    path.write_bytes(network(3, 4, 1).to_bytes()[:-5])
    with pytest.raises(IntegrityError, match="distil again"):
        Perceptron.from_file(path)
