"""An encoder that comes trained is made to tell classes and to fit, from its folder to the exported file."""

import json

import numpy as np
import pytest
import torch

from foretell.cli.app import main
from foretell.study import classify_texts
from foretell.study.shrinking import read_shrink
from tests.checkpoints import make_checkpoint, write_word_pieces
from tests.examples.reading import EXAMPLES
from tests.families.encoder.test_bert import make_bert

pytestmark = pytest.mark.network
transformers = pytest.importorskip("transformers", reason="needs the extra hf")

WORDS = {"fruit": ["apple", "plum", "cherry"], "tool": ["hammer", "saw", "chisel"], "beast": ["otter", "lynx", "hare"]}
NAMES = {"parent", "uniform-width", "magnitude", "depth-last", "depth-influence", "random"}


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """Labelled texts in a file."""
    rng, rows = np.random.default_rng(0), ["text\tlabel"]
    for number in range(180):
        kind = list(WORDS)[number % 3]
        name = "".join(chr(97 + letter) for letter in rng.integers(26, size=5))
        rows.append(f"{WORDS[kind][rng.integers(3)]} {name}\t{kind}")
    path = tmp_path_factory.mktemp("texts") / "texts.tsv"
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.fixture
def parent(tmp_path, texts, monkeypatch):
    """The folder of a random encoder."""
    monkeypatch.setenv("FORETELL_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "parent"
    rows = write_word_pieces(folder, [line.split("\t")[0] for line in texts.read_text().splitlines()[1:]])
    make_bert(folder, vocab_size=rows, intermediate_size=96)
    return folder


def study(tmp_path, parent, texts, **changes):
    """A study file of small sizes."""
    values = {
        "name": "a-test",
        "task": "classification",
        "model": str(parent),
        "corpus": {"name": "files", "paths": [str(texts)], "tokens": 16, "valid_texts": 6, "test_texts": 6},
        "constraints": ["params<=80%"],
        "step": 32,
        "learn": 60,
        "max_tokens": 512,
        "learning_rate": 5e-3,
        "importance_texts": 32,
        "search_texts": 12,
        "population": 8,
        "generations": 2,
        **changes,
    }
    path = tmp_path / "study.yaml"
    path.write_text(json.dumps({"shrink": values}))
    return path


def test_the_whole_job(tmp_path, parent, texts, capsys):
    out, path = tmp_path / "run", study(tmp_path, parent, texts, to=["hf", "onnx"])
    pytest.importorskip("onnxruntime", reason="needs the extra onnx")
    assert main(["-q", "shrink", str(path), "--heal", "8", "--out", str(out), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result == json.loads((out / "result.json").read_text())
    assert set(result["baselines"]) == NAMES
    assert set(result["references"]) == {"majority", "n-grams"}
    assert result["references"]["majority"]["accuracy"] == pytest.approx(100 / 3)
    whole = result["baselines"]["parent"]
    assert whole["metrics"]["before"]["accuracy"] > 60
    assert result["learning"]["pieces"] <= result["learning"]["original"]["pieces"]
    for name, entry in {"winner": result["winner"], **result["baselines"]}.items():
        if name != "parent":
            assert entry["costs"]["parameters"] <= 0.8 * whole["costs"]["parameters"]
            assert entry["metrics"]["after"]["macro_f1"] > 0

    from foretell.training import load_network

    network, _ = load_network(out / "winner" / "model.safetensors")
    assert sum(each.numel() for each in network.parameters()) == result["winner"]["costs"]["parameters"]
    asked = ["apple pie", "a hammer and a saw", "lynx", " ".join(["otter"] * 40)]
    said = dict(zip(asked, map(dict, classify_texts(out, asked)), strict=True))
    _same_elsewhere(out / "exported", said)
    assert main(["classify", str(out), "apple pie", "--json"]) == 0
    (answer,) = json.loads(capsys.readouterr().out)["classes"]
    assert answer["likeliest"][0]["probability"] == pytest.approx(max(said["apple pie"].values()))
    for run in (out, out / "winner"):
        assert main(["-q", "export", str(run), "--to", "hf", "--out", str(tmp_path / "again")]) == 0
        assert "foretell classify" in capsys.readouterr().out.splitlines()[-1]
    weights = [folder / "hf" / "model.safetensors" for folder in (out / "exported", tmp_path / "again")]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def _same_elsewhere(exported, said):
    """What transformers and onnxruntime say of the same texts."""
    import onnxruntime

    import foretell.integrations.transformers  # noqa: F401 - registers

    assert "Licence of the parent" in (exported / "hf" / "README.md").read_text()
    classify = transformers.pipeline("text-classification", str(exported / "hf"), top_k=None, truncation=True)
    for found, classes in zip(classify(list(said)), said.values(), strict=True):
        assert {each["label"]: each["score"] for each in found} == pytest.approx(classes, abs=1e-4)
    tokenizer = transformers.AutoTokenizer.from_pretrained(exported / "onnx")
    tokens = tokenizer(list(said), padding=True, truncation=True, return_tensors="np")["input_ids"].astype(np.int64)
    session = onnxruntime.InferenceSession(exported / "onnx" / "model.onnx", providers=["CPUExecutionProvider"])
    (logits,) = session.run(None, {"tokens": tokens})
    names = json.loads((exported / "onnx" / "labels.json").read_text())
    for row, classes in zip(torch.from_numpy(logits).softmax(-1).tolist(), said.values(), strict=True):
        assert dict(zip(names, row, strict=True)) == pytest.approx(classes, abs=1e-4)


def test_limits_on_latencies_are_measured_on_this_device(tmp_path, parent, texts, capsys):
    path = study(tmp_path, parent, texts, learn=2, latency={"samples": 20, "finalists": 2})
    arguments = ["-q", "shrink", str(path), "--out", str(tmp_path / "run"), "-c", "latency<=95%", "-c", "params<=90%"]
    assert main([*arguments, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    winner, whole = result["winner"]["costs"], result["baselines"]["parent"]["costs"]
    assert 0 < winner["latency_ms"] <= 0.951 * whole["latency_ms"]
    assert result["search"]["measured"]["latency_ms"] > 0


def test_the_example_is_a_study():
    config = read_shrink(EXAMPLES / "classify" / "minilm.yaml")
    assert (config.model, config.task) == ("local:minilm-l6-v2", "classification")
    assert config.corpus.train_texts == 1000


def test_what_goes_on_ends_the_same(tmp_path, parent, texts, capsys):
    path, out = study(tmp_path, parent, texts, heal=4), tmp_path / "run"
    assert main(["-q", "shrink", str(path), "--out", str(out), "--json"]) == 0
    whole = json.loads(capsys.readouterr().out)
    for gone in ("result.json", "measured/winner-healed.json", "healing/winner/training.json"):
        (out / gone).unlink()
    assert main(["-q", "shrink", str(path), "--out", str(out), "--resume", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    for part in ("winner", "baselines", "search", "importance", "learning", "references"):
        assert again[part] == whole[part]


def test_bad_input_is_one_sentence(tmp_path, parent, texts, capsys, monkeypatch):
    def refused(*arguments, code=2):
        capsys.readouterr()
        found = main(["-q", "shrink", *map(str, arguments), "--out", str(tmp_path / "run")])
        said = capsys.readouterr().err
        assert found == code, said
        assert said.startswith("foretell: ")
        assert said.count("\n") == 1
        return said

    data, limit = ["--data", texts], ["-c", "params<=80%"]
    assert "nothing to judge by" in refused(parent, *limit)
    assert "give one of them" in refused(parent, *data, "--text", texts, *limit)
    assert "with --data" in refused("local:minilm-l6-v2", "--text", texts, *limit)
    assert "minilm-l6-v2" in refused("local:minilm", *data, *limit)
    assert "no config.json" in refused(tmp_path / "nothing", *data, *limit)
    assert "keeps params<=10M as it is; give a lower limit" in refused(parent, *data, "-c", "params<=10M")
    assert "the least that is left" in refused(parent, *data, "-c", "params<=10", code=3)
    assert "the fastest reachable latency" in refused(parent, *data, "-c", "latency<=0.001us", code=3)
    assert "gguf" in refused(parent, *data, *limit, "--to", "gguf")
    sizes = study(tmp_path, parent, texts)
    told = json.loads(sizes.read_text())
    told["shrink"]["corpus"]["tokens"] = 41
    sizes.write_text(json.dumps(told))
    assert "reads up to 40 of a text" in refused(sizes)
    assert "did you mean 'text'" in refused(study(tmp_path, parent, texts, corpus={"txt": "said"}))
    assert "did you mean" in refused(study(tmp_path, parent, texts, task="classify"))

    tokenizer = (parent / "tokenizer.json").read_text()
    (parent / "tokenizer.json").write_text(tokenizer.replace("[SEP]", "[END]"))
    assert "no piece [SEP]" in refused(parent, *data, *limit)
    (parent / "tokenizer.json").unlink()
    assert "no tokenizer.json" in refused(parent, *data, *limit)
    (parent / "tokenizer.json").write_text(tokenizer)
    (parent / "model.safetensors").rename(parent / "pytorch_model.bin")
    assert "never read" in refused(parent, *data, *limit)
    make_checkpoint(tmp_path / "decoder", "llama")
    assert "reads encoders of type 'bert'" in refused(tmp_path / "decoder", *data, *limit)
    assert not list(tmp_path.glob("run/*.safetensors"))


def test_parts_of_an_encoder_learn_together_and_race_by_healing(tmp_path, parent, texts, capsys):
    supernet, race = {"updates": 3, "parts": 4, "adapters": 2}, {"entrants": 2, "rungs": ["50%", "100%"]}
    path = study(tmp_path, parent, texts, supernet=supernet, race=race, heal=4, learn=20)
    assert main(["-q", "shrink", str(path), "--out", str(tmp_path / "run"), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["search"]["supernet"]["updates"] == 3
    assert result["search"]["race"]["standings"][0]["architecture"] == result["winner"]["architecture"]
    assert result["winner"]["metrics"]["after"]["accuracy"] > 0
    assert main(["classify", str(tmp_path / "run"), "apple pie"]) == 0
