"""Ray nodes that share no folder with the driver: what they read comes to them, and what they write goes back."""

import socket
import threading
from collections import Counter

import pytest
import torch

from foretell import spaces
from foretell.machine import torch_threads
from foretell.objectives import InlineExecutor, Job, label_job, run_jobs
from foretell.study import load_study
from foretell.study.jobs import scratch_job, supernet_job
from foretell.training import load_network, load_tensors
from tests.objectives.executors import errands
from tests.objectives.programs import eventually, objective
from tests.toy import pairs

pytest.importorskip("ray", reason="the extra [ray] is not installed; make test-ray has it")
pytestmark = [
    pytest.mark.network,  # processes of its own
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"),
]
RAY = "executor: {name: ray, supernet_processes: 2}\n"
STUDY = """
name: apart
corpus: {name: files, paths: [pairs.tsv], valid_sentences: 16, test_sentences: 16}
vocabulary: 64
supernet: {recipe: {updates: 8, warmup: 4, validate_every: 4, max_tokens: 128, tokens_per_update: 256}}
train: {recipe: {updates: 60, warmup: 4, validate_every: 10, max_tokens: 128}, beam: 1}
"""


@pytest.fixture
def study(apart):
    """Of a corpus that the nodes do not see."""
    lines = "".join(f"{source}\t{target}\n" for source, target in pairs(300))
    (apart.folder / "pairs.tsv").write_text(lines, encoding="utf-8")
    (apart.folder / "study.yaml").write_text(STUDY)
    (apart.folder / "ray.yaml").write_text(STUDY + RAY)
    return load_study(apart.folder / "ray.yaml")


def logged(job, log, **told):
    """The job of a training, whose updates are lines of a file; where it goes away, that goes along."""
    arguments = {"job": job, "log": log, **told}
    return Job(job.title, errands.logged, arguments, together=job.together, away=logged_away)


def logged_away(job, **told):
    found = job.away(**job.arguments)
    arguments = {"function": found.function, "arguments": found.arguments, **told}
    kept = {"folder": found.folder, "reads": found.reads, "together": found.together}
    return Job(job.title, errands.logged_apart, arguments, **kept)


def updates(log):
    """In the order in which they began."""
    return [int(line) for line in log.read_text().splitlines()] if log.exists() else []


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
    found = Counter(updates(logs[1]))
    assert sorted(found) == list(range(30, 60))  # the promotion began where the half had ended
    assert sum(found.values()) - len(found) <= 10  # what lies between two checkpoints
    jobs = [scratch_job(study, architecture, 1, "here", tmp_path / "here", share=share) for share in (0.5, 1.0)]
    with torch_threads(1):
        here = run_jobs(jobs, executor=InlineExecutor())
    assert [half.value["metrics"], full.value["metrics"]] == [each["metrics"] for each in here]
    kept = store / f"{architecture.key}-1"
    assert {path.name for path in kept.glob("[!.]*")} >= {"training.json", "model.safetensors", "observation-30.json"}
    assert load_network(kept / "model.safetensors")[1]["seed"] == 1
    assert not list((tmp_path / "second" / "ray").iterdir())  # it was at work, and has cleared up


def test_nodes_that_see_the_folder_and_nodes_that_do_not_work_side_by_side(cluster, on, apart, tmp_path):
    apart("far")
    folders = [apart.folder / str(number) for number in range(8)]
    with on(cluster, apart.folder / "run") as executor:
        assert executor.slots == 4
        for folder in folders:
            told = {"folder": folder, "count": 4, "pause": 0.2}
            executor.submit(Job(folder.name, errands.claimed_steps, told, folder=folder))
        ended = list(executor.completed())
    assert [(each.value, each.error) for each in ended] == [(4, None)] * 8
    assert [len((folder / "steps").read_text().split()) for folder in folders] == [4] * 8
    assert (tmp_path / "far" / "ray").exists()

    given = apart.folder / "given"
    given.write_text("of the driver")
    smallest, labels = spaces.create("small-seq2seq").smallest(), apart.folder / "run" / "labels"
    command = label_job(objective(apart.folder), smallest, seed=1, fidelity=1.0, folder=labels)
    reading = Job("reads", errands.read, {"path": given}, reads=(given,))
    with on(cluster, apart.folder / "run", resources=apart.resources) as executor:
        handles = [executor.submit(job) for job in (reading, command)]
        found = {each.handle: each for each in executor.completed()}
    assert found[handles[0]].value == "of the driver"
    program = apart.folder / "program.py"
    assert f"{program}, which the command names, does not exist" in str(found[handles[1]].error)


def test_a_supernet_that_two_train_is_the_one_that_two_train_under_torchrun(cluster, on, apart, study, tmp_path, start):
    """Though one of them dies on the way; it is in the driver's store."""
    apart("only")
    log = tmp_path / "updates.log"
    with on(cluster, apart.folder / "run", resources=apart.resources) as executor:
        executor.submit(Job("finds out", errands.double, {"x": 1}))  # that nothing is seen, sooner than two would
        assert [each.value for each in executor.completed()] == [2]
        executor.submit(logged(supernet_job(study), log, dies=6))
        (trained,) = executor.completed()
        assert trained.error is None, trained.error
        times = Counter(updates(log))
        assert times.pop(6) in (2, 3)  # the other may have begun it when one died
        assert times == {0: 2, 1: 2, 2: 2, 3: 2, 4: 4, 5: 4, 7: 2}
    (supernet,) = (apart.folder / "cache" / "supernets").iterdir()
    assert (supernet / "validation.safetensors").exists()
    rank = {"WORLD_SIZE": "2", "LOCAL_RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    words = ("supernet", "train", "--study", apart.folder / "study.yaml")
    for process in [start(*words, cache="torchrun", RANK=str(number), **rank) for number in range(2)]:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    expected = load_tensors(tmp_path / "torchrun" / "supernets" / supernet.name / "model.safetensors").tensors
    found = load_tensors(supernet / "model.safetensors").tensors
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in found)


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]
