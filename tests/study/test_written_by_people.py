"""Study files as people write them: words that YAML takes for truths, numbers, home folders, names in any letters."""

from operator import attrgetter
from typing import Literal, get_args, get_origin

import pytest
from pydantic import BaseModel

from foretell.cli import main
from foretell.errors import InputError
from foretell.study import StudyConfig, load_study, read_study
from foretell.tasks import task_kind, task_kinds

TRIALS = """
name: проба
space: {name: on, genes: {act: [on, off, yes], ширина: [1, 2], lr: [1e-3, 5E-3]}}
metric: {name: потеря, higher_is_better: no}
objective: {command: "python train.py {act} {ширина} {lr}"}
search: {trials: 4, workers: 1}
"""
PROGRAM = """import json, sys
print(json.dumps({"потеря": float(sys.argv[2]) + float(sys.argv[3])}, ensure_ascii=False))
"""


def study_of(tmp_path, text):
    path = tmp_path / "study.yaml"
    path.write_text(text, encoding="utf-8")
    return read_study(path)


@pytest.mark.parametrize("word", ["no", "yes", "on", "off", "y"])
def test_words_are_words_where_words_are_expected(tmp_path, word):
    assert study_of(tmp_path, f"name: {word}").name == word


def test_norwegian_is_a_language(tmp_path):
    assert study_of(tmp_path, "corpus: {source: en, target: no}").corpus.target == "no"


def test_a_number_where_a_word_is_expected_is_to_be_quoted(tmp_path):
    with pytest.raises(InputError, match=r"name is 2024: .*put it in quotes"):
        study_of(tmp_path, "name: 2024")


def test_a_power_of_ten_is_a_number(tmp_path):
    assert study_of(tmp_path, "train: {recipe: {learning_rate: 1e-3}}").train.recipe.learning_rate == 0.001


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("seed: 3", "unknown key 'seed' .*it belongs to a part: .*search.seed"),
        ("updates: 300", r"it belongs to a part: supernet.recipe.updates, train.recipe.updates"),
        ("name: ~", "name is null, .* leave name out"),
        ("name: a/b", "name is 'a/b', expected a name that begins with a letter and has no slash"),
        ("constraints: {params: 60%}", "constraints holds keys with values, expected a list, each item after a hyphen"),
        ("train: {recipe: {updates: 1,500}}", "found the key 500, expected a word; write numbers without commas"),
        ("space: small-lm\ncorpus: {source: en}", "corpus.source is a key of the task translation, and this study has"),
        ("corpus: {name: files, paths: a.tsv}", r"corpus.paths is 'a.tsv', expected a list; write \[a.tsv\]"),
    ],
)
def test_what_cannot_be_meant_is_said_in_the_words_of_the_file(tmp_path, text, sentence):
    with pytest.raises(InputError, match=sentence):
        study_of(tmp_path, text)


def words_with_choices(model, place=()):
    """The keys of a study for which there are fixed words, each with its words."""
    for name, field in model.model_fields.items():
        kinds = [field.annotation, *get_args(field.annotation)]
        inner = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)
        if inner is not None:
            yield from words_with_choices(inner, (*place, name))
        for kind in kinds:
            if get_origin(kind) is Literal:
                yield (*place, name), get_args(kind)


WORDS = [
    pytest.param(prefix, place, word, id=f"{prefix}{'.'.join(place)}={word}")
    for prefix, model in (
        ("", StudyConfig),
        *((f"task: {task}", task_kind(task).corpus) for task in task_kinds()),
    )
    for place, words in words_with_choices(model, ("corpus",) if prefix else ())
    for word in words
]


@pytest.mark.parametrize(("prefix", "place", "word"), WORDS)
def test_a_word_in_other_case_is_that_word(tmp_path, prefix, place, word):
    text = word.upper().replace("-", "_")
    for key in reversed(place):
        text = f"{{{key}: {text}}}"
    text = text.replace("executor: {", "executor: {name: SLURM, ")  # which alone has such keys
    found = study_of(tmp_path, f"{prefix}\n{text[1:-1]}")
    for key in place:
        found = getattr(found, key)
    assert found in (word, (word,))


