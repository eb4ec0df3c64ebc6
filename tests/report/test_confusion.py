"""Which classes were taken for which, as the page tells it."""

from types import SimpleNamespace

import pytest

from foretell.errors import IntegrityError
from foretell.report.examples import Confusion, confusion_of
from foretell.report.tables import confusion
from foretell.study import StudyConfig


def table(classes, matrix):
    return confusion(SimpleNamespace(confusion=Confusion(classes=classes, matrix=matrix)))


def test_few_classes_are_a_matrix():
    found = table(("a", "b"), ((3, 1), (0, 5)))
    assert found.header == ["class", "texts", "right, %", "a", "b"]
    assert found.rows == [["a", "4", "75.00", "3", "1"], ["b", "5", "100.00", "0", "5"]]


def test_many_classes_tell_what_each_was_taken_for_most():
    count = 13
    matrix = [[9 if row == column else 0 for column in range(count)] for row in range(count)]
    matrix[0][1], matrix[0][2] = 1, 4
    found = table(tuple(map(str, range(count))), tuple(map(tuple, matrix)))
    assert found.header[-1] == "taken for"
    assert found.rows[0] == ["0", "14", "64.29", "2 4, 1 1"]
    assert found.rows[1] == ["1", "9", "100.00", ""]


def test_other_tasks_have_none_and_a_damaged_file_is_named(tmp_path):
    assert confusion_of(tmp_path, StudyConfig()) is None
    (tmp_path / "winner").mkdir()
    (tmp_path / "winner" / "confusion.json").write_text('{"classes": 3, "matrix": []}')
    with pytest.raises(IntegrityError, match="holds no confusion matrix"):
        confusion_of(tmp_path, StudyConfig(task="classification"))
