"""A pretrained model is made to fit, from the checkpoint to the exported folder."""

import json

import numpy as np
import pytest

from foretell.cli.app import main
from foretell.families.decoder.reading import TYPES
from tests.checkpoints import SOURCE, make_checkpoint

pytestmark = pytest.mark.network
pytest.importorskip("transformers", reason="needs the extra hf")
pytest.importorskip("gguf", reason="needs the extra hf")


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    """A folder of little files that differ."""
    folder = tmp_path_factory.mktemp("text")
    for number in range(12):
        lines = [f"{each}\n# part {number * 17 % 13} of {chr(97 + number)}\n" for each in SOURCE]
        (folder / f"{chr(97 + number)}.py").write_text("".join(lines) * 3 + f"x = '{chr(97 + number) * number}'\n")
    return folder


def study(tmp_path, model, text, **changes):
    """A study file of small sizes."""
    values = {
        "name": "a-test",
        "model": str(model),
        "text": [str(text)],
        "constraints": ["params<=80%"],
        "step": 32,
        "block": 32,
        "importance_tokens": 128,
        "search_tokens": 128,
        "test_tokens": 256,
        "population": 8,
        "generations": 2,
        **changes,
    }
    path = tmp_path / "study.yaml"
    path.write_text(json.dumps({"shrink": values}))
    return path


@pytest.mark.parametrize("kind", TYPES)
def test_the_whole_job(tmp_path, text, kind, capsys):
    import transformers

    model = make_checkpoint(tmp_path / "parent", kind)
    path = study(tmp_path, tmp_path / "parent", text, uniform=kind.startswith("qwen"), to=["hf", "gguf"])
    out = tmp_path / "run"
    assert main(["shrink", str(path), "--heal", "3", "--out", str(out), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result == json.loads((out / "result.json").read_text())
    whole = sum(parameter.numel() for parameter in model.parameters())
    assert result["baselines"]["parent"]["costs"]["parameters"] == whole
    names = {"parent", "uniform-width", "magnitude", "depth-last", "depth-influence", "random"}
    assert set(result["baselines"]) == names
    for name, entry in {"winner": result["winner"], **result["baselines"]}.items():
        assert entry["metrics"]["before"]["bits_per_byte"] > 0
        if name != "parent":
            assert entry["costs"]["parameters"] <= 0.8 * whole
            assert entry["metrics"]["after"]["bits_per_byte"] > 0

    if not result["winner"]["uniform"]:
        import foretell.integrations.transformers  # noqa: F401 - registers
    exported = transformers.AutoModelForCausalLM.from_pretrained(out / "exported" / "hf").eval()
    assert sum(p.numel() for p in exported.parameters()) == result["winner"]["costs"]["parameters"]
    card = (out / "exported" / "hf" / "README.md").read_text()
    assert "Licence of the parent" in card
    tokenizer = transformers.AutoTokenizer.from_pretrained(out / "exported" / "hf")
    prompt = tokenizer("def add(x1", add_special_tokens=False, return_tensors="pt")["input_ids"]
    theirs = exported.generate(prompt, max_new_tokens=12, do_sample=False)[0, prompt.shape[1] :].tolist()

    from foretell.training import load_network

    ours, _ = load_network(out / "healing" / "winner" / "model.safetensors")
    written = ours.write(prompt[0].tolist(), 12, temperature=0, never=(), end=0)[0]
    assert written == [token for token in theirs if token != 0][: len(written)]
    if kind == "llama":
        _same_in_llama_cpp(out / "exported" / "gguf" / "model.gguf", prompt[0].tolist(), ours)


def _same_in_llama_cpp(path, prompt, ours):
    import torch

    from tests.families.decoder.test_exporting import chances, runtime

    server = runtime(path)
    with torch.no_grad():
        expected = ours(torch.tensor([prompt]))[0, -1].log_softmax(-1).numpy()
    np.testing.assert_allclose(chances(server, prompt, ours.vocabulary), expected, atol=1e-3)
