"""Long runs: whether memory stays flat, files stay bounded and a resumed run starts at once; one JSON object on stdout.

Run: .venv/bin/python benchmarks/soak.py [--generations 10000] [--replies 100000]

`search` is `foretell search`'s own loop with a free objective and a tiny population; memory is that of a process
that has imported what the command imports. `ledger` records replies as `foretell label` does. `*_growth` compares the
memory at the end with that after the first tenth. Resumed starts are those of fresh processes, from nothing to the
first new score or question; `*_cpu_s` is the processor's own time, where the machine is busy.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import scipy.linalg
import scipy.optimize  # noqa: F401 - what fitting latencies brings into the process of a search

import foretell.study  # noqa: F401 - what the command imports is in its memory
from foretell import spaces
from foretell.costs import Constraints, CostModel
from foretell.llm import Decoding, Ledger, Reply, Request, Usage, call_key
from foretell.llm.api import ApiModel
from foretell.predictors import Context
from foretell.predictors.base import Prediction, Predictor
from foretell.search import Evolution, Schedule, Scorer, evolve, open_journal
from foretell.spaces import Population, SearchSpace

TINY = Evolution(population=6, parents=2, mutations=2, crossovers=2)
MODEL = ApiModel("soak", "http://127.0.0.1:1/v1")
BATCH = 500


class Free(Predictor):
    """An objective that costs next to nothing, and a look at the memory every so many calls."""

    name, learns = "free", False

    def __init__(self, space: SearchSpace, every: int = 0) -> None:
        super().__init__(Context(space))
        self.every = every
        self.weights = np.random.default_rng(0).normal(size=space.width)
        self.memory: list[float] = []
        self.calls = 0

    def predict(self, population: Population) -> Prediction:
        """A linear function of the genes; one call a generation."""
        self.calls += 1
        if self.every and self.calls % self.every == 0:
            self.memory.append(resident_mb())
        return Prediction((population * self.weights).sum(1))

    def _score(self, population: Population) -> tuple[np.ndarray, None]:
        return self.predict(population).mean, None


def resident_mb() -> float:
    """Memory of this process that is in use now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def growth(memory: list[float]) -> float:
    """The end over the first tenth, less one."""
    return memory[-1] / memory[max(0, len(memory) // 10 - 1)] - 1


def search(path: Path, generations: int, every: int = 0) -> tuple[Free, int]:
    """One search; the objective, and how many architectures it scored."""
    space = spaces.create("small-seq2seq")
    objective = Free(space, every)
    with open_journal(path, space) as journal:
        scorer = Scorer(objective, "free", journal)
        schedule = Schedule.parse(f"free:1-{generations}")
        found = evolve(CostModel(space), Constraints(()), schedule, {"free": scorer}, TINY, seed=1)
    return objective, found.distinct["free"]


def soak_search(path: Path, generations: int) -> dict[str, Any]:
    """All generations, then the same search once more in a fresh process."""
    start = time.perf_counter()
    objective, distinct = search(path, generations, max(1, generations // 50))
    seconds = time.perf_counter() - start
    return {
        "search_generations": generations,
        "search_s": seconds,
        "search_architectures": distinct,
        "search_memory_mb": objective.memory[-1],
        "search_memory_growth": growth(objective.memory),
        "search_file_mb": path.stat().st_size / 1e6,
        "search_file_bytes_an_architecture": path.stat().st_size / distinct,
        **resumed("search", path, generations),
    }


def request(number: int) -> Request:
    """A question of about the length of a compact prompt."""
    prefix = "Architectures and their scores.\n" + "gene: 512 512 1024\n" * 40
    return Request(
        prefix, f"architecture {number}: 1 2 3 4 5 6 7 8 9", Decoding(25, 0.0, None, 1, 5, ()), 0, 0, "soak/1"
    )


def soak_ledger(path: Path, replies: int) -> dict[str, Any]:
    """Record replies, look some up now and then, and open the ledger again in a fresh process."""
    ledger, memory, start = Ledger(path), [], time.perf_counter()
    log = path.with_name(f"{path.name}-wal")
    most_log = 0
    raw = json.dumps({"id": "x" * 30, "choices": [{"message": {"content": "25.31"}}], "usage": {"total_tokens": 900}})
    for number in range(replies):
        asked = request(number)
        reply = Reply(f"{20 + number % 1000 / 100:.2f}", raw, None, Usage(900, 5, 800), 0.2, "fp")
        ledger.record(call_key(MODEL, asked), MODEL, asked, reply, 0.0001)
        if (number + 1) % max(1, replies // 50) == 0:
            ledger.find([call_key(MODEL, request(each)) for each in range(number - BATCH, number)])
            memory.append(resident_mb())
            most_log = max(most_log, log.stat().st_size)
    seconds = time.perf_counter() - start
    ledger.close()
    return {
        "ledger_replies": replies,
        "ledger_s": seconds,
        "ledger_memory_mb": memory[-1],
        "ledger_memory_growth": growth(memory),
        "ledger_file_mb": path.stat().st_size / 1e6,
        "ledger_file_bytes_a_reply": path.stat().st_size / replies,
        "ledger_log_most_mb": most_log / 1e6,
        **resumed("ledger", path, replies),
    }


def resumed(part: str, path: Path, size: int) -> dict[str, float]:
    """What a fresh process takes until it is where the first one ended."""
    command = [sys.executable, __file__, "--again", part, str(path), str(size)]
    start = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return {f"{part}_resumed_s": time.perf_counter() - start, f"{part}_resumed_cpu_s": float(done.stdout)}


def again(part: str, path: Path, size: int) -> None:
    """The fresh process."""
    if part == "search":
        objective, _ = search(path, size)
        assert objective.calls == 0, "it scored again what the journal knows"
    else:
        keys = [call_key(MODEL, request(number)) for number in range(size)]
        assert len(Ledger(path).find(keys)) == size
    print(time.process_time())


def main() -> None:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--generations", type=int, default=10_000)
    parser.add_argument("--replies", type=int, default=100_000)
    parser.add_argument("--again", nargs=3, metavar=("PART", "PATH", "SIZE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.again:
        part, path, size = options.again
        again(part, Path(path), int(size))
        return
    with tempfile.TemporaryDirectory() as folder:
        found = soak_search(Path(folder) / "scores.jsonl", options.generations)
        found |= soak_ledger(Path(folder) / "ledger.sqlite", options.replies)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
