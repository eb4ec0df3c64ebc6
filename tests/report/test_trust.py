import numpy as np
import pytest

from foretell.errors import InputError
from foretell.observations import ObservationSet, Split
from foretell.report.benchmark import judge_tasks
from foretell.report.trust import judge
from foretell.testing import make_observations
from tests.report.conftest import SPACE


def labelled(n, splits=()):
    return ObservationSet(SPACE, tuple(make_observations(SPACE, n)), tuple(splits))


def test_no_predictor_has_seen_what_it_is_drawn_with():
    trust = judge(labelled(24), "mine", ["regression"])
    assert (trust.labels, trust.shown) == (24, 10)
    assert list(trust.held_out) == ["constant", "params", "flops", "depth", "regression"]
    for row in trust.evaluation.rows:
        assert row.labels == 10
    held = trust.held_out["regression"]
    assert len(set(held.architectures)) == len(held.truth) == 24
    assert np.all(held.low <= held.mean)
    assert np.all(held.mean <= held.high)
    assert np.abs(held.mean - held.truth).mean() < np.abs(held.truth - held.truth.mean()).mean()


def test_a_point_is_the_mean_over_the_splits_that_hold_it_out():
    found = make_observations(SPACE, 12)
    splits = [Split("a", tuple(found[:6]), tuple(found[6:])), Split("b", tuple(found[3:9]), tuple(found[9:]))]
    trust = judge(ObservationSet(SPACE, tuple(found), tuple(splits)), "mine", ["constant"], trivial=False)
    held = trust.held_out["constant"]
    labels = [item.metric() for item in found]
    first, second = np.mean(labels[:6]), np.mean(labels[3:9])
    by_key = dict(zip((item.key for item in held.architectures), held.mean, strict=True))
    assert by_key[found[6].architecture.key] == pytest.approx(first)
    assert by_key[found[11].architecture.key] == pytest.approx((first + second) / 2)


def test_few_labels_show_half_of_them_and_too_few_are_refused():
    assert judge(labelled(8), "mine", ["regression"]).shown == 5
    assert judge(labelled(14), "mine", ["regression"]).shown == 7
    with pytest.raises(InputError, match="holds 7 labelled architectures; 8 are needed"):
        judge(labelled(7), "mine", ["regression"])


def test_observations_without_a_run_bring_their_scores_on_record(tmp_path):
    labelled(20).save(tmp_path / "mine")
    judged = judge_tasks(tmp_path / "mine")
    (trust,) = judged.values()
    assert {"column:score", "regression", "auto", "depth"} <= {row.predictor for row in trust.evaluation.rows}
    (only,) = judge_tasks(tmp_path / "mine", ["column:score"]).values()
    assert [row.predictor for row in only.evaluation.rows] == ["column:score"]


def test_published_tasks_are_judged_apart(published):
    judged = judge_tasks(published / "llmas", ["column:HAT"])
    assert set(judged) == {"wmt14ende", "wmt14enfr", "wmt19ende"}
    for trust in judged.values():
        held = trust.held_out["column:HAT"]
        assert np.all(held.low == held.mean)  # a score on record has no interval
