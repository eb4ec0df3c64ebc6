import numpy as np
import pytest

from foretell.costs import CostModel
from foretell.errors import IntegrityError
from foretell.report.seen import read_seen
from foretell.search import open_journal
from tests.report.conftest import SPACE

COSTS = CostModel(SPACE, vocabulary=64)


@pytest.fixture
def journal(tmp_path):
    """Two predictors; the second one abstains once and shares two rows with the first."""
    rows = SPACE.canonical(SPACE.sample(6, np.random.default_rng(0)))
    path = tmp_path / "scores.jsonl"
    with open_journal(path, SPACE) as opened:
        opened.append("key of b", rows[:4], np.array([1.0, 2.0, 3.0, 4.0]))
        opened.append("key of a", rows[2:], np.array([10.0, np.nan, 30.0, 40.0]))
    return path, rows


def test_each_architecture_stands_once_with_what_every_predictor_said(journal):
    path, rows = journal
    seen = read_seen(path, ("b", "a"), COSTS)
    assert np.array_equal(seen.population, rows)
    assert seen.scores["b"][:4].tolist() == [1, 2, 3, 4]
    assert seen.scored("a").tolist() == [2, 4, 5]
    assert seen.score("a", SPACE.architecture(rows[5])) == 40
    assert seen.score("a", SPACE.architecture(rows[3])) is None
    assert seen.score("b", SPACE.architecture(rows[5])) is None
    assert seen.score("c", SPACE.architecture(rows[5])) is None
    assert seen.row(SPACE.largest()) is None


def test_nothing_seen_beats_the_front(run):
    seen = read_seen(run / "search" / "scores.jsonl", ("distilled", "supernet"), COSTS)
    cost = seen.costs[seen.abscissa]
    for name, scores in seen.scores.items():
        front = seen.front(name)
        assert np.all(np.diff(cost[front]) >= 0)
        for row in seen.scored(name):
            beaten = (cost[front] <= cost[row]) & (scores[front] >= scores[row])
            assert beaten.any()


def test_reading_changes_nothing(run):
    path = run / "search" / "scores.jsonl"
    before = path.read_bytes()
    read_seen(path, ("distilled", "supernet"), COSTS)
    assert path.read_bytes() == before


def test_no_journal_is_a_search_that_scored_nothing(tmp_path):
    seen = read_seen(tmp_path / "none.jsonl", ("supernet",), COSTS)
    assert len(seen) == 0
    assert len(seen.front("supernet")) == 0


def test_another_spaces_journal_is_refused(journal):
    path, _ = journal
    path.write_text(path.read_text().replace(SPACE.fingerprint, "0" * 16))
    with pytest.raises(IntegrityError, match="another space"):
        read_seen(path, ("b", "a"), COSTS)


@pytest.mark.parametrize(
    "line",
    [
        '{"predictor": "key of b"}',
        '{"predictor": "key of b", "rows": [[1, 2]], "scores": [1.0]}',
        '{"predictor": "key of b", "rows": "<b>", "scores": []}',
        '{"predictor": "key of b", "rows": [], "scores": [1.0]}',
    ],
)
def test_a_damaged_line_is_one_sentence(journal, line):
    path, _ = journal
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(IntegrityError, match="line 4"):
        read_seen(path, ("b", "a"), COSTS)
