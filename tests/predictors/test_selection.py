import numpy as np
import pytest

from foretell import spaces
from foretell.costs import Constraints, CostModel
from foretell.errors import InfeasibleError, InputError, UnknownNameError
from foretell.observations import metric_column, population_of
from foretell.predictors import create, select

SPACE = spaces.create("small-seq2seq")


@pytest.mark.parametrize("design", ["d-optimal", "maximin", "random"])
def test_picks_are_distinct_feasible_and_repeatable(design):
    constraints = Constraints.parse(["params<=400K"])
    picks = select(SPACE, 8, np.random.default_rng(0), constraints=constraints, design=design)
    again = select(SPACE, 8, np.random.default_rng(0), constraints=constraints, design=design)
    np.testing.assert_array_equal(picks, again)
    assert len(np.unique(picks, axis=0)) == 8
    assert constraints.satisfied(CostModel(SPACE), picks).all()


def test_picks_complement_what_is_known():
    known = select(SPACE, 5, np.random.default_rng(0))
    more = select(SPACE, 5, np.random.default_rng(0), known=known)
    assert not {row.tobytes() for row in known} & {row.tobytes() for row in more}


def test_asking_for_too_many_or_nonsense_is_one_sentence():
    rng = np.random.default_rng(0)
    with pytest.raises(InfeasibleError, match="only 3 distinct"):
        select(SPACE, 5, rng, pool=SPACE.sample(3, rng))
    with pytest.raises(InputError, match="at least 1"):
        select(SPACE, 0, rng)
    with pytest.raises(UnknownNameError, match="maximin"):
        select(SPACE, 2, rng, design="maxmin")


@pytest.mark.parametrize("n", [6, 10])
def test_it_beats_random_picks_on_published_data(tfs_eval, n):
    """Labels of N picked architectures predict the other ones better than labels of N random ones do."""
    everything = tfs_eval.observations
    population, truth = population_of(everything), metric_column(everything)

    def error(design, seed):
        rng = np.random.default_rng(seed)
        picks = {row.tobytes() for row in select(tfs_eval.space, n, rng, pool=population, design=design)}
        known = [item for item in everything if item.architecture.row.tobytes() in picks]
        other = np.array([item.architecture.row.tobytes() not in picks for item in everything])
        predicted = create("ridge(features=log-depth+log-params, strength=0.1)").fit(known).predict(population).mean
        return np.abs(predicted - truth)[other].mean()

    random = np.mean([error("random", seed) for seed in range(60)])
    assert error("d-optimal", 0) < random
