import sys
from types import SimpleNamespace

import pytest

from foretell.errors import InputError
from foretell.tasks.translation import CorpusConfig, load_corpus
from foretell.tasks.translation.hub import read_hub
from tests.tasks.sentences import made_up

INFO = SimpleNamespace(version="1.0.0", license="cc-by", citation="somebody")


class Rows(list):
    info = INFO


def data_set(**splits):
    return {
        name: Rows({"translation": {"en": source, "de": target}} for source, target in pairs)
        for name, pairs in splits.items()
    }


@pytest.fixture
def hub(monkeypatch):
    """A `datasets` package that serves what the test says."""

    def serve(answer):
        def load_dataset(name, subset):
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset))

    return serve


def test_published_splits_are_kept(hub, tmp_path):
    pairs = made_up(60)
    hub(data_set(train=[*pairs[:40], pairs[41]], validation=pairs[40:50], test=pairs[50:]))
    corpus = load_corpus(CorpusConfig(name="hub", dataset="wmt0", subset="de-en", test_sentences=5), tmp_path)
    assert corpus.train == pairs[:40]  # without the copy of a validation sentence
    assert corpus.valid == pairs[40:50]
    assert corpus.test == pairs[50:55]
    assert corpus.provenance["name"] == "hub:wmt0/de-en"
    assert corpus.provenance["licence"] == "cc-by"


def test_without_the_extra_the_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(InputError, match=r"not installed; run `pip install 'foretell\[hub\]'`"):
        read_hub("wmt14", "de-en", "en", "de")


def test_a_data_set_that_cannot_be_loaded_is_named(hub):
    hub(ConnectionError("no route to host\nat line 3"))
    with pytest.raises(InputError, match=r"wmt14/de-en could not be loaded \(no route to host\)"):
        read_hub("wmt14", "de-en", "en", "de")


def test_a_missing_split_or_language_is_named(hub):
    hub(data_set(train=made_up(3), test=made_up(3)))
    with pytest.raises(InputError, match="has no split 'validation'; it has train, test"):
        read_hub("x", None, "en", "de")
    hub(data_set(train=made_up(3), validation=made_up(3), test=made_up(3)))
    with pytest.raises(InputError, match=r"row 0 of the data set x holds en, de, expected .*'fr'"):
        read_hub("x", None, "en", "fr")
    hub({name: Rows([{"text": "?"}]) for name in ("train", "validation", "test")})
    with pytest.raises(InputError, match="holds the columns text"):
        read_hub("x", None, "en", "de")
