"""A whole study that takes seconds: toy sentences, a few updates, a few architectures."""

import pytest

from tests.toy import pairs

STUDY = """
name: toy
corpus: {name: files, paths: [pairs.tsv], valid_sentences: 16, test_sentences: 16}
vocabulary: 64
constraints: ["params<=70%", "flops<=90%"]
latency: {samples: 20, finalists: 2}
supernet: {recipe: {updates: 16, warmup: 4, validate_every: 4, max_tokens: 128}}
distilled: {teacher: supernet, labels: 40}
search: {schedule: "distilled:1-3,supernet:4-6", evolution: {population: 12, parents: 4, mutations: 4, crossovers: 4}}
train: {recipe: {updates: 20, warmup: 4, validate_every: 4, max_tokens: 128}, beam: 2}
"""


@pytest.fixture
def study_file(tmp_path):
    (tmp_path / "pairs.tsv").write_text("".join(f"{a}\t{b}\n" for a, b in pairs(700)), encoding="utf-8")
    path = tmp_path / "study.yaml"
    path.write_text(STUDY)
    return path
