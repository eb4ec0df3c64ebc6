"""Ray nodes that share no folder with the driver: what they read comes to them, and what they write goes back."""

import threading
from collections import Counter

import pytest

from foretell import spaces
from foretell.machine import torch_threads
from foretell.objectives import InlineExecutor, Job, label_job, run_jobs
from foretell.study import load_study
from foretell.study.jobs import scratch_job, supernet_job
from foretell.training import load_network
from tests.objectives.executors import errands
from tests.objectives.programs import eventually, objective
from tests.toy import pairs

pytest.importorskip("ray", reason="the extra [ray] is not installed; make test-ray has it")
pytestmark = [
    pytest.mark.network,  # processes of its own
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"),
]
STUDY = """
name: apart
corpus: {name: files, paths: [pairs.tsv], valid_sentences: 16, test_sentences: 16}
vocabulary: 64
supernet: {recipe: {updates: 8, warmup: 4, validate_every: 4, max_tokens: 128}}
train: {recipe: {updates: 60, warmup: 4, validate_every: 10, max_tokens: 128}, beam: 1}
"""


@pytest.fixture
def study(apart):
    """Of a corpus that the nodes do not see."""
    lines = "".join(f"{source}\t{target}\n" for source, target in pairs(300))
    (apart.folder / "pairs.tsv").write_text(lines, encoding="utf-8")
    (apart.folder / "study.yaml").write_text(STUDY)
    return load_study(apart.folder / "study.yaml")


def logged(job, log, pause=0.0):
    """The job of a training, whose updates are lines of a file; where it goes away, that goes along."""
    away = None if job.away is None else logged_away
    return Job(job.title, errands.logged, {"job": job, "log": log, "pause": pause}, away=away)


def logged_away(job, log, pause):
    told = job.away(**job.arguments)
    arguments = {"function": told.function, "arguments": told.arguments, "log": log, "pause": pause}
    return Job(job.title, errands.logged_apart, arguments, folder=told.folder, reads=told.reads)


def updates(log):
    """Pairs of process and update."""
    return [tuple(map(int, line.split())) for line in log.read_text().splitlines()] if log.exists() else []


def test_a_training_whose_node_is_killed_goes_on_from_the_checkpoint_that_was_fetched(
    cluster, on, apart, study, tmp_path
):
    nodes = [apart("first")]
    architecture, logs = spaces.create(study.space).smallest(), [tmp_path / "half.log", tmp_path / "full.log"]
    store = apart.folder / "store"
    with on(cluster, apart.folder / "run", resources=apart.resources) as executor:
        executor.submit(logged(scratch_job(study, architecture, 1, "half", store, share=0.5), logs[0]))
        (half,) = executor.completed()
        assert half.error is None, half.error

        executor.submit(logged(scratch_job(study, architecture, 1, "full", store, share=1.0), logs[1], pause=0.1))

        def kill():
            """In the middle of an interval, once there is a checkpoint of it in the driver's store."""
            if eventually(lambda: len(updates(logs[1])) >= 14):
                nodes[0].kill()
                nodes.append(apart("second"))

        killer = threading.Thread(target=kill)
        killer.start()
        (full,) = executor.completed()
        killer.join()
    assert full.error is None, full.error
    found = Counter(update for _, update in updates(logs[1]))
    assert len({process for process, _ in updates(logs[1])}) == 2
    assert sorted(found) == list(range(30, 60))  # the promotion began where the half had ended
    assert sum(found.values()) - len(found) <= 10  # what lies between two checkpoints
    jobs = [scratch_job(study, architecture, 1, "here", tmp_path / "here", share=share) for share in (0.5, 1.0)]
    with torch_threads(1):
        here = run_jobs(jobs, executor=InlineExecutor())
    assert [half.value["metrics"], full.value["metrics"]] == [each["metrics"] for each in here]
    kept = store / f"{architecture.key}-1"
    assert {path.name for path in kept.glob("[!.]*")} >= {"training.json", "model.safetensors", "observation-30.json"}
    assert load_network(kept / "model.safetensors")[1]["seed"] == 1
    assert not list((tmp_path / "second" / "ray").glob("*"))


def test_a_supernet_trained_apart_is_in_the_drivers_store_and_lends_its_weights(cluster, on, apart, study, tmp_path):
    apart("only")
    smallest = spaces.create(study.space).smallest()
    command = label_job(objective(apart.folder), smallest, seed=1, fidelity=1.0, folder=apart.folder / "run" / "labels")
    with on(cluster, apart.folder / "run", resources=apart.resources) as executor:
        executor.submit(supernet_job(study))
        (trained,) = executor.completed()
        assert trained.error is None, trained.error
        (supernet,) = (apart.folder / "cache" / "supernets").iterdir()
        kept = {path.name for path in supernet.glob("*.safetensors")}
        assert kept >= {"model.safetensors", "validation.safetensors"}

        tuned = scratch_job(study, smallest, 1, "tuned", apart.folder / "tuned", inherit=supernet)
        handles = [executor.submit(job) for job in (tuned, command, Job("writes nothing", errands.double, {"x": 2}))]
        found = {each.handle: each for each in executor.completed()}
    tuned, command, plain = (found[handle] for handle in handles)
    assert tuned.error is None, tuned.error
    assert "inherited" in tuned.value["provenance"]
    assert f"{apart.folder / 'program.py'}, which the command names, does not exist" in str(command.error)
    assert plain.value == 4
    assert not list((tmp_path / "only" / "ray").iterdir())
