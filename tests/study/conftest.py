"""A whole study that takes seconds: toy sentences, a few updates, a few architectures."""

import os
import subprocess
import sys

import pytest

from tests.toy import pairs

STUDY = """
name: toy
corpus: {name: files, paths: [pairs.tsv], valid_sentences: 40, test_sentences: 40}
vocabulary: 64
constraints: ["params<=70%", "flops<=90%"]
latency: {samples: 24, finalists: 2}
supernet: {recipe: {updates: 40, warmup: 4, validate_every: 5, max_tokens: 128}}
distilled: {teacher: supernet, labels: 60}
search: {schedule: "distilled:1-3,supernet:4-6", evolution: {population: 12, parents: 4, mutations: 4, crossovers: 4}}
train: {recipe: {updates: 60, warmup: 4, validate_every: 5, max_tokens: 128}, beam: 2}
"""


@pytest.fixture
def study_file(tmp_path):
    (tmp_path / "pairs.tsv").write_text("".join(f"{a}\t{b}\n" for a, b in pairs(700)), encoding="utf-8")
    path = tmp_path / "study.yaml"
    path.write_text(STUDY)
    return path


@pytest.fixture
def foretell(tmp_path):
    """Start the command line as a user would, with a cache folder of its own."""

    def start(*arguments, cache="cache", threads=1, **more):
        environment = {**os.environ, "FORETELL_CACHE": str(tmp_path / cache), "OMP_NUM_THREADS": str(threads)}
        command = [sys.executable, "-m", "foretell", *map(str, arguments)]
        return subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path, **more
        )

    return start
