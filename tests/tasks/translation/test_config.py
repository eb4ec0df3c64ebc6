import pytest
from pydantic import ValidationError

from foretell.tasks.translation import CorpusConfig, cache_folder


def test_whoever_names_files_or_a_data_set_names_the_kind_of_the_corpus():
    assert CorpusConfig(paths=("a.en", "a.de")).name == "files"
    assert CorpusConfig(paths=("a.en", "a.de")).max_words == "fit"
    assert CorpusConfig(paths=("home_assistant_frontend.whl",)).name == "home-assistant"
    assert CorpusConfig(dataset="wmt14").name == "hub"


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"name": "home-asistant"}, "unknown corpus 'home-asistant'; did you mean 'home-assistant'?"),
        ({"max_word": 3}, "max_word"),
        ({"max_words": 0}, "greater than or equal to 1"),
        ({"min_words": 5, "max_words": 4}, "max_words 4 is below min_words 5"),
        ({"source": "de"}, "source and target language are both 'de'"),
        ({"target": "../../etc"}, "unknown language '../../etc', expected a BCP 47 tag"),
        ({"target": "C.UTF-8"}, "unknown language 'C.UTF-8', expected a BCP 47 tag"),
        ({"name": "files"}, "names no files"),
        ({"name": "files", "paths": ["a.tsv"], "test_paths": ["b.tsv"]}, "give both or neither"),
        ({"name": "hub"}, "names no data set"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings, sentence):
    with pytest.raises(ValidationError) as caught:
        CorpusConfig.model_validate(settings)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("pt_BR", "pt_BR"),
        ("pt_BR.UTF-8", "pt_BR"),
        ("ja_JP.eucJP", "ja_JP"),
        ("de_DE@euro", "de_DE"),
        ("sr_RS@latin", "sr_Latn_RS"),
        ("uz_UZ.UTF-8@cyrillic", "uz_Cyrl_UZ"),
    ],
)
def test_a_locale_is_its_language(name, tag):
    assert CorpusConfig(target=name).target == tag


def test_the_cache_folder_is_the_given_one_then_the_named_one_then_the_users(monkeypatch, tmp_path):
    monkeypatch.setenv("FORETELL_CACHE", str(tmp_path / "named"))
    assert cache_folder(tmp_path) == tmp_path
    assert cache_folder() == tmp_path / "named"
    monkeypatch.delenv("FORETELL_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_folder().name == "foretell"
    assert tmp_path / "home" in cache_folder().parents
