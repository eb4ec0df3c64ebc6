import pytest

from foretell.errors import InputError
from foretell.tasks.translation import CorpusConfig, DamagedCacheWarning, corpus_folder, load_corpus
from tests.tasks.sentences import made_up


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text("".join(f"{source}\t{target}\n" for source, target in made_up(400)))
    return CorpusConfig(name="files", paths=(path,), valid_sentences=25, test_sentences=35)


def test_plain_files_are_cleaned_split_and_described(config, tmp_path):
    corpus = load_corpus(config, tmp_path)
    assert (len(corpus.valid), len(corpus.test)) == (25, 35)
    assert len(corpus.train) + 60 <= 400
    assert corpus.provenance["cleaning"] == {"found": 400, "dropped": {}, "rules": 1}
    assert len(corpus.provenance["sha256"]) == 64


def test_a_corpus_is_prepared_once(config, tmp_path, monkeypatch):
    first = load_corpus(config, tmp_path)
    monkeypatch.setattr("foretell.tasks.translation.loading.prepare_corpus", None)
    assert load_corpus(config, tmp_path) == first


def test_changed_settings_or_contents_make_another_corpus(config, tmp_path):
    folder = corpus_folder(config, tmp_path)
    assert corpus_folder(config.model_copy(update={"seed": 1}), tmp_path) != folder
    config.paths[0].write_text("other\tanders\n")
    assert corpus_folder(config, tmp_path) != folder


def test_a_damaged_cache_is_made_again(config, tmp_path):
    first = load_corpus(config, tmp_path)
    (corpus_folder(config, tmp_path) / "valid.tsv").write_text("x\ty\n")
    with pytest.warns(DamagedCacheWarning, match="made again"):
        assert load_corpus(config, tmp_path) == first
    assert load_corpus(config, tmp_path) == first


def test_training_pairs_can_be_limited(config, tmp_path):
    every = load_corpus(config, tmp_path)
    few = load_corpus(config.model_copy(update={"train_sentences": 50}), tmp_path)
    assert len(few.train) == 50
    assert set(few.train) <= set(every.train)
    assert few.test == every.test


def test_own_validation_and_test_files_are_used_whole(config, tmp_path):
    held = tmp_path / "held.tsv"
    held.write_text("only one\tnur eines\n")
    own = config.model_copy(update={"valid_paths": (held,), "test_paths": (held,)})
    corpus = load_corpus(own, tmp_path)
    assert corpus.valid == corpus.test == [("only one", "nur eines")]
    assert len(corpus.train) == 400


def test_nothing_left_after_cleaning_is_refused(config, tmp_path):
    with pytest.raises(InputError, match="0 usable sentence pairs after cleaning"):
        load_corpus(config.model_copy(update={"max_words": 3}), tmp_path)
    held = tmp_path / "held.tsv"
    held.write_text("much too long for this\tviel zu lang dafür\n")
    short = config.model_copy(update={"max_words": 3, "valid_paths": (held,), "test_paths": (held,)})
    with pytest.raises(InputError, match="no validation pair has at most 3 words"):
        load_corpus(short, tmp_path)