@pytest.mark.parametrize(
    ("text", "place", "word"),
    [
        ("task: Language_Model", "task", "language_model"),
        ("task: CLASSIFICATION\nspace: Small-Encoder", "space", "small-encoder"),
        ("space: HAT-WMT14-En-De", "space", "hat-wmt14-en-de"),
        ("executor: Slurm", "executor.name", "slurm"),
        ("corpus: {name: Home-Assistant}", "corpus.name", "home-assistant"),
        ("search: {algorithm: NSGA2}", "search.algorithm", "nsga2"),
        ("search: {schedule: 'Distilled:1-15,SUPERNET:16-30'}", "search.schedule", "distilled:1-15,supernet:16-30"),
    ],
)
def test_a_name_in_other_case_is_that_name(tmp_path, text, place, word):
    assert attrgetter(place)(study_of(tmp_path, text)) == word


def test_a_study_of_trials_takes_its_words_in_any_case(tmp_path):
    study = study_of(tmp_path, TRIALS.replace("workers: 1", "algorithm: Genius") + "executor: Processes")
    assert (study.search.algorithm, study.executor.name) == ("genius", "processes")


def test_a_space_in_other_case_brings_its_published_recipe(tmp_path):
    text = "space: hat-wmt14-en-de"
    assert study_of(tmp_path, text.replace("hat", "HAT")) == study_of(tmp_path, text)


def test_a_word_that_is_none_of_the_choices_is_refused_with_all_of_them(tmp_path):
    with pytest.raises(InputError, match=r"supernet\.kind is 'sandwitch': input should be 'spos', 'sandwich', "):
        study_of(tmp_path, "supernet: {kind: sandwitch}")


def test_one_word_is_a_list_of_one(tmp_path):
    assert study_of(tmp_path, "constraints: params<=50%").constraints == ("params<=50%",)
    assert study_of(tmp_path, "train: {baselines: largest}").train.baselines == ("largest",)
    limited = TRIALS.replace("1e-3, 5E-3]}", "1e-3, 5E-3]}, costs: {params: ширина}") + "constraints: params<=1"
    assert study_of(tmp_path, limited).constraints == ("params<=1",)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("corpus: {name: files, paths: [~/a.tsv]}", lambda study: study.corpus.paths[0]),
        (
            "corpus: {name: files, paths: [a.tsv], valid_paths: [b.tsv], test_paths: [~/a.tsv]}",
            lambda study: study.corpus.test_paths[0],
        ),
        ("space: ~/a.tsv.yaml", lambda study: study.space.removesuffix(".yaml")),
        ("distilled: {observations: ~/a.tsv}", lambda study: study.distilled.observations),
        ("distilled: {teacher: 'student:~/a.tsv'}", lambda study: study.distilled.teacher.removeprefix("student:")),
        ("distilled: {llm: 'local:~/a.tsv.gguf'}", lambda study: study.distilled.llm[6:].removesuffix(".gguf")),
        ("search: {initial: ~/a.tsv}", lambda study: study.search.initial),
        ("metrics: {mine: {command: 'true', cwd: ~/a.tsv}}", lambda study: study.metrics["mine"].cwd),
    ],
)
def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch, text, path):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "study.yaml").write_text(text)
    assert str(path(load_study(tmp_path / "study.yaml"))) == str(tmp_path / "home" / "a.tsv")


def test_a_tilde_in_a_study_of_trials(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    text = "space: {genes: {a: [1, 2]}}\nmetric: y\nobjective: {command: 'echo {a}', cwd: ~/b}"
    assert str(study_of(tmp_path, text).objective.command.cwd) == str(tmp_path / "b")


def test_names_may_have_any_letters(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text(PROGRAM, encoding="utf-8")
    (tmp_path / "study.yaml").write_text(TRIALS, encoding="utf-8")
    assert main(["-q", "search", "study.yaml"]) == 0, capsys.readouterr().err
    out = capsys.readouterr().out
    assert "потеря (lower is better)" in out
    assert "ширина" in out
    assert (tmp_path / "runs" / "проба" / "report.html").exists()
    assert load_study(None, {"name": "étude 1", "metrics": {"schärfe": {"command": "true {hypotheses}"}}})
