from pathlib import Path

import pytest

from foretell.errors import InputError, UnknownNameError
from foretell.search import Halving
from foretell.study import StudyConfig, load_study


def study(tmp_path, text):
    path = tmp_path / "study.yaml"
    path.write_text(text)
    return path


def test_the_default_study_needs_no_file():
    assert load_study(None) == StudyConfig()


def test_a_study_survives_its_own_yaml(tmp_path):
    changed = load_study(None, {"constraints": ["flops<=3M"], "search": {"seed": 7}})
    assert load_study(study(tmp_path, changed.to_yaml())) == changed


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("spce: small-seq2seq", "unknown key 'spce' .*did you mean 'space'"),
        ("train: {recipe: {updtes: 3}}", "unknown key 'updtes' .*did you mean 'updates'"),
        ("corpus: {langage: de}", "unknown key 'langage'"),
    ],
)
def test_an_unknown_key_names_the_nearest(tmp_path, text, says):
    with pytest.raises(UnknownNameError, match=says):
        load_study(study(tmp_path, text))


def test_a_study_names_successive_halving_and_one_that_does_not_says_nothing_of_it(tmp_path):
    named = load_study(study(tmp_path, "supernet: {halving: {keep: 0.4}}"))
    assert named.supernet.halving == Halving(keep=0.4)
    assert load_study(study(tmp_path, named.to_yaml())) == named
    assert "halving" not in StudyConfig().to_yaml()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("supernet: {halving: {shares: [0.5, 0.6]}}", "two or more that sum to 1"),
        ("vocabulary: many", "vocabulary is 'many'"),
        ("train: {recipe: {dropout: 2}}", r"train.recipe.dropout is 2: input should be less than 1"),
        ("constraints: ['latency<=fast']", "latency<=fast"),
        ("search: {schedule: 'supernet:2-3'}", "leaves a gap at iteration 1"),
        ("search: {evolution: {population: 99}}", "the population is 99"),
        ("corpus: {name: home-asistant}", "did you mean 'home-assistant'"),
        ("- a list", "holds no keys with values"),
        ("{", "is not valid YAML"),
        ("name: ../../etc", "name is '../../etc'"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_with_its_place(tmp_path, text, says):
    with pytest.raises(InputError, match=says) as caught:
        load_study(study(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.yaml does not exist"):
        load_study(tmp_path / "nowhere.yaml")


def test_paths_are_relative_to_the_study_file(tmp_path):
    path = study(tmp_path, "space: mine.yaml\ncorpus: {name: files, paths: [a.tsv]}")
    found = load_study(path)
    assert found.space == str(tmp_path / "mine.yaml")
    assert found.corpus.paths == (tmp_path / Path("a.tsv"),)


def test_norwegian_is_a_language_and_the_home_folder_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    path = tmp_path / "study.yaml"
    path.write_text("corpus: {name: files, target: no, paths: [~/a.tsv, b.tsv]}\n")
    corpus = load_study(path).corpus
    assert corpus.target == "no"
    assert corpus.paths == (tmp_path / "home" / "a.tsv", tmp_path / "b.tsv")
