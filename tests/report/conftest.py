"""Two run folders to draw: one made of a real search under cheap predictors, one by the whole of `foretell search`."""

import os

import pytest
import yaml

from foretell import spaces
from foretell.costs import Constraints, CostModel
from foretell.observations import write_observations
from foretell.predictors import Context, create
from foretell.records import write_json
from foretell.report import read_run
from foretell.search import Evolution, Schedule, Scorer, evolve, open_journal
from foretell.study import load_study
from foretell.testing import make_observations
from tests.toy import pairs

SPACE = spaces.create("small-seq2seq")
SCHEDULE = "distilled:1-6,supernet:7-12"
HOSTILE = "<script>alert(1)</script>"
EVOLUTION = {"population": 12, "parents": 4, "mutations": 4, "crossovers": 4}


def trained(architecture, **costs):
    """What `result.json` says of an architecture; the scores are invented, the costs are not."""
    counted = CostModel(SPACE, vocabulary=64).costs(SPACE.population([architecture]))
    return {
        "architecture": architecture.to_dict(),
        "costs": {name: float(value[0]) for name, value in counted.items()} | costs,
        "metrics": {"valid_bleu": 29.0, "test_bleu": 26.5, "valid_loss": 4.9},
        "provenance": {"device": "cpu", "software": {"torch": "2.13"}, "signatures": {"bleu": "nrefs:1"}},
    }


def write_run(folder, name="toy", seed=1, labels=0):
    """A finished run's folder: a real search and its journal, invented training.

    Without labels no predictor is judged, which takes a second and has its own tests.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if labels:
        write_observations(folder / "labels.jsonl", make_observations(SPACE, labels))
    distilled = {"teacher": "regression", "observations": str(folder / "labels.jsonl")}
    corpus = {"name": "files", "paths": [str(folder / "gone.tsv")]}
    changes = {"name": name, "distilled": distilled, "corpus": corpus, "vocabulary": 64}
    study = load_study(None, {**changes, "search": {"schedule": SCHEDULE, "evolution": EVOLUTION, "seed": seed}})
    (folder / "study.yaml").write_text(study.to_yaml(), encoding="utf-8")
    limits = Constraints.parse(["params<=0.4M"])
    with open_journal(folder / "search" / "scores.jsonl", SPACE) as journal:
        context = Context(SPACE, vocabulary=64)
        scorers = {
            each: Scorer(create(by, context=context).fit([]), by, journal)
            for each, by in (("distilled", "params"), ("supernet", "flops"))
        }
        schedule = Schedule.parse(SCHEDULE)
        costs = CostModel(SPACE, vocabulary=64)
        found = evolve(costs, limits, schedule, scorers, Evolution(**EVOLUTION), seed=seed)
    finalists = [
        {
            "architecture": architecture.to_dict(),
            "score": float(score),
            "predicted_latency_ms": 3.3,
            "predicted_interval_ms": [3.1, 3.6],
            "latency_ms": 3.4,
            "interval_ms": [3.3, 3.5],
            "kept": place == 0,
        }
        for place, (architecture, score) in enumerate(
            zip(SPACE.architectures(found.finalists[:3]), found.scores, strict=False)
        )
    ]
    result = {
        "format": 1,
        "name": name,
        "constraint": str(limits),
        "constraint_met": True,
        "winner": trained(found.best, latency_ms=3.4, latency_interval_ms=[3.3, 3.5], predicted_latency_ms=3.3),
        "baselines": {"smallest": trained(SPACE.smallest())},
        "copy_source": {"metrics": {"test_bleu": 8.7}},
        "search": {
            "schedule": SCHEDULE,
            "score": found.score,
            "evaluations_asked": found.asked,
            "evaluations_distinct": found.distinct,
            "history": [vars(each) for each in found.history],
        },
        "finalists": finalists,
        "corpus": {"fingerprint": "c0ffee", "task": "7ea"},
        "stages": {"corpus": 1.0, "latency": 20.0, "supernet": 400.0, "distil": 5.0, "search": 41.0, "train": 96.0},
        "software": {"foretell": "0.1.0", "python": "3.11"},
    }
    write_json(folder / "result.json", result)
    return folder


@pytest.fixture
def run(tmp_path):
    """A folder that a test may damage."""
    return write_run(tmp_path / "runs" / "toy")


@pytest.fixture(scope="session")
def record(tmp_path_factory):
    """What is read of such a folder; nobody changes it."""
    return read_run(write_run(tmp_path_factory.mktemp("runs") / "toy", labels=26))


STUDY = {
    "name": "toy",
    "corpus": {"name": "files", "paths": ["pairs.tsv"], "valid_sentences": 40, "test_sentences": 40},
    "vocabulary": 96,
    "constraints": ["params<=70%", "latency<=95%"],
    "latency": {"samples": 24, "finalists": 2},
    "supernet": {"recipe": {"updates": 40, "warmup": 4, "validate_every": 20, "max_tokens": 256}},
    "distilled": {"teacher": "regression", "observations": "labels.jsonl", "labels": 60},
    "search": {"schedule": SCHEDULE, "evolution": EVOLUTION},
    "train": {"recipe": {"updates": 40, "warmup": 4, "validate_every": 20, "max_tokens": 256}, "beam": 1},
}


@pytest.fixture(scope="session")
def finished(tmp_path_factory, zygotes):
    """The folder of a run of `foretell search` as a user starts it, on sentences that would like to be markup."""
    folder = tmp_path_factory.mktemp("finished")
    lines = [f"{HOSTILE} {source}\t{HOSTILE} {target}\n" for source, target in pairs(700)]
    (folder / "pairs.tsv").write_text("".join(lines), encoding="utf-8")
    write_observations(folder / "labels.jsonl", make_observations(SPACE, 26))
    (folder / "study.yaml").write_text(yaml.safe_dump(STUDY), encoding="utf-8")
    environment = {**os.environ, "FORETELL_CACHE": str(folder / "cache")}
    done = zygotes.started(["search", "study.yaml", "--out", "run"], folder, folder, **environment)
    out, err = done.communicate()
    assert done.returncode == 0, err
    assert "The page of this run: run/report.html" in out
    return folder / "run"
