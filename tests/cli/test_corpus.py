import json
import re

import pytest

from foretell.cli import main
from tests.tasks.sentences import made_up


@pytest.fixture
def pairs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FORETELL_CACHE", str(tmp_path / "cache"))
    (tmp_path / "pairs.tsv").write_text("".join(f"{source}\t{target}\n" for source, target in made_up(400)))
    return ["files", "--path", "pairs.tsv"]


def test_a_corpus_is_written_as_text(pairs, tmp_path, capsys):
    assert main(["corpus", "write", *pairs, "--out", "here", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["files"] == [
        f"here/{split}.{language}" for split in ("train", "valid", "test") for language in ("en", "de")
    ]
    assert main(["corpus", "show", *pairs, "--examples", "400", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["fingerprint"] == told["fingerprint"]
    assert (tmp_path / "here" / "train.en").read_text().splitlines() == [source for source, _ in shown["pairs"]]


def test_where_it_is_written_is_told(pairs, capsys):
    assert main(["corpus", "write", *pairs]) == 0
    assert "text/train.en, text/train.de" in capsys.readouterr().out.replace("\n", " ")


def test_what_was_dropped_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FORETELL_CACHE", str(tmp_path / "cache"))
    lines = [f"{source}\t{target}\n" for source, target in made_up(400)]
    (tmp_path / "pairs.tsv").write_text("".join(lines) + f"the same\tthe same\n{'a ' * 300}\t{'b ' * 300}\n")
    assert main(["corpus", "show", "files", "--path", str(tmp_path / "pairs.tsv")]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert re.search(r"402 pairs found; dropped: 1 equal sides, 1 too long \(over \d+ words\)\.", told)
    assert "max_words" not in told  # text of the user's own is measured, not held against the default corpus's limit


def shown(words, capsys):
    assert main(["corpus", "show", *words]) == 0
    return " ".join(capsys.readouterr().out.split())


def test_fewer_sentences_than_asked_for_are_told(pairs, capsys):
    told = shown([*pairs, "--test-sentences", "500"], capsys)
    assert "500 test pairs were asked for, the corpus allows 40." in told
    assert told.count("asked for") == 1


def test_what_is_left_out_of_the_splits_is_told(tmp_path, pairs, capsys):
    lines = (tmp_path / "pairs.tsv").read_text().splitlines(keepends=True)
    (tmp_path / "pairs.tsv").write_text("".join([*lines, *lines[:30]]))
    assert "430 pairs found; dropped: 30 repeated or like one of another split." in shown([*pairs, "-n", "0"], capsys)
    assert "more than were asked for" in shown([*pairs, "--train-sentences", "50"], capsys)


def test_a_studys_corpus_is_shown_and_options_say_what_differs(tmp_path, pairs, capsys):
    study = tmp_path / "there" / "study.yaml"
    study.parent.mkdir()
    study.write_text("corpus: {name: files, paths: [../pairs.tsv], target: nl, valid_sentences: 10}\n")
    told = shown(["--study", str(study)], capsys)
    assert "files, en-nl" in told
    assert "valid 10" in told
    changed = ["--study", str(study), "--max-words", "9", "--valid-sentences", "5", "--seed", "2", "--json"]
    told = json.loads(shown(changed, capsys))
    assert told["sizes"]["valid"] == 5
    assert told["provenance"]["config"]["max_words"] == 9
    assert told["provenance"]["config"]["target"] == "nl"
    whole = ["--study", str(study), "--max-words", "null", "--json"]
    assert json.loads(shown(whole, capsys))["provenance"]["config"]["max_words"] is None


def test_a_language_models_text_is_shown(tmp_path, pairs, capsys):
    (tmp_path / "lm.yaml").write_text("{task: language_model, corpus: {name: files, paths: [pairs.tsv]}}")
    assert "split documents bytes" in shown(["--study", "lm.yaml"], capsys)
    assert main(["corpus", "show", "--study", "lm.yaml", "--min-words", "3"]) == 2
    assert "study of a language_model, whose text has none of these options" in capsys.readouterr().err
