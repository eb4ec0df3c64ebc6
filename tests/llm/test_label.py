"""`foretell label` as people run it: processes, kills, limits, keys."""

import json
import re
import signal
import time
from types import SimpleNamespace

import pytest

from foretell import spaces
from foretell.observations import Observation, read_observations, write_observations
from foretell.predictors.labelling import draw_architectures, label_architectures
from foretell.records import TornLineWarning
from tests.llm.conftest import KEY
from tests.llm.fault_server import truth
from tests.toy import pairs

pytestmark = pytest.mark.network

N = 600


@pytest.fixture
def shown(tmp_path):
    """Ten labelled architectures of the small space, on disk."""
    space = spaces.create("small-seq2seq")
    rows = space.architectures(draw_architectures(space, 10, 99))
    labels = [Observation(a, {"valid_bleu": 20.0 + 1.5 * a["decoder-layer-num"] + i / 10}) for i, a in enumerate(rows)]
    write_observations(tmp_path / "shown.jsonl", labels)
    return tmp_path / "shown.jsonl"


@pytest.fixture
def command(tmp_path, shown):
    def build(server, *more, n=N):
        options = ["--observations", shown, "--n", n, "--out", tmp_path / "labels.jsonl", "--template", "paper"]
        options += ["--llm", f"{server.url}#fake", "--max-usd", 1, "--ledger", tmp_path / "ledger.sqlite", "--json"]
        return ["label", *options, *more]

    return build


@pytest.fixture
def run(start):
    """Runs a command to its end: what it wrote, and its exit code."""

    def finish(command):
        process = start(*command, FORETELL_API_KEY=KEY)
        out, err = process.communicate(120)
        return SimpleNamespace(stdout=out, stderr=err, returncode=process.returncode)

    return finish


def test_killed_three_times_it_ends_complete_and_pays_once(serve, command, run, start, tmp_path):
    faults = ("429", "429-retry-after", "500", "reset", "empty", "not-json", "prose", "nan", "out-of-range")
    server = serve(rate=0.12, faults=faults, seed=7, delay=0.01)
    labels = tmp_path / "labels.jsonl"
    for kill in range(1, 4):
        process = start(*command(server), FORETELL_API_KEY=KEY)
        deadline = time.monotonic() + 60
        while server.succeeded < kill * 100 and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    done = run(command(server))
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["labels"] == N
    found = read_observations(labels)
    assert len({item.architecture for item in found}) == N == len(found)
    assert all(20 <= item.score("llm") < 30 for item in found)
    # At most the calls in flight at a kill are paid for and not kept: 32 each time.
    assert N <= server.succeeded <= N + 3 * 32
    _right(server, found)
    calls = server.calls
    began = time.monotonic()
    again = run([*command(server), "--offline"])
    assert json.loads(again.stdout)["new"] == 0
    labels.unlink()
    offline = json.loads(run([*command(server), "--offline"]).stdout)
    assert (offline["labels"], offline["calls"]) == (N, 0)
    assert server.calls == calls
    assert time.monotonic() - began < 60
    assert {i.architecture: i.scores for i in read_observations(labels)} == {i.architecture: i.scores for i in found}


def _right(server, found):
    """Every label is the server's right answer to a question that ended like it."""
    wanted = {float(truth(prompt.rstrip("\n").split("\n")[-1])) for prompt in server.answers}
    assert {item.score("llm") for item in found} <= wanted


def test_a_limit_stops_it_with_exit_code_four_and_it_goes_on(serve, command, run, tmp_path):
    server = serve()
    stopped = run([*command(server, n=40), "--max-tokens", "20000"])
    assert stopped.returncode == 4
    assert "raise the limit and run the same command again" in stopped.stderr
    assert "Traceback" not in stopped.stderr
    kept = len(read_observations(tmp_path / "labels.jsonl"))
    assert 0 < kept < 40
    done = run(command(server, n=40))
    assert json.loads(done.stdout)["labels"] == 40
    assert server.succeeded == 40


def test_naming_the_language_model_as_the_teacher_asks_the_one_that_is_given(serve, command, run):
    server = serve()
    done = run(command(server, "--teacher", "LLM", n=5))
    assert done.returncode == 0, done.stderr
    assert server.succeeded == 5


def test_the_key_is_found_nowhere(serve, command, run, tmp_path):
    crashing = serve(echo_key=True)
    plain = run(command(crashing, n=5))
    debug = command(crashing, n=5)
    debug.insert(0, "--debug")
    crash = run(debug)
    assert "Traceback" in crash.stderr
    assert plain.returncode != 0
    fine = run(command(serve(), n=5))
    assert fine.returncode == 0
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    said = [text.encode() for each in (plain, crash, fine) for text in (each.stdout, each.stderr)]
    for secret in (KEY, KEY.lower(), KEY[8:]):
        assert not any(secret.encode() in data for data in [*written, *said])


