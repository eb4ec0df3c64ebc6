"""The last line of what a command prints names the next one, and that one runs as it stands there."""

import csv
import json
import re
import shlex

import numpy as np
import pytest

import foretell
from foretell import spaces
from foretell.cli import main
from foretell.observations import Observation, write_observations
from foretell.study.architectures import write_architecture
from foretell.testing import make_observations
from tests.llm.fault_server import FaultServer

SPACE = spaces.create("small-seq2seq")
STUDY = """
name: toy
corpus: {name: files, paths: [pairs.tsv], valid_sentences: 16, test_sentences: 16}
vocabulary: 64
constraints: ["params<=70%"]
latency: {samples: 20, finalists: 2}
supernet: {recipe: {updates: 4, warmup: 2, validate_every: 2, max_tokens: 128}}
search: {schedule: "supernet:1-2", evolution: {population: 6, parents: 2, mutations: 2, crossovers: 2}}
train: {recipe: {updates: 4, warmup: 2, validate_every: 2, max_tokens: 128}, beam: 1}
"""
TRIALS = """
space: {name: mine, genes: {width: [1, 2, 4], depth: [1, 2, 3]}}
metric: {name: val_loss, higher_is_better: false}
objective: {command: "python train.py {width} {depth}"}
search: {trials: 5, workers: 1}
"""
PROGRAM = 'import sys\nprint("{\\"val_loss\\": %s}" % (1 / float(sys.argv[1]) + 1 / float(sys.argv[2])))\n'


@pytest.fixture
def place(user_folder):
    """A user's folder, with what the first commands need."""
    (user_folder / "study.yaml").write_text(STUDY)
    (user_folder / "trials.yaml").write_text(TRIALS)
    (user_folder / "train.py").write_text(PROGRAM)
    made = make_observations(SPACE, 24)
    write_observations(user_folder / "trained.jsonl", made)
    said = [Observation(item.architecture, scores={"llm": {"valid_bleu": item.metric("valid_bleu")}}) for item in made]
    write_observations(user_folder / "labels.jsonl", said)
    write_observations(user_folder / "few.jsonl", made[:2])
    write_architecture(user_folder / "mine.yaml", SPACE.smallest())
    with (user_folder / "runs.csv").open("w", newline="") as file:
        rows = [(w, d, 1 / w + 1 / d) for w in (1, 2, 4, 8) for d in (1, 2, 3, 4)]
        csv.writer(file).writerows([("g_width", "g_depth", "val_loss"), *rows])
    return user_folder


def run(capsys, words):
    """What a command prints, of which it is known that it succeeds."""
    code = main(words)
    said = capsys.readouterr()
    assert code == 0, f"{shlex.join(words)}\n{said.err}"
    return said.out


@pytest.fixture
def train(place, start):
    """`run` in a process of its own, whose workers need not import everything anew."""

    def finish(words):
        process = start(*words)
        out, err = process.communicate()
        assert process.returncode == 0, f"{shlex.join(words)}\n{err}"
        return out

    return finish


def next_of(out):
    found = re.search(r": foretell (.+)$", out.strip().splitlines()[-1])
    assert found, out
    return shlex.split(found[1])


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("spaces list", "spaces show"),
        ("corpus write --study study.yaml --out text", "corpus show"),
        ("corpus show --study study.yaml", "check"),
        ("corpus fetch --study study.yaml", "check"),
        ("observations show trained.jsonl", "evaluate"),
        ("evaluate --observations trained.jsonl --predictor ridge --splits random:2 --draws 9", "predict"),
        ("evaluate --observations labels.jsonl --predictor ridge --splits random:2 --draws 9", "predict"),
        ("label --teacher ridge --observations trained.jsonl --n 30 --out more.jsonl", "distill"),
        ("label --teacher ridge --observations trained.jsonl --n 5 --out more.jsonl", "predict"),
        ("label --teacher params --observations trained.jsonl --n 5 --out more.jsonl", "predict"),
        ("distill labels.jsonl --out student", "predict"),
        ("import csv runs.csv --metric val_loss:min --out runs.table", "evaluate"),
    ],
)
def test_the_next_command_runs_as_it_is_printed(place, capsys, first, then):
    following = next_of(run(capsys, shlex.split(first)))
    assert " ".join(following).startswith(then)
    run(capsys, following)


