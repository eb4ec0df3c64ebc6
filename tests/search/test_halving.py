import numpy as np
import pytest
from pydantic import ValidationError

from foretell.costs import Constraints
from foretell.report.seen import read_seen
from foretell.search import Evolution, Halving, HalvingScorer, Schedule, Scorer, evolve, open_journal
from tests.search.conftest import Linear

SMALL = Evolution(population=40, parents=10, mutations=15, crossovers=15)


class Noisy(Linear):
    """A linear score plus noise that depends on the part of the validation set, and averages out over all."""

    def __init__(self, space, noise=0.0, part=None, of=1):
        super().__init__(space)
        self.noise, self.part, self.of = noise, part, of
        self.name = "noisy"

    def _noise(self, population, part):
        weights = np.random.default_rng(100 + part).normal(size=self.space.width)
        return self.noise * (self.space.features(population, "per-layer") * weights).sum(1)

    def _score(self, population):
        parts = [self.part] if self.part is not None else range(3)
        found, _ = super()._score(population)
        return found + np.mean([self._noise(population, part) for part in parts], axis=0), None

    def parts(self, shares):
        self.children = [Noisy(self.space, self.noise, i) for i in range(len(shares))]
        return [(child, 1) for child in self.children]


def search(costs, scorer, iterations=6):
    return evolve(costs, Constraints(), Schedule.parse(f"n:1-{iterations}"), {"n": scorer}, SMALL, seed=3)


def test_without_noise_halving_changes_nothing_and_costs_less(costs, space):
    plain = search(costs, Scorer(Noisy(space), "k"))
    predictor = Noisy(space)
    halved = search(costs, HalvingScorer(predictor, "k", halving=Halving(audit=0)))
    assert halved.best == plain.best
    np.testing.assert_allclose(halved.scores, plain.scores, rtol=1e-12)
    report = halved.halvings["n"]
    assert report.generations == 6
    assert report.left > 0
    assert report.audited == 0
    asked = [len(child.asked) for child in predictor.children]
    assert asked[0] > asked[1] > asked[2]
    assert all(len(child.asked) == len(set(child.asked)) for child in predictor.children)


def test_an_audit_counts_the_parents_that_halving_exchanged(costs, space):
    calm = search(costs, HalvingScorer(Noisy(space), "k", halving=Halving(audit=1, keep=0.3, margin=1)))
    wild = search(costs, HalvingScorer(Noisy(space, noise=3.0), "k", halving=Halving(audit=1, keep=0.3, margin=1)))
    assert calm.halvings["n"].audited == wild.halvings["n"].audited == 6
    assert calm.halvings["n"].exchanged == calm.halvings["n"].changed == 0
    assert wild.halvings["n"].exchanged >= wild.halvings["n"].changed > 0


def test_halving_that_was_cut_off_replays_its_journal(tmp_path, costs, space):
    with open_journal(tmp_path / "whole.jsonl", space) as journal:
        whole = search(costs, HalvingScorer(Noisy(space, 0.5), "k", journal, halving=Halving(audit=2)))
    path = tmp_path / "cut.jsonl"
    lines = (tmp_path / "whole.jsonl").read_text().splitlines(keepends=True)
    path.write_text("".join(lines[: len(lines) // 2]))
    predictor = Noisy(space, 0.5)
    with open_journal(path, space) as journal:
        again = search(costs, HalvingScorer(predictor, "k", journal, halving=Halving(audit=2)))
    assert again.best == whole.best
    assert again.history == whole.history
    assert again.halvings == whole.halvings
    assert (tmp_path / "whole.jsonl").read_bytes() == path.read_bytes()


def test_scores_to_the_end_stand_in_the_journal_under_one_name_without_those_of_parts(tmp_path, costs, space):
    with open_journal(tmp_path / "scores.jsonl", space) as journal:
        found = search(costs, HalvingScorer(Noisy(space, 0.5), "k", journal, halving=Halving(audit=0)))
    seen = read_seen(tmp_path / "scores.jsonl", ("n",), costs)
    assert 0 < len(seen) < found.distinct["n"]
    for row, score in zip(found.finalists, found.scores, strict=True):
        assert seen.score("n", space.architecture(row)) == score


@pytest.mark.parametrize("shares", [(1.0,), (0.5, 0.6), (0.0, 1.0)])
def test_shares_that_are_no_whole_are_refused(shares):
    with pytest.raises(ValidationError, match="two or more that sum to 1"):
        Halving(shares=shares)
