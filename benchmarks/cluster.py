"""A Ray cluster of several nodes on this machine: trainings whose nodes are killed, and ten thousand looked-up labels.

`trainings`: 24 small trainings on four nodes, two of which are killed in the middle and replaced; then the same in this
process. Every label once, the same bit for bit, and no update done again beyond the last checkpoint (every tenth).
With --apart the nodes are in mount namespaces that hide the driver's folder, with corpus and store (Linux, as root).
`labels`: labels of a table, by `run_jobs` and by `Study.optimize`: how many a second, and the driver's part of that.

Run: python benchmarks/cluster.py trainings|labels [--apart] [--n N] [--out results/cluster-trainings.csv]
"""

from __future__ import annotations

import argparse
import csv
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)  # nodes are processes of their own
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

import numpy as np

import foretell
from foretell.machine import torch_threads
from foretell.objectives import (
    Executor,
    ExecutorSettings,
    InlineExecutor,
    Job,
    TableObjective,
    label_job,
    make_executor,
    run_jobs,
)
from foretell.observations import Observation

STUDY = """
name: cluster
corpus: {name: files, paths: [PAIRS], valid_sentences: 64, test_sentences: 64}
vocabulary: 64
train: {recipe: {updates: 60, warmup: 10, validate_every: 10, max_tokens: 256}, beam: 1}
"""

WORDS = "red green blue small big old new warm cold open closed left right first last"
SIZE = {"object_store_memory": 80 << 20}
TABLE = ("by", "labels", "nodes", "seconds", "labels_per_second", "driver_ms_per_label")
TRAININGS = (
    "trainings",
    "folder",
    "nodes",
    "killed",
    "labels",
    "identical",
    "begun",
    "updates",
    "again",
    "most_again",
    "seconds",
)


@contextmanager
def nodes(count: int) -> Iterator[Any]:
    """A cluster with a head that has no room for jobs, and nodes with room for one each."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **SIZE})
    try:
        for _ in range(count):
            cluster.add_node(num_cpus=1, **SIZE)
        yield cluster
    finally:
        cluster.shutdown()


class Apart:
    """A head without room for jobs, and nodes of one place each that do not see a folder, on the cluster's terms."""

    def __init__(self, head: Any, hidden: Path, count: int) -> None:
        self.address, self._hidden, self._begun = head.address, hidden, 0
        self.worker_nodes: list[subprocess.Popen[bytes]] = []
        self.by_cache: dict[str, subprocess.Popen[bytes]] = {}
        for number in range(count):
            self.add_node()
            while len(head.global_state.node_table()) <= number + 1:
                time.sleep(0.1)

    def add_node(self, **_: Any) -> None:
        """Start a node; it dies with its namespace."""
        cache = self._hidden.parent / f"node-{self._begun}"
        self._begun += 1
        ray = [str(Path(sys.executable).with_name("ray")), "start", f"--address={self.address}", "--num-cpus=1"]
        ray += [f"--object-store-memory={80 << 20}", "--block"]
        hide = 'mount -t tmpfs none "$1" && shift && exec "$@"'
        words = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c", hide, "sh"]
        environment = {**os.environ, "FORETELL_CACHE": str(cache)}
        started = subprocess.Popen([*words, str(self._hidden), *ray], env=environment, stdout=subprocess.DEVNULL)
        self.worker_nodes.append(started)
        self.by_cache[str(cache)] = started

    def remove_node(self, node: subprocess.Popen[bytes], **_: Any) -> None:
        """Kill all of a node at once."""
        self.worker_nodes.remove(node)
        self.by_cache = {cache: each for cache, each in self.by_cache.items() if each is not node}
        node.kill()
        node.wait()


def on(cluster: Any, folder: Path, **more: Any) -> Executor:
    """The cluster's executor."""
    return make_executor(ExecutorSettings(name="ray", address=cluster.address, **more), folder)


# ---- trainings


def watched(job: Job, log: Path) -> Any:
    """A training that tells each of its updates."""
    return watched_apart(job.function, job.arguments, log)