@pytest.mark.network
@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("predict --observations few.jsonl --architectures labels.jsonl", "train labels.jsonl:"),
        ("predict --observations trained.jsonl --architectures reference:en-de", "train reference:en-de:"),
        ("check study.yaml", "search study.yaml"),
        ("search trials.yaml", "predict --observations runs/mine"),
        ("train mine.yaml --study study.yaml", "translate runs/mine"),
        ("train --observe 2 --study study.yaml --out runs/labels", "predict --observations runs/labels"),
    ],
)
def test_what_trains_goes_on_as_it_is_printed(train, first, then):
    following = next_of(train(shlex.split(first)))
    assert " ".join(following).startswith(then)
    if following[0] == "train":
        following += ["--study", "study.yaml"]  # the default study takes minutes
    if "runs/labels" in following:
        following += ["--metric", "valid_loss"]  # after four updates every BLEU is 0
    train(following)


@pytest.mark.network
def test_proposals_begin_a_search_and_a_run_is_an_architecture(train):
    text = "\n\n".join(row.to_text() for row in SPACE.architectures(SPACE.sample(3, np.random.default_rng(5))))
    with FaultServer(says=text) as server:
        out = train(["propose", "--llm", f"{server.url}#fake", "--n", "3", "--rounds", "2"])
        search = next_of(out)
        assert search == ["search", "--space", "small-seq2seq", "--initial", "proposals.jsonl"]
        told = ["--observations", "trained.jsonl", "--n", "3", "--rounds", "2"]
        train(next_of(train(["propose", "--llm", f"{server.url}#fake", *told]))[:])
    out = train([search[0], "study.yaml", *search[1:]])
    use = next_of(out)
    assert use[:2] == ["translate", "runs/toy"]
    train(use)
    assert next_of(train(["report", "runs/toy"])) == use
    assert next_of(train(["report", "runs/toy", "runs/toy"])) == ["report", "runs/toy"]
    train(["predict", "--observations", "trained.jsonl", "--architectures", "runs/toy/result.json"])


@pytest.mark.network
def test_a_study_of_trials_begins_with_what_it_is_given_and_goes_on_without_the_file(place, train, capsys):
    rows = [{"width": 4, "depth": 3}, {"width": 1, "depth": 1}]
    (place / "first.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    use = next_of(train(shlex.split("search trials.yaml --initial first.jsonl")))
    trials = [json.loads(line) for line in (place / "runs" / "mine" / "trials.jsonl").read_text().splitlines()]
    assert [trial["architecture"] for trial in trials[:2]] == rows
    assert len(trials) == 5
    assert next_of(train(["report", "runs/mine"])) == use
    (place / "trials.yaml").write_text(TRIALS.replace("trials: 5", "trials: 6, initial: [{width: 4, depth: 3}]"))
    assert main(["search", "trials.yaml", "--resume"]) == 2
    assert "search.initial" in capsys.readouterr().err
    foretell.load_study("runs/mine").optimize(lambda genes: 1 / genes["width"] + 1 / genes["depth"], n_trials=1)
    assert len((place / "runs" / "mine" / "trials.jsonl").read_text().splitlines()) == 6


@pytest.mark.network
def test_what_was_asked_of_a_language_model_leads_on(place, capsys):
    assert next_of(run(capsys, ["llm", "list"]))[:2] == ["llm", "fetch"]
    with FaultServer() as server:
        asked = ["--observations", "few.jsonl", "--llm", f"{server.url}#fake", "--demonstrations", "2"]
        out = run(capsys, ["llm", "repeatability", *asked, "--n", "3", "--metric", "valid_bleu"])
        predictor = f"llm(model={server.url}#fake)"
        said = ["--predictor", predictor, "--observations", "few.jsonl", "--metric", "valid_bleu"]
        assert next_of(out) == ["evaluate", *said]
        following = next_of(run(capsys, ["llm", "ledger"]))
        assert following[:3] == ["label", "--llm", f"{server.url}#fake"]
        run(capsys, following)


def test_a_space_is_searched(place, capsys):
    assert next_of(run(capsys, shlex.split("spaces show small-seq2seq"))) == ["search", "--space", "small-seq2seq"]
    assert ": foretell " not in run(capsys, shlex.split("spaces show small-lm"))  # which needs a study with a text


@pytest.mark.filterwarnings("default")
def test_a_note_is_said_once(place, capsys):
    with (place / "trained.jsonl").open("a") as file:
        file.write('{"format"')
    assert main(shlex.split("predict --observations trained.jsonl --architectures trained.jsonl")) == 0
    assert capsys.readouterr().err.count("dropped a torn last line (line 25)") == 1


def test_programs_get_no_such_line(place, capsys):
    for words in ("spaces list", "observations show trained.jsonl", "llm list", "spaces show small-seq2seq"):
        assert ": foretell " not in run(capsys, [*shlex.split(words), "--json"])
