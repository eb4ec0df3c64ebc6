"""A task small enough to train on within a test: words that translate one to one, in reverse order."""

import numpy as np
import pytest

from foretell import spaces
from foretell.tasks import ParallelCorpus, Task

WORDS, WORTE = zip(
    *[
        pair.split(":")
        for pair in ["red:rot", "green:grün", "blue:blau", "small:klein", "big:groß", "old:alt", "new:neu", "warm:warm", "cold:kalt", "open:offen", "closed:zu", "left:links", "right:rechts", "first:erste", "last:letzte"]
    ],
    strict=True,
)


def _pairs(n, seed):
    rng = np.random.default_rng(seed)
    found = {}
    while len(found) < n:
        chosen = rng.integers(len(WORDS), size=rng.integers(2, 7))
        found[" ".join(WORDS[i] for i in chosen)] = " ".join(WORTE[i] for i in reversed(chosen))
    return list(found.items())


@pytest.fixture(scope="session")
def task(tmp_path_factory):
    pairs = _pairs(700, 0)
    corpus = ParallelCorpus("en", "de", pairs[:600], pairs[600:650], pairs[650:], {"name": "reversed words"})
    return Task.of(corpus, 64, tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def space():
    return spaces.create("small-seq2seq")
