import numpy as np
import pytest

from foretell import spaces
from foretell.errors import IntegrityError
from foretell.records import TornLineWarning
from foretell.search import ScoreJournal


def test_scores_come_back_exactly_and_abstentions_too(tmp_path, space):
    rows = space.canonical(space.sample(5, np.random.default_rng(0)))
    scores = np.array([0.1, -3.25, np.nan, 1e-300, 17.0])
    journal = ScoreJournal(tmp_path / "s.jsonl", space)
    journal.append("p", rows, scores)
    journal.close()
    again = ScoreJournal(tmp_path / "s.jsonl", space)
    np.testing.assert_array_equal([again.scores["p"][row.tobytes()] for row in rows], scores)
    again.close()


def test_a_torn_last_line_costs_only_that_line(tmp_path, space):
    rows = space.canonical(space.sample(4, np.random.default_rng(0)))
    path = tmp_path / "s.jsonl"
    journal = ScoreJournal(path, space)
    for row in rows:
        journal.append("p", row[None], np.array([1.0]))
    journal.close()
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.warns(TornLineWarning):
        again = ScoreJournal(path, space)
    assert len(again.scores["p"]) == 3
    again.append("p", rows[3:], np.array([2.0]))
    again.close()
    whole = ScoreJournal(path, space)
    assert len(whole.scores["p"]) == 4
    whole.close()


def test_a_journal_of_another_space_is_refused(tmp_path, space):
    ScoreJournal(tmp_path / "s.jsonl", space).close()
    with pytest.raises(IntegrityError, match="another space"):
        ScoreJournal(tmp_path / "s.jsonl", spaces.create("hat-wmt14-en-de"))
