"""What one command writes another takes: labels, students, proposals."""

import json

import numpy as np
import pytest

from foretell import spaces
from foretell.cli import main
from foretell.errors import InputError, UnknownNameError
from foretell.observations import Observation, ObservationSet, read_observations, write_observations
from foretell.predictors import Context, create
from foretell.predictors.distilled import Distilled
from foretell.study import load_study
from foretell.study.architectures import initial_rows, read_architectures
from foretell.study.distilling import study_labels
from foretell.study.preflight import refuse_early
from foretell.study.teacher_inputs import teacher_inputs
from foretell.testing import make_observations

SPACE = spaces.create("small-seq2seq")


@pytest.fixture
def labels(tmp_path):
    """As `foretell label` writes them: scores of a teacher, nothing trained."""
    path = tmp_path / "labels.jsonl"
    made = make_observations(SPACE, 24)
    rows = [Observation(item.architecture, scores={"llm": {"valid_bleu": item.metric("valid_bleu")}}) for item in made]
    write_observations(path, rows)
    return path


def printed(capsys, *arguments):
    assert main([*map(str, arguments), "--json"]) == 0
    caught = capsys.readouterr()
    return json.loads(caught.out), caught.err


def test_labels_of_a_teacher_are_learnt_from(labels, capsys):
    found, said = printed(
        capsys, "predict", "--observations", labels, "--architectures", "reference:en-de", "--predictor", "ridge"
    )
    assert found["metric"] == "valid_bleu"
    assert found["labels"] == 24
    assert len(found["predictions"]) > 50
    assert "nothing here was trained; the labels are what llm says" in said
    table, _ = printed(
        capsys, "evaluate", "--observations", labels, "--predictor", "ridge", "--splits", "random:2", "--draws", 9
    )
    assert {"ridge", "constant"} <= {row["predictor"] for row in table["rows"]}


def test_labels_of_a_teacher_teach_a_study(labels):
    study = load_study(None, {"distilled": {"observations": str(labels), "teacher": "ridge"}})
    assert len(study_labels(study, SPACE)) == 24


def test_a_student_is_a_predictor_and_a_teacher(labels, tmp_path, capsys):
    made = make_observations(SPACE, 24)
    student = Distilled(Context(SPACE), steps=20).fit(made)
    student.write(tmp_path / "student")
    spelling = f"student:{tmp_path / 'student'}"
    rows = SPACE.population([item.architecture for item in made])
    found = create(spelling, context=Context(SPACE)).fit([])
    assert np.array_equal(found.predict(rows).mean, student.predict(rows).mean)
    told, _ = printed(capsys, "predict", "--observations", labels, "--architectures", labels, "--predictor", spelling)
    assert told["predictor"] == spelling
    study = load_study(None, {"distilled": {"teacher": spelling}})
    refuse_early(study, limits=False)
    before = teacher_inputs(study)
    Distilled(Context(SPACE, seed=1), steps=20).fit(made).write(tmp_path / "student")
    assert teacher_inputs(study) != before
    with pytest.raises(InputError, match="holds no student; make one with `foretell distill"):
        create("student:nowhere", context=Context(SPACE))


def test_a_search_begins_with_given_architectures(labels, tmp_path):
    (tmp_path / "study.yaml").write_text("search: {initial: labels.jsonl}")
    study = load_study(tmp_path / "study.yaml")
    assert initial_rows(study.search.initial, SPACE).shape == (24, SPACE.width)
    assert load_study(None, study.model_dump(mode="json")).search.initial == str(labels)
    assert "initial:" not in load_study(None).to_yaml()
    (tmp_path / "labels.jsonl").unlink()
    with pytest.raises(InputError, match=r"labels.jsonl does not exist"):
        refuse_early(study, limits=False)


@pytest.mark.parametrize(
    ("metrics", "usual"),
    [
        ({"valid_bleu": 1.0, "valid_loss": 1.0}, "valid_bleu"),
        ({"valid_loss": 1.0, "valid_bits_per_byte": 1.0, "test_bits_per_byte": 1.0}, "valid_bits_per_byte"),
        ({"test_chrf": 1.0, "valid_loss": 1.0}, "valid_loss"),
        ({"test_chrf": 1.0}, "test_chrf"),
        ({}, "valid_bleu"),
    ],
)
def test_without_a_metric_the_one_that_is_there_is_meant(metrics, usual):
    known = ObservationSet(SPACE, (Observation(SPACE.smallest(), metrics),))
    assert known.quality().key == usual


@pytest.mark.parametrize(
    ("space", "metric"),
    [
        ("small-seq2seq", "valid_bleu"),
        ("small-lm", "valid_bits_per_byte"),
        ("small-encoder", "valid_accuracy"),
    ],
)
def test_a_study_and_labels_without_a_name_mean_the_task_s_first_metric(space, metric):
    assert load_study(None, {"space": space}).quality().key == metric
    assert ObservationSet(spaces.create(space), ()).quality().key == metric


def test_commands_agree_on_the_metric_of_labels_of_language_models(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    known = ["--observations", "reference:lm-code"]
    printed(capsys, "label", "--teacher", "ridge", *known, "--n", 24)
    (said,) = {name for item in read_observations(tmp_path / "labels.jsonl") for name in item.scores["ridge"]}
    shown, _ = printed(capsys, "observations", "show", "reference:lm-code")
    foretold, _ = printed(capsys, "predict", *known, "--architectures", "labels.jsonl", "--predictor", "ridge")
    taught, _ = printed(
        capsys, "predict", "--observations", "labels.jsonl", "--architectures", "labels.jsonl", "--predictor", "ridge"
    )
    judged, _ = printed(capsys, "evaluate", *known, "--predictor", "ridge", "--splits", "random:2", "--draws", 9)
    assert {said, shown["metric"], foretold["metric"], taught["metric"], judged["protocol"]["metric"]} == {
        "valid_bits_per_byte"
    }
    assert not foretold["higher_is_better"]
    assert not taught["higher_is_better"]


def test_a_run_s_winner_and_one_of_many_are_architectures(tmp_path):
    winner, other = SPACE.smallest(), SPACE.largest()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "result.json").write_text(json.dumps({"winner": {"architecture": winner.to_dict()}}))
    write_observations(tmp_path / "two.jsonl", [Observation(winner), Observation(other)])
    (tmp_path / "two").mkdir()
    ObservationSet(SPACE, (Observation(winner), Observation(other))).save(tmp_path / "two")
    assert read_architectures(tmp_path / "run", SPACE) == [winner]
    assert read_architectures(tmp_path / "run" / "result.json", SPACE) == [winner]
    assert read_architectures(f"{tmp_path / 'two.jsonl'}:{other.key[:6]}", SPACE) == [other]
    assert read_architectures(tmp_path / "two", SPACE) == [winner, other]
    assert len(read_architectures("reference:en-de", SPACE)) > 50
    with pytest.raises(UnknownNameError, match="architecture key"):
        read_architectures(f"{tmp_path / 'two.jsonl'}:zzz", SPACE)


def test_labelling_nothing_is_no_success(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    made = make_observations(SPACE, 6)
    write_observations(tmp_path / "few.jsonl", made)
    arguments = ["label", "--teacher", "column:score", "--observations", "few.jsonl", "--n", "3", "--seed", "7"]
    assert main(arguments) == 1
    assert "foretell: nothing was labelled: " in capsys.readouterr().err
