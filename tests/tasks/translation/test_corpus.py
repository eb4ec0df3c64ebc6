import dataclasses
import json

import pytest

from foretell.errors import InputError, IntegrityError
from foretell.tasks.translation import SPLITS, ParallelCorpus
from foretell.tasks.translation.files import read_pairs
from tests.tasks.sentences import corpus


def test_what_is_saved_is_loaded(tmp_path):
    saved = corpus(train=30, provenance={"name": "made up", "licence": "none needed"})
    odd = dataclasses.replace(saved, valid=[('a "quoted" one', "eins\u2028zwei"), ("𝔘nicode", "ß")])
    odd.save(tmp_path / "here")
    loaded = ParallelCorpus.load(tmp_path / "here")
    assert loaded == odd
    assert loaded.provenance == saved.provenance
    assert loaded.fingerprint == odd.fingerprint


def test_text_files_are_aligned_and_read_back_as_a_corpus(tmp_path):
    made = corpus(train=30, valid=20, test=20)
    names = ["train.en", "train.de", "valid.en", "valid.de", "test.en", "test.de"]
    assert made.write_text(tmp_path / "text") == [tmp_path / "text" / name for name in names]
    for split in SPLITS:
        assert read_pairs([tmp_path / "text" / f"{split}.{language}" for language in ("en", "de")]) == made.split(split)


def test_a_sentence_of_two_lines_is_not_written(tmp_path):
    with pytest.raises(InputError, match="pair 1 of valid holds a tab or a line break"):
        dataclasses.replace(corpus(train=30), valid=[("one\ntwo", "eins zwei")]).write_text(tmp_path)


def test_the_fingerprint_is_of_the_sentences_and_their_splits():
    one = corpus(train=30)
    assert one.fingerprint == corpus(train=30, provenance={"name": "elsewhere"}).fingerprint
    assert one.fingerprint != dataclasses.replace(one, valid=one.test, test=one.valid).fingerprint
    assert one.fingerprint != dataclasses.replace(one, target_language="nl").fingerprint
    assert len(one.fingerprint) == 16


@pytest.mark.parametrize("damage", ["changed", "torn", "missing", "columns"])
def test_damage_is_noticed(tmp_path, damage):
    corpus(train=30).save(tmp_path)
    path = tmp_path / "train.tsv"
    data = path.read_bytes()
    path.unlink()
    if damage != "missing":
        damaged = {
            "changed": data.replace(b"near", b"far", 1),
            "torn": data[:-9],
            "columns": data.replace(b"\t", b" ", 1),
        }
        path.write_bytes(damaged[damage])
    with pytest.raises(IntegrityError, match="delete it"):
        ParallelCorpus.load(tmp_path)


def test_another_format_version_is_refused(tmp_path):
    corpus(train=30).save(tmp_path)
    meta = json.loads((tmp_path / "corpus.json").read_text())
    (tmp_path / "corpus.json").write_text(json.dumps({**meta, "format": 99}))
    with pytest.raises(IntegrityError, match="has format 99, this version reads 1"):
        ParallelCorpus.load(tmp_path)


def test_an_interrupted_save_is_no_corpus(tmp_path):
    corpus(train=30).save(tmp_path)
    (tmp_path / "corpus.json").unlink()  # it is written last
    with pytest.raises(InputError, match="does not exist"):
        ParallelCorpus.load(tmp_path)


def test_a_tab_in_a_sentence_is_refused(tmp_path):
    broken = dataclasses.replace(corpus(train=30), valid=[("fine", "gut"), ("a\tb", "c")])
    with pytest.raises(InputError, match="pair 2 of valid holds a tab"):
        broken.save(tmp_path)
