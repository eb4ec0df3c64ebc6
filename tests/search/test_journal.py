import numpy as np
import pytest

from foretell import spaces
from foretell.costs import Constraints
from foretell.errors import IntegrityError
from foretell.records import TornLineWarning
from foretell.search import Evolution, Schedule, ScoreJournal, Scorer, evolve, open_journal


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


def test_a_journal_lends_its_scores(tmp_path, space, costs, linear):
    small = Evolution(population=12, parents=4, mutations=4, crossovers=4)

    def search(path, limits, others=()):
        with open_journal(path, space, others) as journal:
            scorer = Scorer(linear, "k", journal)
            found = evolve(costs, Constraints.parse(limits), Schedule.parse("linear:1-6"), {"linear": scorer}, small)
            return found, scorer

    alone, _ = search(tmp_path / "alone.jsonl", ["params_without_embeddings<=300K"])
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    search(first, ["params_without_embeddings<=300K"])
    before = len(linear.asked)
    again, scorer = search(second, ["params_without_embeddings<=300K"], [first, tmp_path / "missing.jsonl"])
    assert len(linear.asked) == before
    assert again.best == alone.best
    assert scorer.run == 0
    journal = ScoreJournal(second, space)
    assert set(journal.scores["k"]) == scorer.used
    journal.close()
