import json
import shlex
import signal
import time

import pytest

from foretell import spaces
from foretell.costs import CostModel
from foretell.study.architectures import write_architecture

SPACE = spaces.create("small-seq2seq")

pytestmark = pytest.mark.network

TIMES = {
    "stages",
    "seconds",
    "latency_ms",
    "predicted_latency_ms",
    "interval_ms",
    "predicted_interval_ms",
    "latency_interval_ms",
    "training_seconds",
    "training_cpu_seconds",
    "measuring_cpu_seconds",
}


def timeless(value):
    """A result without what the clock had a part in."""
    if isinstance(value, dict):
        return {key: timeless(item) for key, item in value.items() if key not in TIMES}
    return [timeless(item) for item in value] if isinstance(value, list) else value


def finish(process, code=0):
    out, err = process.communicate(timeout=300)
    assert process.returncode == code, err
    return out, err


def kill_when(process, condition):
    """SIGKILL the run as soon as something shows on the disk; fails if the run ends first."""
    deadline = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()


def count(root, pattern):
    return len(list(root.glob(pattern)))


def lines(path):
    return path.read_bytes().count(b"\n") if path.exists() else 0


def test_a_run_killed_in_every_stage_ends_where_one_left_alone_does_with_any_number_of_threads(
    tmp_path, study_file, start
):
    out, _ = finish(start("search", study_file, "--out", "whole", "--json", cache="a"))
    whole = json.loads(out)
    assert whole == json.loads((tmp_path / "whole" / "result.json").read_text())

    def go_on():
        return start("search", study_file, "--out", "cut", "--resume", cache="b", threads=2)

    cache, run = tmp_path / "b", tmp_path / "cut"
    kill_when(go_on(), lambda: count(cache, "corpora/*/*") > 0 or count(cache, "*/*/vocabulary.model") > 0)
    kill_when(go_on(), lambda: any(lines(path) > 3 for path in cache.glob("latency/*/samples.jsonl")))
    kill_when(go_on(), lambda: count(cache, "supernets/*/state.safetensors") > 0)
    kill_when(go_on(), lambda: lines(run / "search" / "scores.jsonl") > 5)
    trained = count(cache, "trained/*/state.safetensors")
    kill_when(go_on(), lambda: count(cache, "trained/*/state.safetensors") > trained)
    finish(go_on())
    cut = json.loads((run / "result.json").read_text())
    assert timeless(cut) == timeless(whole)
    weights = [(tmp_path / name / "winner" / "model.safetensors").read_bytes() for name in ("whole", "cut")]
    assert weights[0] == weights[1]
    assert whole["constraint_met"]
    assert set(whole["stages"]) == {"corpus", "latency", "supernet", "distil", "search", "train"}

    # A finished run answers from what it has, and its winner translates.
    out, _ = finish(start("search", study_file, "--out", "whole", "--resume", "--json", cache="a"))
    again = json.loads(out)
    # The seconds of trainings and measurements, too: nothing was done again. Looking what is there adds to the stages'.
    assert {**again, "stages": whole["stages"]} == whole
    out, _ = finish(start("translate", "whole", "red old door", "small blue", cache="a"))
    assert len(out.splitlines()) == 2


def test_an_interrupt_ends_with_one_sentence_and_exit_code_130(tmp_path, study_file, start):
    process = start("search", study_file, "--out", "run")
    deadline = time.monotonic() + 120
    while not count(tmp_path / "cache", "supernets/*/state.safetensors") and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = finish(process, 130)
    assert err.splitlines()[-1] == (
        f"foretell: interrupted; what was finished is kept; go on with: foretell search {study_file} --out run --resume"
    )
    assert "Traceback" not in err


def test_an_impossible_latency_is_refused_within_seconds(tmp_path, start):
    began = time.monotonic()
    _, err = finish(start("search", "--constraint", "latency<=0.01ms", "--out", "run"), 3)
    assert time.monotonic() - began < 10
    assert "fastest reachable latency on this device is about" in err
    assert len([line for line in err.splitlines() if line.startswith("foretell:")]) == 1
    assert not (tmp_path / "run").exists()


def test_observations_are_labelled_once_and_more_are_added(tmp_path, study_file, start):
    out, _ = finish(start("train", "--observe", 2, "--study", study_file, "--out", "labels", "--json"))
    first = json.loads(out)["observations"]
    out, _ = finish(start("train", "--observe", 3, "--study", study_file, "--out", "labels", "--resume", "--json"))
    more = json.loads(out)["observations"]
    assert more[:2] == first
    assert lines(tmp_path / "labels" / "observations.jsonl") == 3
    largest = CostModel(SPACE, vocabulary=64).costs(SPACE.population([SPACE.largest()]))
    assert all(item["costs"]["parameters"] <= 0.7 * largest["parameters"][0] for item in more)


def test_one_architecture_of_a_file_is_trained_and_scored_by_the_supernet(tmp_path, study_file, start):
    write_architecture(tmp_path / "arch.yaml", SPACE.smallest())
    out, _ = finish(start("train", "arch.yaml", "--study", study_file, "--out", "mine", "--json"))
    assert json.loads(out)["observations"][0]["metrics"]["test_bleu"] >= 0
    assert (tmp_path / "mine" / "model.safetensors").exists()
    _, err = finish(start("supernet", "score", "arch.yaml", "--study", study_file), 2)
    assert "train it first" in err
    finish(start("supernet", "train", "--study", study_file, "--json"))
    out, _ = finish(start("supernet", "score", "arch.yaml", "--study", study_file, "--json"))
    assert json.loads(out)["scores"][0]["score"] < 0


def test_presets_are_compared_under_one_judge(tmp_path, study_file, start):
    """Caching changes no result; what it saves stands beside what a hybrid saves."""
    arguments = ("search", study_file, "--compare", "hat-as-published,hat,hs-nas-1-15", "--out", "compared", "--json")
    out, _ = finish(start(*arguments))
    published, cached, hybrid = json.loads(out)["rows"]
    assert published["architecture"] == cached["architecture"]
    assert published["supernet_loss"] == cached["supernet_loss"]
    # Every iteration scores its whole population again; only the final ranking asks for what is known.
    assert published["evaluations_run"]["supernet"] == 30 * 12
    assert cached["evaluations_run"]["supernet"] < published["evaluations_run"]["supernet"] / 2
    assert set(hybrid["evaluations_run"]) == {"distilled", "supernet"}
    assert hybrid["evaluations_run"]["supernet"] < cached["evaluations_run"]["supernet"]
    assert min(row["rank"] for row in (published, cached, hybrid)) == 1
    again, _ = finish(start(*arguments, "--resume"))
    assert json.loads(again)["rows"] == json.loads(out)["rows"]
    table, _ = finish(start(*arguments[:-1], "--resume"))
    words = shlex.split(table.splitlines()[-1])
    assert " ".join(words[-5:-3]) == "foretell train"
    best = [row["architecture"] for row in (published, cached, hybrid) if row["rank"] == 1]
    assert json.loads((tmp_path / words[-3]).read_text())["architecture"] in best
