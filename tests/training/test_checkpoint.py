import pytest
import torch
from safetensors.torch import save_file

from foretell.errors import InputError, IntegrityError
from foretell.training import build_network, load_network, load_tensors, save_network, save_tensors
from foretell.training.checkpoint import load_own, weights_digest
from foretell.training.recipe import Recipe

pytestmark = pytest.mark.network


def test_a_network_comes_back_with_its_configuration(tmp_path, task, space):
    network = build_network(space.largest(), task.sizes, Recipe(), 3).eval()
    save_network(tmp_path / "n.safetensors", network, {"why": "test"})
    again, about = load_network(tmp_path / "n.safetensors")
    assert about["why"] == "test"
    source = torch.tensor([[5, 6, 7, 2]])
    target = torch.tensor([[2, 8, 9]])
    torch.testing.assert_close(again(source, target), network(source, target), rtol=0, atol=0)


@pytest.mark.parametrize("where", [0, 60, -1])
def test_a_damaged_checkpoint_is_named(tmp_path, where):
    path = tmp_path / "t.safetensors"
    save_tensors(path, {"a": torch.arange(9.0)}, {})
    data = bytearray(path.read_bytes())
    data[where] ^= 0x10
    path.write_bytes(data)
    with pytest.raises(IntegrityError, match=r"t\.safetensors"):
        load_tensors(path)


def test_a_description_that_was_altered_is_noticed_too(tmp_path):
    path = tmp_path / "t.safetensors"
    save_tensors(path, {"a": torch.arange(9.0)}, {"updates": 24})
    for old, new in ((b": 24}", b": 25}"), (b"about_sha", b"about_shb")):
        data = path.read_bytes()
        assert data.count(old) == 1
        altered = tmp_path / "altered.safetensors"
        altered.write_bytes(data.replace(old, new))
        with pytest.raises(IntegrityError, match="checksum"):
            load_tensors(altered)


def test_a_cut_checkpoint_and_a_missing_one_are_named(tmp_path):
    path = tmp_path / "t.safetensors"
    save_tensors(path, {"a": torch.arange(9.0)}, {})
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(IntegrityError, match="cannot be read"):
        load_tensors(path)
    with pytest.raises(InputError, match="does not exist"):
        load_tensors(tmp_path / "none.safetensors")


def test_weights_of_another_run_are_not_taken_for_ones_own(tmp_path):
    path = tmp_path / "t.safetensors"
    save_tensors(path, {"a": torch.arange(9.0)}, {"key": "mine"})
    assert load_own(path, "mine") is not None
    assert load_own(path, "yours") is None


def test_a_strangers_tensors_have_no_digest(tmp_path):
    save_tensors(tmp_path / "t.safetensors", {"a": torch.arange(9.0)}, {})
    assert len(weights_digest(tmp_path / "t.safetensors")) == 64
    save_file({"a": torch.arange(9.0)}, tmp_path / "s.safetensors")
    with pytest.raises(IntegrityError, match="format version None"):
        weights_digest(tmp_path / "s.safetensors")


def test_tensors_that_are_no_network_are_refused(tmp_path):
    save_tensors(tmp_path / "t.safetensors", {"a": torch.arange(9.0)}, {})
    with pytest.raises(InputError, match="holds no network"):
        load_network(tmp_path / "t.safetensors")


def test_the_same_tensors_are_the_same_bytes(tmp_path):
    about = {"text": "ü", "numbers": [1, 2]}
    for n in range(6):
        save_tensors(tmp_path / f"{n}", {"b": torch.arange(3), "a": torch.ones(2, 2)}, about)
    assert len({(tmp_path / f"{n}").read_bytes() for n in range(6)}) == 1
    found = load_tensors(tmp_path / "0")
    assert found.about == about
    assert found.tensors["a"].equal(torch.ones(2, 2))
