from pathlib import Path

import pytest
import torch

from foretell.costs import LatencySetting, export_network
from foretell.errors import UnknownNameError
from foretell.families.encoder_decoder.timing import timed_network

from .devices import SMALL

NETWORK_SETTING = LatencySetting(SMALL, vocabulary=50, sizes={"sentence_length": 4, "beam": 4})


@pytest.mark.network
def test_the_exported_network_says_the_same_and_is_timed_beside_the_original(tmp_path: Path):
    network = timed_network(NETWORK_SETTING, SMALL.smallest())
    found = export_network(network, "torch", tmp_path, tokens=4)
    assert found["difference"] < 1e-5
    assert found["original_ms"] > 0
    assert found["exported_ms"] > 0
    assert found["repeats"] >= 6
    encoder = torch.export.load(tmp_path / found["files"][0]).module()
    source = torch.arange(4, 16)[None]
    with torch.no_grad():
        expected = network.start(network.encode(source)).crosses[0][0]
        torch.testing.assert_close(encoder(source)[0], expected)


@pytest.mark.network
def test_onnx_runs_outside_torch(tmp_path: Path):
    pytest.importorskip("onnxscript")
    onnxruntime = pytest.importorskip("onnxruntime")
    network = timed_network(NETWORK_SETTING, SMALL.smallest())
    found = export_network(network, "onnx", tmp_path, tokens=4)
    assert found["difference"] < 1e-4
    session = onnxruntime.InferenceSession(str(tmp_path / "encoder.onnx"))
    source = torch.arange(4, 16)[None]
    (keys_values,) = session.run(None, {session.get_inputs()[0].name: source.numpy()})
    assert keys_values.shape == (1, 12, 128)


def test_an_unknown_format_names_the_nearest(tmp_path: Path):
    network = timed_network(NETWORK_SETTING, SMALL.smallest())
    with pytest.raises(UnknownNameError, match="did you mean 'onnx'"):
        export_network(network, "onx", tmp_path)


def test_a_missing_extra_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from foretell.errors import InputError

    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    network = timed_network(NETWORK_SETTING, SMALL.smallest())
    with pytest.raises(InputError, match=r"onnx is not installed; install foretell with the extra \[onnx\]"):
        export_network(network, "onnx", tmp_path)
