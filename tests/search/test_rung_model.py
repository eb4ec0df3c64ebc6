import numpy as np
import pytest

from foretell.metrics import Metric, metric_named
from foretell.search.rung_model import Belief, RungModel, chance_of_best, signals_for

CHRF, LOSS = metric_named("valid_chrf"), metric_named("valid_loss")
RUNGS = (0.125, 0.25, 0.5, 1.0)
OFFERED = ("valid_bleu", "valid_loss", "valid_chrf")


def model(target=CHRF, rungs=RUNGS):
    return RungModel(target, signals_for(target, rungs, OFFERED))


def flat(n):
    return Belief(np.zeros(n), np.ones(n))


def test_the_target_and_beside_a_score_the_loss_are_looked_at():
    assert [(each.metric.key, each.share) for each in signals_for(CHRF, (0.5, 1.0), OFFERED)] == [
        ("valid_chrf", 0.5),
        ("valid_loss", 0.5),
        ("valid_chrf", 1.0),
        ("valid_loss", 1.0),
    ]
    assert [each.metric.key for each in signals_for(LOSS, (1.0,), OFFERED)] == ["valid_loss"]
    mine = Metric.declare("accuracy")
    assert [each.metric.key for each in signals_for(mine, (1.0,), ("accuracy", "speed"))] == ["accuracy"]


@pytest.mark.parametrize("target", [CHRF, LOSS])
@pytest.mark.parametrize("rungs", [RUNGS, (0.03, 0.2, 0.7, 1.0), (1.0,), (0.01, 1.0)])
def test_correlations_are_those_of_a_gaussian_at_any_rungs(target, rungs):
    found = model(target, rungs)
    whole = np.block([[found.between, found.with_end[:, None]], [found.with_end[None], np.ones((1, 1))]])
    assert np.linalg.eigvalsh(whole).min() > -1e-9
    assert np.abs(whole).max() <= 1 + 1e-9
    own = [i for i, each in enumerate(found.signals) if each.metric == target]
    assert np.all(np.diff(found.with_end[own]) > -0.01)


def test_a_rung_moves_the_mean_and_shrinks_the_std_and_units_do_not_matter():
    rng = np.random.default_rng(0)
    found, values = model(LOSS), rng.normal(size=12)
    seen = np.full((12, 4), np.nan)
    seen[:, 1] = values
    after = found.update(flat(12), seen)
    assert np.corrcoef(after.mean, values)[0, 1] < -0.99  # a loss: lower is better
    assert np.all(after.std < 0.5)
    same = found.update(flat(12), 100 + 7 * seen)
    np.testing.assert_allclose(same.mean, after.mean)
    np.testing.assert_allclose(same.std, after.std)


def test_a_sure_prior_is_moved_less_than_an_unsure_one():
    seen = np.full((4, 4), np.nan)
    seen[:, 0] = [1.0, 2.0, 3.0, 4.0]
    prior = Belief(np.zeros(4), np.array([0.1, 1.0, 0.1, 1.0]))
    after = model(LOSS).update(prior, seen)
    assert abs(after.mean[0]) < abs(after.mean[3])
    assert after.mean[3] < after.mean[1]


def test_what_nothing_can_be_told_from_changes_nothing():
    prior = Belief(np.array([0.5, -0.5, 0.0]), np.array([0.4, 0.5, 0.6]))
    equal = np.full((3, 4), np.nan)
    equal[:, 0] = 2.0
    alone = np.full((3, 4), np.nan)
    alone[1, 2] = 3.0
    for seen in (equal, alone, np.full((3, 4), np.nan)):
        after = model(LOSS).update(prior, seen)
        np.testing.assert_allclose(after.mean, prior.mean)
        np.testing.assert_allclose(after.std, prior.std)


def test_one_that_nearly_diverged_does_not_hide_the_differences_of_the_others():
    values = np.linspace(3, 4, 10)
    seen, wild = np.full((10, 4), np.nan), np.full((10, 4), np.nan)
    seen[:, 1], wild[:, 1] = values, np.append(values[:-1], 500.0)
    calm, torn = model(LOSS).update(flat(10), seen), model(LOSS).update(flat(10), wild)
    assert np.ptp(torn.mean[:9]) > 0.4 * np.ptp(calm.mean[:9])
    assert torn.mean.argmin() == 9


def test_the_last_two_are_not_thought_far_apart_for_being_the_only_ones():
    values = np.linspace(2, 4, 12)
    seen = np.full((12, 4), np.nan)
    seen[:, 2] = values
    near, far = seen.copy(), seen.copy()
    near[:2, 3], far[:2, 3] = [2.0, 2.001], [2.0, 3.0]
    found = model(LOSS)
    gaps = [after.mean[0] - after.mean[1] for after in (found.update(flat(12), near), found.update(flat(12), far))]
    assert 0 <= gaps[0] < 0.3 < gaps[1]


def test_beliefs_are_calibrated_where_the_world_is_as_believed():
    """Entrants chosen by a prior, promoted by the belief, values in units of their own: errors as large as said."""
    rng, found, errors, sure, right = np.random.default_rng(0), model(), [], [], []
    noise = found.between - np.outer(found.with_end, found.with_end)
    for _ in range(150):
        prior = Belief(rng.normal(1, 0.3, 12), np.full(12, 0.5))
        truth = prior.mean + prior.std * rng.normal(size=12)
        standard = found.with_end * truth[:, None] + rng.multivariate_normal(
            np.zeros(8), noise, size=12, check_valid="ignore"
        )
        turned = np.array([1.0 if each.metric.higher_is_better else -1.0 for each in found.signals])
        values, seen, alive = 5 + 3 * turned * standard, np.full((12, 8), np.nan), np.arange(12)
        for rung, places in enumerate((12, 7, 4, 2)):
            believed = found.update(prior, seen).mean
            alive = alive[np.argsort(-believed[alive], kind="stable")[:places]]
            seen[alive, 2 * rung : 2 * rung + 2] = values[alive, 2 * rung : 2 * rung + 2]
        after = found.update(prior, seen)
        winner = max(alive, key=lambda each: after.mean[each])
        errors += ((truth - after.mean) / after.std).tolist()
        sure.append(chance_of_best(after, range(12), rng)[winner])
        right.append(truth.argmax() == winner)
    assert 0.85 < np.std(errors) < 1.2
    assert np.mean(right) > 0.5
    assert abs(np.mean(sure) - np.mean(right)) < 0.15


def test_chances_are_of_those_that_are_alive():
    belief = Belief(np.array([3.0, 1.0, 1.0, 9.0]), np.array([0.1, 1.0, 1.0, 0.1]))
    chances = chance_of_best(belief, [0, 1, 2], np.random.default_rng(0))
    assert chances.sum() == pytest.approx(1)
    assert chances[3] == 0
    assert chances[0] > 0.9
    assert chance_of_best(belief, [], np.random.default_rng(0)).sum() == 0
