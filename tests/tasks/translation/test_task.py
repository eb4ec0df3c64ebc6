import subprocess
import sys

import numpy as np
import pytest

from foretell.errors import InputError
from foretell.tasks import Vocabulary
from foretell.tasks.translation import SPLITS, CorpusConfig, DamagedCacheWarning, Task
from tests.tasks.sentences import corpus, made_up


def equal(one, other):
    return one.fingerprint == other.fingerprint and all(
        np.array_equal(getattr(getattr(one.pairs(split), side), part), getattr(getattr(other.pairs(split), side), part))
        for split in SPLITS
        for side in ("source", "target")
        for part in ("values", "offsets")
    )


def test_a_task_is_prepared_from_files_and_then_read_from_the_cache(tmp_path, monkeypatch):
    path = tmp_path / "pairs.tsv"
    path.write_text("".join(f"{source}\t{target}\n" for source, target in made_up(400)))
    config = CorpusConfig(name="files", paths=(path,))
    first = Task.prepare(config, 150, tmp_path / "cache")
    monkeypatch.setattr(Vocabulary, "train", None)
    assert equal(Task.prepare(config, 150, tmp_path / "cache"), first)
    assert first.vocabulary.size == 150
    assert [len(first.pairs(split)) for split in SPLITS] == [320, 40, 40]


def test_encoded_pairs_are_the_corpus(tmp_path):
    task = Task.of(corpus(), 150, tmp_path)
    for split in SPLITS:
        pairs = task.pairs(split)
        sides = (task.vocabulary.decode(side) for side in (pairs.source, pairs.target))
        expected = zip(*task.corpus.split(split), strict=True)
        if split == "train":  # the others may hold letters that training does not
            assert [tuple(side) for side in sides] == list(expected)


def test_the_fingerprint_is_of_text_and_vocabulary(tmp_path):
    task = Task.of(corpus(), 150, tmp_path)
    assert task.fingerprint == Task.of(corpus(provenance={"a": 1}), 150, tmp_path / "else").fingerprint
    assert task.fingerprint != Task.of(corpus(), 160, tmp_path).fingerprint
    assert task.fingerprint != Task.of(corpus(train=250), 150, tmp_path).fingerprint


@pytest.mark.parametrize(("name", "data"), [("encoded.npz", b""), ("encoded.npz", b"PK"), ("vocabulary.model", b"?")])
def test_a_damaged_cache_is_made_again(tmp_path, name, data):
    task = Task.of(corpus(), 150, tmp_path)
    (path,) = tmp_path.rglob(name)
    path.write_bytes(data)
    with pytest.warns(DamagedCacheWarning, match="made again"):
        assert equal(Task.of(corpus(), 150, tmp_path), task)
    path.unlink()
    if name == "vocabulary.model":
        with pytest.warns(DamagedCacheWarning, match="cannot be read"):
            Task.of(corpus(), 150, tmp_path)


def test_copying_the_source_is_scored(tmp_path):
    task = Task.of(corpus(), 150, tmp_path)
    copied = {score.name: score.value for score in task.copy_source_scores()}
    right = {score.name: score.value for score in task.score(task.references("test"))}
    assert copied["bleu"] < right["bleu"] == pytest.approx(100)
    with pytest.raises(InputError, match="1 translations and 30 references"):
        task.score(["eins"])


def test_the_room_opens_without_the_heavy_libraries():
    code = (
        "import sys, foretell.tasks; heavy = {'torch', 'sentencepiece', 'sacrebleu', 'datasets'} & set(sys.modules);"
        "sys.exit(repr(heavy) if heavy else 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
