"""The whole job on a language model: from a user's folder of text to a network that writes."""

import json
import os

import numpy as np
import pytest

from foretell import spaces
from foretell.cli import main
from foretell.costs import Constraints
from foretell.errors import InputError
from foretell.study import StudyConfig, generate_texts, load_study
from foretell.study.language_models import LANGUAGE_MODELS
from foretell.training import Recipe

WORDS = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"]
STUDY = """
name: mine
space: space.yaml
task: language_model
corpus: {name: files, paths: [text], pieces: bytes, block: 16, valid_bytes: 600, test_bytes: 600}
constraints: ["decode_latency<=500ms", "prefill_latency@24<=500ms", "memory<=90%"]
latency: {samples: 20, finalists: 1}
supernet:
  recipe: {updates: 6, validate_every: 3, max_tokens: 64, warmup: 1, label_smoothing: 0}
  halving: {margin: 1, audit: 1}
search: {schedule: "supernet:1-2", evolution: {population: 8, parents: 4, mutations: 2, crossovers: 2}}
train:
  recipe: {updates: 6, validate_every: 3, max_tokens: 64, warmup: 1, label_smoothing: 0}
  baselines: [smallest, uniform, most-flops]
"""
SPACE = """
name: tiny-lm
family: decoder
constants: {head_size: 4, context: 32, vocabulary: 260}
genes: {width: [16, 12, 8], layers: [3, 2, 1], heads: [2, 0], kv-heads: [2, 1], ffn: [16, 8, 0]}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("lm"), np.random.default_rng(0)
    for number in range(12):
        file = folder / "text" / f"part{number % 4}" / f"{number}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(" ".join(WORDS[i] for i in rng.integers(10, size=150)) + "\n")
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
def test_a_search_ends_with_a_model_that_keeps_all_limits_when_measured(result, folder):
    assert result["constraint_met"]
    costs = result["winner"]["costs"]
    assert costs["prefill_latency_ms@24"] <= 500
    assert costs["decode_latency_ms"] == costs["latency_ms"]
    limits = Constraints.parse(result["constraint"].split(", "))
    assert {item.cost for item in limits} == {"decode_latency_ms", "prefill_latency_ms@24", "memory_bytes"}
    assert costs["memory_bytes"] <= next(item.limit for item in limits if item.cost == "memory_bytes")
    metrics = result["winner"]["metrics"]
    assert {"valid_bits_per_byte", "valid_loss", "test_bits_per_byte", "test_accuracy"} <= set(metrics)
    assert metrics["valid_loss"] == pytest.approx(np.log2(metrics["valid_perplexity"]))
    assert set(result["floors"]) == {"unigram", "4-gram"}
    assert result["reported"] == ["valid_bits_per_byte", "test_bits_per_byte"]
    assert (folder / "run" / "latency-samples-prefill_latency_ms@24.json").exists()


@pytest.mark.network
def test_what_halving_left_out_is_told(result):
    told = result["search"]["halving"]["supernet"]
    assert told["generations"] == told["audited"] == 2
    assert 4 <= told["left"] <= 8
    assert 0 <= told["changed"] <= 2
    assert told["changed"] <= told["exchanged"] <= 8


@pytest.mark.network
def test_what_simple_rules_pick_is_trained_in_the_same_run_where_it_is_asked_for(result):
    assert list(result["baselines"]) == ["smallest", "uniform", "most-flops"]
    rules = {each["rule"]: each for each in result["rules"]}
    for name in ("uniform", "most-flops"):
        assert rules[name]["trained"]
        assert rules[name]["architecture"] == result["baselines"][name]["architecture"]
        assert (
            rules[name]["metrics"]["test_bits_per_byte"] == result["baselines"][name]["metrics"]["test_bits_per_byte"]
        )
    assert not rules["random"]["trained"] or rules["random"]["architecture"] == result["winner"]["architecture"]


@pytest.mark.network
def test_what_was_found_writes(result, folder, capsys):
    assert main(["generate", str(folder / "run"), "alpha", "--tokens", "9", "--samples", "2", "--json"]) == 0
    texts = json.loads(capsys.readouterr().out)["texts"]
    assert len(texts) == 2
    again = generate_texts(folder / "run", "alpha", 9, samples=2, temperature=0.8, top_p=0.95)
    assert texts == again
    with pytest.raises(InputError, match="longer than the network's context of 32"):
        generate_texts(folder / "run", "alpha", 40)
    with pytest.raises(InputError, match="holds no trained network"):
        generate_texts(folder, "alpha", 4)


@pytest.mark.network
def test_the_page_shows_the_stack_the_floors_and_what_the_model_writes(result, folder, monkeypatch):
    pytest.importorskip("jinja2")
    from foretell.report.page import write_report

    monkeypatch.setenv("FORETELL_CACHE", str(folder / "cache"))
    page = write_report(folder / "run").read_text(encoding="utf-8")
    for text in ("Decoder of width", "4-gram", "bits a byte", "What the winner makes of test examples"):
        assert text in page


@pytest.mark.network
def test_a_translator_does_not_write(folder, result, monkeypatch):
    from foretell.study import use

    monkeypatch.setattr(use, "trained_network", lambda run: spaces_network())
    with pytest.raises(InputError, match="of the family encoder_decoder, which writes no text"):
        generate_texts(folder / "run", "alpha", 4)


def spaces_network():
    space = spaces.create("small-seq2seq")
    return space.family.build(space.smallest(), {"vocabulary": 20})


@pytest.mark.parametrize("name", sorted(LANGUAGE_MODELS))
def test_a_space_of_language_models_brings_its_task_and_recipes(name, tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(f"space: {name}\ntrain: {{recipe: {{updates: 7}}}}\n")
    study = load_study(path)
    known = LANGUAGE_MODELS[name]
    assert study.task == "language_model"
    assert study.train.recipe == known.scratch.model_copy(update={"updates": 7})
    assert study.supernet.recipe == known.supernet
    assert study.vocabulary == known.vocabulary
    assert study.corpus.block == known.block <= spaces.create(name).constants.context
    assert study.measuring == {}
    assert StudyConfig.model_validate(study.model_dump(mode="json")) == study
    assert isinstance(known.scratch, Recipe)


def test_a_study_of_translation_does_not_name_its_task():
    assert "task" not in StudyConfig().model_dump()
    assert "\ntask:" not in StudyConfig().to_yaml()
    assert "\ntask: language_model" in StudyConfig(task="language_model").to_yaml()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("task: language_modle", "unknown task 'language_modle'; did you mean 'language_model'"),
        ("task: language_model\ncorpus: {nmae: files}", "unknown key 'nmae' .* did you mean 'name'"),
        ("task: language_model\ncorpus: {name: files}", "names no files"),
        ("task: language_model\ncorpus: {block: 2}", "corpus.block"),
    ],
)
def test_a_study_of_text_that_makes_no_sense_is_one_sentence(tmp_path, text, sentence):
    path = tmp_path / "study.yaml"
    path.write_text(text + "\n")
    with pytest.raises(InputError, match=sentence):
        load_study(path)


@pytest.mark.network
def test_a_run_is_handed_to_other_runtimes(result, folder, capsys):
    assert main(["--quiet", "export", str(folder / "run"), "--to", "hf,onnx", "--json"]) == 0
    files = json.loads(capsys.readouterr().out)
    assert {path.rpartition("/")[2] for path in files["hf"]} >= {"config.json", "model.safetensors", "tokenizer.json"}
    assert (folder / "run" / "exported" / "onnx" / "model.onnx").stat().st_size > 1000
    card = (folder / "run" / "exported" / "hf" / "README.md").read_text()
    assert f"{result['winner']['metrics']['test_accuracy']:.3f}" in card
    assert main(["--quiet", "export", str(folder / "text"), "--to", "hf"]) == 2
    assert "holds" in capsys.readouterr().err
