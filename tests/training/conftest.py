import pytest

from foretell import spaces
from foretell.tasks.translation import ParallelCorpus, Task
from tests.toy import pairs


@pytest.fixture(scope="session")
def task(tmp_path_factory):
    found = pairs(700)
    corpus = ParallelCorpus("en", "de", found[:600], found[600:650], found[650:], {"name": "reversed words"})
    return Task.of(corpus, 64, tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def space():
    return spaces.create("small-seq2seq")
