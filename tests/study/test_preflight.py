"""Everything that can be known early is refused before the first second of work."""

import json
import re

import pytest

from foretell import spaces
from foretell.errors import InfeasibleError, InputError, UnknownNameError
from foretell.study import load_study, read_study
from foretell.study.opening import run_trials
from foretell.study.plan import plan_study, plan_trials
from foretell.study.preflight import refuse_early, told_of_data
from tests.toy import pairs


def refused(tmp_path, text):
    path = tmp_path / "study.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        refuse_early(load_study(path))
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("distilled: {teacher: regresion}", "did you mean 'regression'"),
        ("distilled: {teacher: 'stacked(depth, regresion)'}", "did you mean 'regression'"),
        ("distilled: {teacher: embeded}", "did you mean 'embedded'"),
        ("distilled: {teacher: 'ridge(strenght=2)'}", "unknown option 'strenght'"),
        ("distilled: {teacher: 'sandwich:nowhere'}", "the checkpoint nowhere does not exist"),
        ("distilled: {features: hta-bleu}", "hta-bleu"),
        ("distilled: {observations: missing.jsonl}", "missing.jsonl does not exist"),
        ("search: {schedule: 'supernt:1-3'}", "unknown predictor 'supernt' in the schedule"),
        ("search: {race: {predictor: regresion}}", "did you mean 'regression'"),
        ("constraints: ['latency<=0%']", "not between 0 and 100 %"),
        ("constraints: ['params<=1.2.3%']", "not between 0 and 100 %"),
        ("constraints: ['latencyy<=50%']", "unknown cost 'latencyy'"),
        ("corpus: {name: files, paths: [missing.tsv]}", "missing.tsv does not exist"),
        ("device: cuda:77", "the device cuda:77 is not there"),
        ("devices: [cpu, cuda:78]", "the device cuda:78 is not there"),
        ("space: hat-wmt14-en-de", "observations reference:en-de are of the space small-seq2seq"),
        ("task: language_model", "the task language_model needs decoder; .*or task: translation"),
        (
            "{space: small-lm, task: translation}",
            "translation needs encoder_decoder; .*or task: language_model",
        ),
        ("search: {evolution: {population: 10}}", "make them equal"),
    ],
)
def test_what_can_be_known_early_is_said_early(tmp_path, text, says):
    assert re.search(says, refused(tmp_path, text))


