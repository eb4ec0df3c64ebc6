import pytest

from foretell import spaces


@pytest.fixture(scope="session")
def space():
    return spaces.create("small-seq2seq")


@pytest.fixture
def architecture(space):
    return space.smallest()
