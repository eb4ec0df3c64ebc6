"""A pretrained model is made to fit, from the checkpoint to the exported folder."""

import json
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from foretell.cli.app import main
from foretell.errors import InputError
from foretell.families.decoder.reading import TYPES, read_pretrained
from foretell.study.shrinking.sources import pretrained_of
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
    more = {"uniform": kind.startswith("qwen"), "hidden_width": kind in ("mistral", "qwen3"), "to": ["hf", "gguf"]}
    path = study(tmp_path, tmp_path / "parent", text, **more)
    out = tmp_path / "run"
    assert main(["shrink", str(path), "--heal", "3", "--out", str(out), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result == json.loads((out / "result.json").read_text())
    whole = sum(parameter.numel() for parameter in model.parameters())
    assert result["baselines"]["parent"]["costs"]["parameters"] == whole
    names = {"parent", "uniform-width", "magnitude", "depth-last", "depth-influence", "random"}
    assert set(result["baselines"]) == names | ({"hidden-width"} if more["hidden_width"] else set())
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
    _used_by_other_commands(out, tokenizer, exported, tmp_path / "again", capsys)
    if kind in ("llama", "mistral"):
        _same_in_llama_cpp(out / "exported" / "gguf" / "model.gguf", prompt[0].tolist(), ours)


def _used_by_other_commands(run, tokenizer, exported, again, capsys):
    """What shrink leaves is written on with and exported anew, like anything that foretell trained."""
    assert main(["generate", str(run), "def add(x1", "--tokens", "8", "--temperature", "0", "--json"]) == 0
    (said,) = json.loads(capsys.readouterr().out)["texts"]
    prompt = tokenizer("def add(x1", return_tensors="pt")["input_ids"]
    theirs = exported.generate(prompt, max_new_tokens=8, do_sample=False)[0, prompt.shape[1] :]
    assert said == tokenizer.decode(theirs, skip_special_tokens=True)
    assert main(["export", str(run), "--to", "hf", "--out", str(again), "--json"]) == 0
    written = json.loads(capsys.readouterr().out)["hf"]
    weights = next(path for path in written if path.endswith("model.safetensors"))
    assert Path(weights).read_bytes() == (run / "exported" / "hf" / "model.safetensors").read_bytes()


def _same_in_llama_cpp(path, prompt, ours):
    import torch

    from tests.families.decoder.test_exporting import chances, runtime

    server = runtime(path)
    with torch.no_grad():
        expected = ours(torch.tensor([prompt]))[0, -1].log_softmax(-1).numpy()
    np.testing.assert_allclose(chances(server, prompt, ours.vocabulary), expected, atol=1e-3)


@pytest.mark.parametrize("alike", [True, False])
def test_a_run_with_a_gguf_file_alone_is_used_where_it_is_read(tmp_path, alike):
    from foretell.families.decoder.card import Card
    from foretell.families.decoder.exporting import export
    from foretell.families.decoder.genes import LayerShape
    from foretell.families.decoder.network import LanguageModel

    make_checkpoint(tmp_path / "parent", "llama")
    parent = read_pretrained(tmp_path / "parent")
    layers = parent.shape.layers if alike else (*parent.shape.layers[:-1], LayerShape(2, 1, 32))
    network = LanguageModel(replace(parent.shape, layers=layers), parent.backbone, parent.vocabulary)
    told = parent.tokenizer().exported(parent.vocabulary, gguf=True)
    export(network, told, Card("a test"), "gguf", tmp_path / "run" / "exported" / "gguf")
    (tmp_path / "run" / "importance.safetensors").touch()
    if alike:
        found = pretrained_of(tmp_path / "run")
        assert (found.checkpoint.model_type, found.checkpoint.shape) == ("llama", parent.shape)
    else:
        with pytest.raises(InputError, match="has written no Hugging Face folder"):
            pretrained_of(tmp_path / "run")


def test_the_winner_keeps_the_limit_where_the_parent_is_far_better(tmp_path, text, capsys):
    """What the search measures beyond the limits on its way there says more than anything that keeps them."""
    import torch
    import transformers

    model = make_checkpoint(tmp_path / "parent", "llama").train()
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "parent")
    said = "".join(path.read_text() for path in sorted(text.glob("*.py")))
    tokens = torch.tensor(tokenizer(said)["input_ids"])
    rows = tokens[: len(tokens) // 32 * 32].view(-1, 32)
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for step in range(120):
        some = rows[torch.arange(8) * 5 % len(rows) + step % 3]
        optimiser.zero_grad()
        model(some, labels=some).loss.backward()
        optimiser.step()
    model.save_pretrained(tmp_path / "parent")
    path = study(tmp_path, tmp_path / "parent", text, constraints=["params<=60%"])
    capsys.readouterr()
    assert main(["-q", "shrink", str(path), "--out", str(tmp_path / "run"), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    whole = result["baselines"]["parent"]
    assert result["winner"]["costs"]["parameters"] <= 0.6 * whole["costs"]["parameters"]
    scores = [json.loads(line) for line in (tmp_path / "run" / "search" / "scores.jsonl").read_text().splitlines()[1:]]
    best = max(score for each in scores for score in each["scores"] if score is not None)
    assert -result["search"]["loss"] < best  # of the parent, or of a part beyond the limit


def told(capsys, *arguments):
    """The exit code and what was said of it."""
    capsys.readouterr()
    code = main(["-q", "shrink", *map(str, arguments)])
    return code, capsys.readouterr().err


def test_killed_it_goes_on_and_ends_the_same(tmp_path, text, start, capsys):
    make_checkpoint(tmp_path / "parent", "llama")
    path = study(tmp_path, tmp_path / "parent", text, heal=4)
    assert main(["-q", "shrink", str(path), "--out", str(tmp_path / "whole"), "--json"]) == 0
    whole = json.loads(capsys.readouterr().out)
    process = start("shrink", str(path), "--out", str(tmp_path / "run"))
    deadline = time.monotonic() + 120
    while not (tmp_path / "run" / "measured" / "winner.json").exists() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (tmp_path / "run" / "result.json").exists()
    code, said = told(capsys, path, "--out", tmp_path / "run")
    assert (code, "holds a run already; go on with it by --resume" in said) == (2, True)
    code, said = told(capsys, path, "--out", tmp_path / "run", "--resume", "--heal", 5)
    assert (code, "heal is 4, not 5" in said) == (2, True)
    assert main(["-q", "shrink", str(path), "--out", str(tmp_path / "run"), "--resume", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    for part in ("winner", "baselines", "search", "importance"):
        assert again[part] == whole[part]


def test_limits_on_latencies_are_measured_on_this_device(tmp_path, text, capsys, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    make_checkpoint(tmp_path / "parent", "llama")
    path = study(tmp_path, tmp_path / "parent", text, latency={"samples": 20, "finalists": 2})
    arguments = ["shrink", str(path), "--out", str(tmp_path / "run"), "-c", "decode_latency<=90%", "-c", "params<=90%"]
    assert main([*arguments, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    # Nothing is said of how many tokens there are before: a block, which is what the model is asked to read here.
    assert result["constraints"] == ["decode_latency@32<=90%", "params<=90%"]
    cost = "decode_latency_ms@32"
    winner, parent = result["winner"]["costs"], result["baselines"]["parent"]["costs"]
    assert 0 < winner[cost] <= 0.901 * parent[cost]
    measured = result["search"]["measured"]
    assert measured["latency_ms"] == measured["others"][cost] > 0
    assert 1 <= len(measured["finalists"]) <= result["search"]["distinct"]
    # What was measured is kept: going on measures nothing again and comes to the same.
    assert main([*arguments, "--resume", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["winner"] == result["winner"]
    assert again["search"] == result["search"]


def test_bad_input_is_one_sentence(tmp_path, text, capsys, monkeypatch):
    parent = tmp_path / "parent"
    make_checkpoint(parent, "qwen2")
    out = ["--out", tmp_path / "run"]
    sizes = ["--text", text, "--block", 32]

    def refused(*arguments, code=2):
        found, said = told(capsys, *arguments, *out)
        assert found == code, said
        assert said.startswith("foretell: ")
        assert "Traceback" not in said
        assert said.count("\n") == 1
        return said

    limit = ["-c", "params<=80%"]
    assert "keeps params<=10M as it is; give a lower limit" in refused(parent, *sizes, "-c", "params<=10M")
    assert "the least that is left" in refused(parent, *sizes, "-c", "params<=1k", code=3)
    assert "the fastest reachable latency on this device" in refused(parent, *sizes, "-c", "latency<=0.001us", code=3)
    assert "encode_latency" in refused(parent, *sizes, "-c", "encode_latency<=3ms")
    assert "cost" in refused(parent, *sizes, "-c", "paramz<=3M")
    assert "llama.cpp has no qwen2 whose layers differ; add --uniform" in refused(
        parent, *sizes, *limit, "--to", "gguf"
    )
    narrower = [parent, *sizes, *limit, "--to", "gguf", "--uniform", "--hidden-width"]
    assert "fill the hidden width, which --hidden-width changes; leave it out" in refused(*narrower)
    assert "longer than the 128 that parent reads" in refused(parent, "--text", text, *limit, "--block", 256)
    assert "text" in refused(parent, *limit)
    assert "gguf" in refused(parent, *sizes, *limit, "--to", "gguv")
    assert "there is no model" in refused(tmp_path / "nothing", *sizes, *limit)
    assert "smollm2-135m" in refused("local:smollm", *sizes, *limit)
    few = tmp_path / "few.txt"
    few.write_text("a\nb\nc\n")
    assert "give more documents" in refused(parent, "--text", few, *limit, "--block", 32)
    few.write_text(" \n")
    assert "is empty" in refused(parent, "--text", few, *limit, "--block", 32)
    monkeypatch.setattr("foretell.study.shrinking.sources.available_memory", lambda: 10_000)
    assert "GB of memory; 0.0 GB are free" in refused(parent, *sizes, *limit)
    assert not list(tmp_path.glob("run/*.safetensors"))


def test_the_study_that_is_written_is_the_command(tmp_path, text):
    from foretell.study.shrinking import read_shrink

    path = study(tmp_path, tmp_path / "parent", text, uniform=True)
    config = read_shrink(path)
    (tmp_path / "again.yaml").write_text(config.to_yaml())
    assert read_shrink(tmp_path / "again.yaml") == config