def test_a_teacher_without_enough_labels_is_refused(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text("distilled: {teacher: regression, observations: few.jsonl}\nsearch: {schedule: 'distilled:1-3'}")
    space = load_study(None).space
    row = {"format": 1, "space": space, "architecture": spaces.create(space).smallest().to_dict()}
    (tmp_path / "few.jsonl").write_text(json.dumps({**row, "metrics": {"valid_bleu": 3.0}}) + "\n")
    with pytest.raises(InputError, match=r"regression needs at least 3 labelled architectures, and .* has 1"):
        refuse_early(load_study(path))
    (tmp_path / "few.jsonl").write_text(json.dumps({**row, "metrics": {"valid_loss": 3.0}}) + "\n")
    with pytest.raises(InputError, match="have no valid_bleu, which the teacher learns; found valid_loss"):
        refuse_early(load_study(path))


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"search": {"predictor": "distilled", "trials": 6}}, InputError, "distilled learns from 20 labels or more"),
        ({"objective": {"table": "none.jsonl"}}, InputError, "none.jsonl does not exist"),
        ({"objective": {"command": "nosuchprogram {layers} {width}"}}, InputError, "is not on the PATH"),
        ({"constraints": ["params<=1"]}, InfeasibleError, "params"),
    ],
)
def test_trials_that_cannot_work_leave_no_folder(tmp_path, change, error, says):
    study = {
        "space": {"genes": {"layers": [1, 2, 3], "width": [8, 16]}, "costs": {"params": "layers * width"}},
        "metric": {"name": "loss", "higher_is_better": False},
        "objective": {"command": "true {layers} {width}"},
        **change,
    }
    (tmp_path / "study.yaml").write_text(json.dumps(study))
    with pytest.raises(error, match=says):
        run_trials(read_study(tmp_path / "study.yaml"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_plan_says_stages_and_times_and_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setenv("FORETELL_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pairs.tsv").write_text("".join(f"{a}\t{b}\n" for a, b in pairs(400)))
    recipe = "{recipe: {updates: 1000, warmup: 4, max_tokens: 64}}"
    (tmp_path / "study.yaml").write_text(
        "corpus: {name: files, paths: [pairs.tsv], valid_sentences: 20, test_sentences: 20}\nvocabulary: 64\n"
        f"constraints: ['params<=70%']\nsupernet: {recipe}\ntrain: {recipe}\n"
        "search: {schedule: 'supernet:1-3', race: {}}"
    )
    plan = plan_study(load_study(tmp_path / "study.yaml"))
    assert [step.name for step in plan.steps] == ["corpus", "latency", "supernet", "search", "race", "train"]
    timed = {step.name: step.seconds for step in plan.steps}
    assert timed["race"] > 1
    assert timed["train"] == 0  # the race has done it
    assert plan.seconds > timed["race"]
    assert "8 entrants, 2.5 full trainings" in plan.steps[4].about
    study = load_study(tmp_path / "study.yaml", {"search": {}})
    steps = plan_study(study).steps
    assert [step.name for step in steps] == ["corpus", "latency", "race", "train"]  # as the run's stages are called
    assert "smallest" in steps[2].about
    assert not (tmp_path / "runs").exists()


def test_long_sentences_ask_for_larger_batches(tmp_path, monkeypatch):
    monkeypatch.setenv("FORETELL_CACHE", str(tmp_path / "cache"))
    rows = [
        (" ".join(a for a, _ in part), " ".join(b for _, b in part))
        for part in zip(*[iter(pairs(1600))] * 16, strict=True)
    ]
    (tmp_path / "pairs.tsv").write_text("".join(f"{a}\t{b}\n" for a, b in rows))
    (tmp_path / "study.yaml").write_text("corpus: {paths: [pairs.tsv]}\nvocabulary: 64\n")
    study = load_study(tmp_path / "study.yaml")
    told = told_of_data(study, study.make_task())
    small = [each for each in told if each.startswith("An update")]
    found = re.fullmatch(r"An update reads about ([0-3]\.\d) sentence pairs, .*max_tokens: (\d+)\)\.", small[0])
    assert found
    # A hundred pairs are read very often.
    times = re.search(r"A training goes (\d+) times over the corpus", " ".join(told))
    assert times
    assert int(times[1]) > 20
    patient = study.train.recipe.model_copy(update={"patience": 2})
    study = study.model_copy(update={"train": study.train.model_copy(update={"recipe": patient})})
    assert not any("patience" in each for each in told_of_data(study, study.make_task()))
    enough = study.train.recipe.model_copy(update={"max_tokens": int(found[2])})
    study = study.model_copy(update={"train": study.train.model_copy(update={"recipe": enough})})
    assert not any("An update" in each for each in told_of_data(study, study.make_task()))


def test_a_rise_longer_than_the_training_is_told_and_an_unknown_metric_of_the_race_refused(tmp_path):
    (tmp_path / "pairs.tsv").write_text("".join(f"{a}\t{b}\n" for a, b in pairs(100)))
    text = "corpus: {paths: [pairs.tsv]}\nvocabulary: 64\ntrain: {recipe: {updates: 200, warmup: 400}}\n"
    (tmp_path / "study.yaml").write_text(text)
    study = load_study(tmp_path / "study.yaml")
    assert any("a training has 200: lower warmup" in each for each in told_of_data(study, study.make_task()))
    (tmp_path / "study.yaml").write_text(f"{text}search: {{race: {{metric: valid_chrv}}}}\n")
    study = load_study(tmp_path / "study.yaml")
    with pytest.raises(UnknownNameError, match="did you mean 'valid_chrf'"):
        plan_study(study)


def test_a_plan_of_trials_is_as_long_as_those_that_there_are_or_may_be(tmp_path):
    study = {
        "space": {"genes": {"layers": [1, 2, 3], "width": [8, 16]}},
        "metric": {"name": "loss", "higher_is_better": False},
        "objective": {"command": "true {layers} {width}", "time_limit": 60},
        "search": {"trials": 6, "workers": 2},
    }
    (tmp_path / "study.yaml").write_text(json.dumps(study))
    config = read_study(tmp_path / "study.yaml")
    assert plan_trials(config, tmp_path / "run").seconds == 180
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "observations.jsonl").write_text('{"provenance": {"training_seconds": 5}}\n')
    assert plan_trials(config, tmp_path / "run").seconds == 15