def watched_away(job: Job, log: Path) -> Job:
    """The same, taking along what the training does."""
    assert job.away is not None
    away = job.away(**job.arguments)
    arguments = {"function": away.function, "arguments": away.arguments, "log": log}
    return Job(job.title, watched_apart, arguments, folder=away.folder, reads=away.reads)


def watched_apart(function: Any, arguments: dict[str, Any], log: Path) -> Any:
    """See `watched`."""
    from foretell.training import loop

    update, node = loop._Run._update, os.environ.get("FORETELL_CACHE", "")  # processes of two nodes may have one number

    def told(self: Any, number: int) -> tuple[float, int]:
        with log.open("a") as file:
            file.write(f"{node}-{os.getpid()} {number}\n")
        return update(self, number)

    loop._Run._update = told  # type: ignore[method-assign]
    try:
        return function(**arguments)
    finally:
        loop._Run._update = update  # type: ignore[method-assign]


def trainings(count: int, *, apart: bool = False) -> list[dict[str, Any]]:
    """Train on the cluster and here; the row of the table."""
    from foretell import spaces
    from foretell.study import load_study
    from foretell.study.jobs import scratch_job

    with tempfile.TemporaryDirectory() as name, nodes(0 if apart else 4) as head:
        folder = Path(name) / "driver"
        folder.mkdir()
        os.environ["FORETELL_CACHE"] = str(folder / "cache")
        cluster = Apart(head, folder, 4) if apart else head
        write_pairs(folder / "pairs.tsv")
        (folder / "study.yaml").write_text(STUDY.replace("PAIRS", str(folder / "pairs.tsv")))
        study = load_study(folder / "study.yaml")
        space = spaces.create(study.space)
        rows = np.unique(space.canonical(space.sample(4 * count, np.random.default_rng(0))), axis=0)
        chosen = space.architectures(np.random.default_rng(1).permutation(rows)[:count])

        def train(where: str, executor: Executor, on_done: Any = None) -> list[Any]:
            jobs = [scratch_job(study, each, 1, each.key, store=folder / where) for each in chosen]
            logs = [Path(name) / where / f"{each.key}.log" for each in chosen]
            pairs = zip(jobs, logs, strict=True)
            told = [Job(job.title, watched, {"job": job, "log": log}, away=watched_away) for job, log in pairs]
            return run_jobs(told, executor=executor, on_done=on_done)

        def replace(*_: object) -> None:
            """Put another node in the place of one that was killed."""
            if len(cluster.worker_nodes) < 4:
                cluster.add_node(num_cpus=1, **SIZE)

        for where in ("ray", "here"):
            (Path(name) / where).mkdir()
        moments = (count // 5, count // 2)
        killer = threading.Thread(target=kill_nodes, args=(cluster, Path(name) / "ray", moments), daemon=True)
        killer.start()
        start = time.monotonic()
        found = train("ray", on(cluster, folder / "run"), replace)
        seconds = time.monotonic() - start
        killer.join()
        logs = [(Path(name) / "ray" / f"{each.key}.log").read_text().split("\n")[:-1] for each in chosen]
        with torch_threads(1):
            alone = train("here", InlineExecutor())
        for node in list(cluster.worker_nodes) if apart else ():
            cluster.remove_node(node)
    begun = [len({line.split()[0] for line in log}) for log in logs]
    again = [sum(times - 1 for times in Counter(line.split()[1] for line in log).values()) for log in logs]
    row = {
        "trainings": count,
        "folder": "of the driver alone" if apart else "shared",
        "nodes": 4,
        "killed": 2,
        "labels": len({str(each["architecture"]) for each in found}),
        "identical": sum(a["metrics"] == b["metrics"] for a, b in zip(found, alone, strict=True)),
        "begun": sum(begun),
        "updates": sum(map(len, logs)),
        "again": sum(again),
        "most_again": max(again),
        "seconds": round(seconds),
    }
    return [row]


def kill_nodes(cluster: Any, folder: Path, moments: tuple[int, ...]) -> None:
    """After so many trainings have begun, kill the node of one that is under way."""
    for begun in moments:
        node = None
        while node is None:
            time.sleep(0.02)
            logs = [path.read_text().split("\n")[:-1] for path in folder.glob("*.log")]
            for log in logs if len(logs) >= begun else []:
                if 15 <= len(log) <= 45:
                    node = node or node_of(cluster, log[-1].split()[0])
        cluster.remove_node(node, allow_graceful=False)
        print("killed a node", flush=True)


def node_of(cluster: Any, worker: str) -> Any:
    """The node of a worker, by its cache folder and its process."""
    cache, _, process = worker.rpartition("-")
    if isinstance(cluster, Apart):
        return cluster.by_cache.get(cache)
    nodes = {each.all_processes["raylet"][0].process.pid: each for each in cluster.worker_nodes}
    return nodes.get(parent(int(process)))


def parent(process: int) -> int:
    """Of a worker: its node's."""
    try:
        return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def write_pairs(path: Path) -> None:
    """Sentences of few words, and the same turned round."""
    rng, words = np.random.default_rng(0), np.array(WORDS.split())
    found = {" ".join(rng.choice(words, rng.integers(2, 7))) for _ in range(3000)}
    lines = (f"{text}\t{' '.join(word[::-1] for word in reversed(text.split()))}\n" for text in sorted(found))
    path.write_text("".join(lines), encoding="utf-8")


# ---- labels of a table


def labels(count: int) -> list[dict[str, Any]]:
    """Look labels up; the rows of the table."""
    rng, rows = np.random.default_rng(0), []
    space = foretell.SearchSpace({f"gene{number}": list(range(8)) for number in range(8)})
    some = np.unique(space.canonical(space.sample(4 * count, rng)), axis=0)
    architectures = space.architectures(rng.permutation(some)[: 2 * count])
    table = TableObjective(Observation(each, {"value": rng.random()}) for each in architectures)
    with nodes(2) as cluster, tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        def measured(by: str, work: Any) -> None:
            start, spent = time.monotonic(), driver_seconds()
            assert work() == count
            seconds, spent = time.monotonic() - start, driver_seconds() - spent
            row = dict(zip(TABLE, (by, count, 2, round(seconds, 1)), strict=False))
            rows.append(
                {
                    **row,
                    "labels_per_second": round(count / seconds),
                    "driver_ms_per_label": round(1000 * spent / count, 2),
                }
            )

        def by_jobs() -> int:
            jobs = [label_job(table, each, seed=1, fidelity=1.0, folder=folder) for each in architectures[:count]]
            found = run_jobs(jobs, executor=on(cluster, folder / "jobs"))
            return len({str(each["architecture"]) for each in found})

        def by_study() -> int:
            settings = {"metric": "value", "direction": "minimize", "algorithm": "random"}
            study = foretell.create_study(space, storage=folder / "study", **settings)
            study.optimize(table, n_trials=count, executor=on(cluster, folder / "study", slots=200))
            return len({trial.architecture for trial in study.trials})

        measured("run_jobs", by_jobs)
        measured("Study.optimize", by_study)
    return rows


def driver_seconds() -> float:
    """Processor time of this process so far, with what the kernel did for it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Print and write the table."""
    parser = argparse.ArgumentParser(prog="python benchmarks/cluster.py", description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("trainings", "labels"))
    parser.add_argument("--apart", action="store_true", help="trainings on nodes that see no folder of the driver's")
    parser.add_argument("--n", type=int, help="trainings (24), or labels (10000)")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    rows = (
        trainings(options.n or 24, apart=options.apart) if options.what == "trainings" else labels(options.n or 10000)
    )
    for row in rows:
        print(row, flush=True)
    if options.out:
        with options.out.open("w", newline="") as file:
            print(f"# python benchmarks/cluster.py {' '.join(sys.argv[1:])}", file=file)
            table = csv.DictWriter(file, TRAININGS if options.what == "trainings" else TABLE)
            table.writeheader()
            table.writerows(rows)


if __name__ == "__main__":
    main()
