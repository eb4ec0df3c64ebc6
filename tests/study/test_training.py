"""Real trainings of toy networks: what is planned, what is repeated, what comes out again."""

import json
import os

import pytest

from foretell import spaces
from foretell.errors import InputError, IntegrityError, UnknownNameError
from foretell.locks import lock_file
from foretell.observations import read_observations, write_observations
from foretell.study import load_study, repeat_observations, split_source, train_observations
from foretell.testing import make_observations

SPACE = spaces.create("small-seq2seq")


def test_a_source_with_a_key_is_taken_apart(tmp_path):
    source, key, study = split_source("reference:en-de:1d38")
    assert (source, key) == ("reference:en-de", "1d38")
    assert load_study(study).constraints == ()
    assert split_source("reference:en-de")[1] is None
    file = tmp_path / "labels.jsonl"
    file.touch()
    assert split_source(str(file)) == (str(file), None, None)
    assert split_source(f"{file}:abc") == (str(file), "abc", None)
    with pytest.raises(UnknownNameError, match="did you mean 'en-de'"):
        split_source("reference:en-dd")
    with pytest.raises(InputError, match="leave the colon out to repeat all records"):
        split_source("reference:en-de:")


@pytest.mark.network
def test_a_campaign_is_planned_trained_repeated_and_comes_out_again(study_file, tmp_path, monkeypatch, start):
    monkeypatch.setenv("FORETELL_CACHE", str(tmp_path / "cache"))
    # Trained for long enough that seeds differ in their labels.
    text = (
        study_file.read_text().replace('["params<=70%", "flops<=90%"]', "[]").replace("sentences: 16", "sentences: 40")
    )
    study_file.write_text(
        text.replace("updates: 20, warmup: 4, validate_every: 4", "updates: 60, warmup: 4, validate_every: 5")
    )
    study = load_study(study_file)
    out = tmp_path / "labels"

    def train(*options):
        """In processes that have imported torch already; what was made is then read in this one."""
        process = start("train", *options, "--study", study_file, "--resume", "--json")
        _, said = process.communicate()
        assert process.returncode == 0, said

    random = {"design": "random", "noise": 1, "resume": True}
    options = ("--design", "random", "--noise", 1, "--out", out)
    train("--observe", 3, *options)
    found = train_observations(study, 3, out, **random)
    keys = [item.architecture.key for item in found]
    assert keys[:2] == [SPACE.smallest().key, SPACE.largest().key]
    assert len(set(keys)) == 3
    assert [(key, item.provenance["seed"]) for key, item in zip(keys[3:], found[3:], strict=True)] == [
        (keys[2], 2),
        (keys[2], 3),
    ]
    assert found[2].metrics != found[3].metrics

    train("--observe", 4, *options)
    more = train_observations(study, 4, out, **random)
    assert [item.to_dict() for item in more if item in found] == [item.to_dict() for item in found]
    lines = (out / "observations.jsonl").read_text().splitlines()
    assert len(lines) == 6

    for options, said in (
        ({"design": "d-optimal", "noise": 1}, r"another --design \(random\)"),
        ({"design": "random", "noise": 1, "draw": 5}, r"another --draw \(1\)"),
        ({"design": "random", "noise": 1, "without": more}, "another --without;"),
        ({"design": "random"}, r"another --noise \(1\)"),
    ):
        with pytest.raises(InputError, match=said):
            train_observations(study, 5, out, resume=True, **options)

    # What an earlier version planned is gone on with, and told from then on.
    plan = json.loads((out / "plan.json").read_text())
    (out / "plan.json").write_text(json.dumps(plan["architectures"]))
    train_observations(study, 4, out, **random)
    assert json.loads((out / "plan.json").read_text()) == plan
    (out / "plan.json").write_text('{"architectures": 3}')
    with pytest.raises(IntegrityError, match=r"plan\.json is no plan"):
        train_observations(study, 4, out, **random)
    (out / "plan.json").write_text(json.dumps(plan))

    train("--observe", 4, "--design", "random", "--draw", 5, "--without", out / "observations.jsonl", "--out", "apart")
    apart = train_observations(study, 4, tmp_path / "apart", design="random", draw=5, without=more, resume=True)
    assert {item.architecture.key for item in apart} & {item.architecture.key for item in more} == set(keys[:2])

    records = read_observations(out / "observations.jsonl")
    train("--repeat", f"{out / 'observations.jsonl'}:{keys[2]}", "--out", "again")
    (again,) = repeat_observations(study, records, keys[2], tmp_path / "again", resume=True)
    assert again.difference == 0.0
    assert again.agrees
    assert "times the label noise" in str(again)
    assert (tmp_path / "again" / "trained").is_dir()

    with pytest.raises(InputError, match="no record has the key 'zzz'"):
        repeat_observations(study, records, "zzz", tmp_path / "none")
    other = study.model_copy(update={"vocabulary": 60})
    with pytest.raises(InputError, match="give the study with the same corpus and vocabulary"):
        repeat_observations(other, records, keys[2], tmp_path / "other")
    other = study.model_copy(update={"train": study.train.model_copy(update={"beam": 3})})
    with pytest.raises(InputError, match=r"was made with beam 2; the study's is 3: give the study with the same tr"):
        repeat_observations(other, records, keys[2], tmp_path / "other")


@pytest.mark.network
def test_columns_are_added_beside_labels(study_file, tmp_path, start):
    def run(*command):
        process = start(*command)
        return (*process.communicate(), process.returncode)

    file = tmp_path / "labels.jsonl"
    write_observations(file, make_observations(SPACE, 3))
    for command in (
        ["supernet", "train", "--study", study_file],
        ["observations", "score", file, "--study", study_file, "--predictor", "supernet-sandwich,synflow"],
        ["observations", "measure", file, "--study", study_file],
    ):
        _, said, code = run(*command)
        assert code == 0, said
    for item in read_observations(file):
        assert {"supernet-sandwich", "synflow"} <= set(item.scores)
        assert set(item.provenance["scored_with"]) == set(item.scores) - {"score"}
        assert item.cost("latency_ms_low") <= item.cost("latency_ms") <= item.cost("latency_ms_high")
        assert "setting" in item.provenance["latency"]
    with lock_file(file):
        _, said, code = run("observations", "measure", file, "--study", study_file)
    assert f"in use by process {os.getpid()}" in said
    assert code == 2
    shown = json.loads(run("observations", "show", file, "--metric", "valid_bleu", "--json")[0])
    assert shown["architectures"] == 3
    assert shown["noise"] is None
    _, said, code = run("observations", "score", file, "--study", study_file, "--predictor", "regression")
    assert "cannot score without labels" in said
    assert code == 2
