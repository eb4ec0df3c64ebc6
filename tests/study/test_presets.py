import pytest
import yaml

from foretell.cli.options import study_from
from foretell.published.recipes import PUBLISHED
from foretell.study import StudyConfig, load_study

NAMES = sorted(PUBLISHED)


@pytest.mark.parametrize("name", NAMES)
def test_a_published_space_brings_its_recipes(name):
    study = load_study(None, {"space": name})
    assert study.supernet.recipe == PUBLISHED[name].supernet
    assert study.train.recipe == PUBLISHED[name].scratch
    assert (study.train.beam, study.train.length_penalty) == (PUBLISHED[name].beam, PUBLISHED[name].length_penalty)
    assert study_from(None, space=name) == study


def test_what_the_study_says_stands_and_the_rest_is_published(tmp_path):
    path = tmp_path / "study.yaml"
    said = {"space": "hat-wmt14-en-de", "supernet": {"kind": "neuronwise-mos", "recipe": {"updates": 7}}}
    path.write_text(yaml.safe_dump(said))
    study = load_study(path)
    assert study.supernet.kind == "neuronwise-mos"
    assert study.supernet.recipe == PUBLISHED["hat-wmt14-en-de"].supernet.model_copy(update={"updates": 7})
    assert study.train.recipe == PUBLISHED["hat-wmt14-en-de"].scratch
    again = tmp_path / "again.yaml"
    again.write_text(study.to_yaml())
    assert load_study(again) == study


def test_the_command_line_changes_the_space_before_anything_else(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text("name: mine\nspace: hat-iwslt14-de-en\n")
    study = study_from(path, space="hat-wmt19-en-de", supernet__recipe__updates=5, supernet__kind=None)
    assert (study.name, study.supernet.recipe.updates, study.supernet.recipe.dropout) == ("mine", 5, 0.3)
    assert study_from(path, space="small-seq2seq").supernet == StudyConfig().supernet


def test_a_space_of_ones_own_is_found_from_where_the_command_runs(tmp_path, monkeypatch):
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies" / "study.yaml").write_text("name: mine\n")
    (tmp_path / "space.yaml").write_text("like: small-seq2seq\nname: own\n")
    monkeypatch.chdir(tmp_path)
    assert study_from(tmp_path / "studies" / "study.yaml", space="space.yaml").space == str(tmp_path / "space.yaml")
    assert study_from(None, space="space.yaml").space == "space.yaml"


def test_other_spaces_get_the_default_recipes():
    assert load_study(None) == StudyConfig()
    assert load_study(None, {"space": "small-seq2seq"}) == StudyConfig()
