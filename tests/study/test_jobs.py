import pytest

from foretell import spaces
from foretell.study import StudyConfig
from foretell.study.jobs import scratch_folder
from foretell.tasks.translation import ParallelCorpus, Task
from tests.toy import pairs

SPACE = spaces.create("small-seq2seq")


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    found = pairs(60)
    corpus = ParallelCorpus("en", "de", found[:40], found[40:50], found[50:], {"name": "reversed words"})
    return Task.of(corpus, 40, tmp_path_factory.mktemp("cache"))


def test_what_was_scored_differently_does_not_share_a_folder(task):
    def folder(seed=1, **train):
        return scratch_folder(StudyConfig(train=train), task, SPACE.smallest(), seed)

    folders = [folder(), folder(length_penalty=0.6), folder(length_penalty=0.8), folder(beam=5), folder(seed=2)]
    assert len(set(folders)) == len(folders)
    assert folder(length_penalty=1.0) == folder()
    assert folder(baselines=()) == folder()
