"""The six long commands on a study of seconds: how each is called, what it leaves, and what must come out."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foretell import spaces
from foretell.observations import write_observations
from foretell.records import file_sha256
from foretell.study.architectures import write_architecture
from foretell.testing import make_observations
from tests.toy import pairs

STUDY = """
name: toy
corpus: {name: files, paths: [pairs.tsv], valid_sentences: 20, test_sentences: 20}
vocabulary: 64
constraints: ["params<=70%", "flops<=90%"]
latency: {samples: 20, finalists: 1}
supernet: {recipe: {updates: 12, warmup: 4, validate_every: 2, max_tokens: 64}}
distilled: {teacher: supernet, labels: 30}
search: {schedule: "distilled:1-2,supernet:3-5", evolution: {population: 8, parents: 3, mutations: 3, crossovers: 2}}
train: {recipe: {updates: 16, warmup: 4, validate_every: 2, max_tokens: 64}, beam: 1, baselines: []}
"""
CLOCK = {
    "seconds",
    "stages",
    "training_seconds",
    "cpu_seconds",
    "training_cpu_seconds",
    "measuring_cpu_seconds",
    "peak_memory",
    "measured_at",
    "latency_ms",
    "predicted_latency_ms",
    "interval_ms",
    "predicted_interval_ms",
    "latency_interval_ms",
}
"""Keys whose values the clock, or the machine, has a part in: promised to nobody (docs/determinism.md)."""


@dataclass(frozen=True)
class Command:
    """One long command.

    Attributes:
        name: As people call it.
        arguments: What follows `foretell`; the same again goes on after a fault.
        result: What must be the same however often the command was disturbed, from its folder.
        growing: Files (glob patterns) that only ever gain lines.
    """

    name: str
    arguments: tuple[str, ...]
    result: Callable[[Path], Any]
    growing: tuple[str, ...] = ()

    def lines(self, folder: Path) -> dict[str, list[bytes]]:
        """The complete lines of every growing file."""
        found = [path for pattern in self.growing for path in folder.glob(pattern)]
        return {str(path.relative_to(folder)): path.read_bytes().split(b"\n")[:-1] for path in found}


def timeless(value: Any) -> Any:
    """A result without what the clock had a part in."""
    if isinstance(value, dict):
        return {key: timeless(item) for key, item in value.items() if key not in CLOCK}
    return [timeless(item) for item in value] if isinstance(value, list) else value


def prepare(folder: Path) -> None:
    """Write the files that the commands are given."""
    (folder / "pairs.tsv").write_text("".join(f"{a}\t{b}\n" for a, b in pairs(300)), encoding="utf-8")
    (folder / "study.yaml").write_text(STUDY)
    space = spaces.create("small-seq2seq")
    write_architecture(folder / "arch.yaml", space.smallest())
    # As many labels as a prompt shows: it needs none of other tasks.
    write_observations(folder / "shown.jsonl", make_observations(space, 10))


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _rows(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _weights(folder: Path) -> dict[str, str]:
    kept = ("model.safetensors", "validation.safetensors")
    found = sorted(path for name in kept for path in folder.glob(f"cache/*/*/{name}"))
    return {str(path.relative_to(folder)): file_sha256(path) for path in found}


def _search(folder: Path) -> Any:
    scores = {
        (line["predictor"], tuple(row)): score
        for line in _rows(folder / "run/search/scores.jsonl")[1:]
        for row, score in zip(line["rows"], line["scores"], strict=True)
    }
    winner = file_sha256(folder / "run/winner/model.safetensors")
    return [timeless(_json(folder / "run/result.json")), scores, winner, _weights(folder)]


def _observe(folder: Path) -> Any:
    found = {json.dumps(row["architecture"]): timeless(row) for row in _rows(folder / "labels/observations.jsonl")}
    lines = len(_rows(folder / "labels/observations.jsonl"))
    return [_json(folder / "labels/plan.json"), found, lines, _weights(folder)]


def _train(folder: Path) -> Any:
    return [timeless(_json(folder / "one/observation.json")), file_sha256(folder / "one/model.safetensors")]


def _supernet(folder: Path) -> Any:
    records = [timeless(_json(path)) for path in sorted(folder.glob("cache/supernets/*/training.json"))]
    return [records, _weights(folder)]


def _label(folder: Path) -> Any:
    """Labels in any order, each once."""
    return sorted((json.dumps(row["architecture"]), row["scores"]["llm"]) for row in _rows(folder / "labels.jsonl"))


def _latency(folder: Path) -> Any:
    """Which architectures were measured, each once."""
    return sorted(row["architecture_key"] for row in _rows(folder / "latency.jsonl"))


MEASURE = ("latency", "measure", "--n", "12", "--vocabulary", "50", "--length", "3", "--beam", "1", "--width", "0.9")
LABEL = ("label", "--n", "40", "--observations", "shown.jsonl", "--ledger", "ledger.sqlite", "--concurrency", "4")

COMMANDS = {
    command.name: command
    for command in (
        Command(
            "search",
            ("search", "study.yaml", "--out", "run", "--resume"),
            _search,
            ("run/search/*.jsonl", "cache/latency/*/samples.jsonl"),
        ),
        Command("train", ("train", "arch.yaml", "--study", "study.yaml", "--out", "one", "--resume"), _train),
        Command(
            "train --observe",
            ("train", "--observe", "3", "--study", "study.yaml", "--out", "labels", "--resume"),
            _observe,
            ("labels/observations.jsonl",),
        ),
        Command("supernet train", ("supernet", "train", "--study", "study.yaml"), _supernet),
        Command("label", LABEL, _label, ("labels.jsonl",)),
        Command("latency measure", (*MEASURE, "--out", "latency.jsonl"), _latency, ("latency.jsonl",)),
    )
}