def test_another_teacher_may_not_write_into_the_same_file(serve, command, run):
    server = serve()
    assert run(command(server, n=5)).returncode == 0
    other = run([*command(server, n=5), "--seed", "1"])
    assert other.returncode == 2
    assert "labels of another teacher" in other.stderr


def test_another_style_is_another_teacher(serve, command, run):
    server = serve()
    assert run(command(server, n=5)).returncode == 0
    assert run([*command(server, n=5), "--style", "chat"]).returncode == 0
    assert server.succeeded == 5
    other = run([*command(server, n=5), "--style", "raw"])
    assert other.returncode == 2
    assert "labels of another teacher" in other.stderr


def test_any_predictor_can_teach(shown, run, tmp_path):
    out = tmp_path / "labels.jsonl"
    command = ["label", "--teacher", "regression", "--observations", str(shown)]
    done = run([*command, "--n", "50", "--out", str(out), "--json"])
    assert json.loads(done.stdout)["labels"] == 50, done.stderr
    assert read_observations(out)[0].provenance["teacher"] == "regression"


def test_the_prompt_can_be_read_before_anything_is_paid(serve, command, run, tmp_path):
    server = serve()
    shown = run([*command(server, n=5), "--show-prompt"])
    told = json.loads(shown.stdout)
    assert told["prompt"].endswith("BLEU: ")
    assert 0 < told["shared_tokens"] < told["tokens"]
    assert server.calls == 0
    assert not (tmp_path / "labels.jsonl").exists()


def test_without_demonstrations_it_says_what_to_do(run):
    command = ["label", "--space", "hat-wmt14-en-de", "--n", "5"]
    done = run(command)
    assert done.returncode == 2
    assert "reference:en-de holds those of small-seq2seq; give some with --observations" in done.stderr


def test_the_demonstrations_of_the_study_are_the_default(run):
    command = ["label", "--teacher", "regression", "--n", "5", "--json"]
    done = run(command)
    assert json.loads(done.stdout)["labels"] == 5
    assert "note: the demonstrations are the first 10 of reference:en-de" in done.stderr


def test_task_examples_come_from_the_training_split_of_the_study(run, tmp_path, shown):
    (tmp_path / "pairs.tsv").write_text("".join(f"{a}\t{b}\n" for a, b in pairs(700)), encoding="utf-8")
    study = tmp_path / "study.yaml"
    study.write_text("corpus: {name: files, paths: [pairs.tsv], valid_sentences: 40, test_sentences: 40}")
    options = ["--study", study, "--observations", shown, "--template", "paper", "--show-prompt", "--json"]
    command = ["label", "--llm", "http://127.0.0.1:9/v1#fake", *options]
    first, second, other = (run([*command, "--seed", seed]) for seed in "112")
    assert first.stdout == second.stdout != other.stdout, first.stderr
    prompt = json.loads(first.stdout)["prompt"]
    said = re.findall("Input: (.*)\nOutput: (.*)\n", prompt)
    assert len(said) == 5
    train = next(tmp_path.glob("cache/corpora/*/train.tsv")).read_text(encoding="utf-8")
    assert all(f"{source}\t{target}\n" in train for source, target in said)
    assert "trained on the files (en to de) task" in prompt


def test_drawn_architectures_are_distinct_and_a_larger_draw_only_adds():
    space = spaces.create("small-seq2seq")
    few, many = draw_architectures(space, 50, 3), draw_architectures(space, 400, 3)
    assert (many[:50] == few).all()
    assert len({row.tobytes() for row in many}) == 400


def test_labels_are_resumed_after_a_torn_line(tmp_path):
    from foretell import predictors

    space = spaces.create("small-seq2seq")
    rows = draw_architectures(space, 12, 0)
    known = [Observation(a, {"valid_bleu": 20.0 + i}) for i, a in enumerate(space.architectures(rows[:4]))]
    teacher = predictors.create("depth", space=space).fit(known)
    path = tmp_path / "labels.jsonl"
    about = {"name": "depth", "metric": "valid_bleu", "provenance": {"key": "k"}}
    assert label_architectures(teacher, rows, path, **about).new == 12
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    with pytest.warns(TornLineWarning):
        assert label_architectures(teacher, rows, path, **about).new == 1
    assert path.read_bytes() == whole
