import json

import pytest

from foretell.cli import main
from foretell.cli.corpus import _describe
from foretell.tasks.translation import ParallelCorpus
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
    assert "402 pairs found; dropped: 1 equal sides, 1 too long (over 12 words)." in told


def test_fewer_sentences_than_asked_for_are_told(capsys):
    corpus = ParallelCorpus("en", "de", [("a", "b")], [("c", "d")], [], {"config": {"test_sentences": 500}})
    _describe("files", corpus, as_json=False, examples=0)
    told = capsys.readouterr().out
    assert "500 test pairs were asked for, the corpus allows 0." in told
    assert told.count("asked for") == 1
