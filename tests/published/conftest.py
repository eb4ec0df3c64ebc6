"""Published recipes train on the toy task of the training tests."""

from tests.training.conftest import task

__all__ = ["task"]
