"""The whole job on a classifier: from a user's labelled texts to a network that tells classes, exported."""

import json
import os

import numpy as np
import pytest

from foretell import spaces
from foretell.cli import main
from foretell.costs import CostModel
from foretell.errors import InputError
from foretell.study import StudyConfig, classify_texts, load_study
from foretell.study.classifiers import CLASSIFIERS

WORDS = {"fruit": ["apple", "plum", "cherry"], "tool": ["hammer", "saw", "chisel"], "beast": ["otter", "lynx", "hare"]}
STUDY = """
name: mine
space: space.yaml
task: classification
corpus: {name: files, paths: [texts.tsv], text: said, label: kind, pieces: bytes, valid_texts: 6, test_texts: 6}
constraints: ["latency<=500ms", "batch_latency@8<=900ms", "memory<=90%"]
latency: {samples: 20, finalists: 1}
supernet: {recipe: {updates: 8, validate_every: 4, max_tokens: 256, warmup: 1}}
search: {schedule: "supernet:1-2", evolution: {population: 8, parents: 4, mutations: 2, crossovers: 2}}
train: {recipe: {updates: 60, validate_every: 20, max_tokens: 512, warmup: 5, dropout: 0}}
"""
SPACE = """
name: tiny-encoder
family: encoder
constants: {head_size: 4, context: 32, vocabulary: 260, classes: 3}
genes: {width: [16, 12, 8], layers: [3, 2, 1], heads: [2, 0], kv-heads: [2], ffn: [16, 8, 0]}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("classify"), np.random.default_rng(0)
    rows = ["said\tkind"]
    for number in range(180):
        kind = list(WORDS)[number % 3]
        name = "".join(chr(97 + letter) for letter in rng.integers(26, size=5))
        rows.append(f"{WORDS[kind][rng.integers(3)]} {name}\t{kind}")
    (folder / "texts.tsv").write_text("\n".join(rows) + "\n")
    (folder / "space.yaml").write_text(SPACE)
    (folder / "study.yaml").write_text(STUDY)
    return folder


@pytest.fixture(scope="module")
def result(folder, zygotes):
    said, environment = folder / "said", {**os.environ, "FORETELL_CACHE": str(folder / "cache")}
    said.mkdir()
    process = zygotes.started(["search", "study.yaml", "--out", "run", "--json"], folder, said, **environment)
    out, err = process.communicate()
    assert process.returncode == 0, err
    return json.loads(out)


@pytest.mark.network
def test_a_search_ends_with_a_classifier_beside_the_simple_rows(result, folder):
    assert result["constraint_met"]
    costs, metrics = result["winner"]["costs"], result["winner"]["metrics"]
    assert costs["latency_ms"] <= 500
    assert costs["batch_latency_ms@8"] <= 900
    assert {"valid_accuracy", "valid_macro_f1", "valid_loss", "test_accuracy"} <= set(metrics)
    assert metrics["test_accuracy"] > 60
    assert result["reported"] == ["valid_accuracy", "test_accuracy"]
    assert set(result["floors"]) == {"majority", "n-grams"}
    assert result["floors"]["majority"]["metrics"]["test_accuracy"] == pytest.approx(100 / 3)
    space = spaces.create(folder / "space.yaml")
    row = space.population([spaces.Architecture.from_dict(space, result["winner"]["architecture"])])
    assert costs["parameters"] == CostModel(space, vocabulary=260, classes=3).cost(row, "parameters")[0]


@pytest.mark.network
def test_what_was_found_tells_classes(result, folder, capsys):
    assert main(["classify", str(folder / "run"), "hammer xyzzy", "lynx abcde", "--top", "3", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["classes"]
    assert [row["text"] for row in rows] == ["hammer xyzzy", "lynx abcde"]
    for row in rows:
        shares = [each["probability"] for each in row["likeliest"]]
        assert shares == sorted(shares, reverse=True)
        assert sum(shares) == pytest.approx(1)
        assert {each["label"] for each in row["likeliest"]} == set(WORDS)
    assert main(["classify", str(folder / "run"), "hammer xyzzy"]) == 0
    assert capsys.readouterr().out.endswith("\thammer xyzzy\n")
    with pytest.raises(InputError, match="text 2 of 2 is empty"):
        classify_texts(folder / "run", ["x", " "])


@pytest.mark.network
def test_a_translator_classifies_nothing(folder, result, monkeypatch):
    from foretell.study import use

    space = spaces.create("small-seq2seq")
    network = space.family.build(space.smallest(), {"vocabulary": 20})
    monkeypatch.setattr(use, "trained_network", lambda run: network)
    with pytest.raises(InputError, match="of the family encoder_decoder, which classifies no texts"):
        classify_texts(folder / "run", ["alpha"])


@pytest.mark.network
def test_the_page_shows_the_stack_the_floors_and_the_confusion(result, folder, monkeypatch):
    pytest.importorskip("jinja2")
    from foretell.report.page import write_report

    monkeypatch.setenv("FORETELL_CACHE", str(folder / "cache"))
    page = write_report(folder / "run").read_text(encoding="utf-8")
    for text in ("Encoder of width", "n-grams", "majority", "Confusion of classes", "What the winner makes of test"):
        assert text in page
    matrix = np.array(json.loads((folder / "run" / "winner" / "confusion.json").read_text())["matrix"])
    right = 100 * np.trace(matrix) / matrix.sum()
    assert right == pytest.approx(result["winner"]["metrics"]["test_accuracy"])


@pytest.mark.network
def test_the_onnx_file_and_its_tokenizer_answer_the_same(result, folder, capsys):
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    tokenizers = pytest.importorskip("tokenizers")
    assert main(["--quiet", "export", str(folder / "run"), "--to", "onnx", "--json"]) == 0
    files = {path.rpartition("/")[2] for path in json.loads(capsys.readouterr().out)["onnx"]}
    assert {"model.onnx", "labels.json", "tokenizer.json"} <= files
    exported = folder / "run" / "exported" / "onnx"
    cut = tokenizers.Tokenizer.from_file(str(exported / "tokenizer.json"))
    cut.enable_padding(pad_id=1, pad_token="<pad>")  # noqa: S106
    texts = ["hammer  xyzzy ", "the lynx of abcde that is longer than the others and than what is read"]
    tokens = np.array([each.ids for each in cut.encode_batch(texts)])
    assert tokens.shape == (2, 32)
    session = runtime.InferenceSession(exported / "model.onnx", providers=["CPUExecutionProvider"])
    (logits,) = session.run(["logits"], {"tokens": tokens})
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = json.loads((exported / "labels.json").read_text())
    for row, said in zip(shares, classify_texts(folder / "run", texts), strict=True):
        np.testing.assert_allclose(row, [dict(said)[label] for label in labels], atol=1e-4)
    assert main(["--quiet", "export", str(folder / "run"), "--to", "gguf"]) == 2
    assert "those of classifiers" in capsys.readouterr().err


@pytest.mark.network
def test_transformers_loads_the_folder_and_answers_the_same(result, folder, capsys):
    transformers = pytest.importorskip("transformers")
    import torch

    import foretell.integrations.transformers  # noqa: F401

    assert main(["--quiet", "export", str(folder / "run"), "--to", "hf"]) == 0
    assert f"foretell classify {folder / 'run'}" in capsys.readouterr().out.splitlines()[-1]
    exported = folder / "run" / "exported" / "hf"
    model = transformers.AutoModelForSequenceClassification.from_pretrained(exported).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(exported)
    texts = ["Hammer xyzzy", "the lynx of abcde that is longer than the others and than what is read"]
    with torch.no_grad():
        logits = model(**tokenizer(texts, padding=True, truncation=True, return_tensors="pt")).logits
    for row, said in zip(logits.softmax(-1), classify_texts(folder / "run", texts), strict=True):
        shares = {model.config.id2label[place]: float(share) for place, share in enumerate(row)}
        assert shares == pytest.approx(dict(said), abs=1e-4)
    card = (exported / "README.md").read_text()
    assert "A text classifier" in card
    assert f"{result['winner']['metrics']['test_accuracy']:.3f}" in card


@pytest.mark.parametrize("name", sorted(CLASSIFIERS))
def test_a_space_of_classifiers_brings_its_task_and_recipes(name, tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(f"space: {name}\ntrain: {{recipe: {{updates: 7}}}}\n")
    study, known = load_study(path), CLASSIFIERS[name]
    assert study.task == "classification"
    assert study.train.recipe == known.scratch.model_copy(update={"updates": 7})
    assert study.vocabulary == known.vocabulary
    assert study.corpus.tokens == known.tokens <= spaces.create(name).constants.context
    assert StudyConfig.model_validate(study.model_dump(mode="json")) == study


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("task: classification\ncorpus: {nmae: files}", "unknown key 'nmae' .* did you mean 'name'"),
        ("task: classification\ncorpus: {name: files}", "names no files"),
        ("task: classification\nspace: small-lm", ""),
    ],
)
def test_a_study_of_labels_that_makes_no_sense_is_one_sentence(tmp_path, text, sentence):
    from foretell.study.preflight import refuse_early

    path = tmp_path / "study.yaml"
    path.write_text(text + "\n")
    with pytest.raises(
        InputError, match=sentence or "the task classification needs encoder; .*or task: language_model"
    ):
        refuse_early(load_study(path))
