from dataclasses import replace

import numpy as np
import pytest

from foretell import spaces
from foretell.errors import InputError, UnknownNameError
from foretell.evaluation import SplitPlan, evaluate
from foretell.observations import OWN_UNIT, ObservationSet, read_observations, write_observations
from foretell.predictors import Columns, Context, create, load, save
from foretell.testing import make_observations

SPACE = spaces.create("small-seq2seq")


@pytest.fixture
def items():
    """Two scores: one of valid BLEU, and one in a unit of its own that ranks perfectly."""
    return [
        replace(
            item,
            metrics={**item.metrics, "test_chrf": 2 * item.metric()},
            scores={"bleu": {"valid_bleu": item.metric() + 1}, "proxy": {OWN_UNIT: 1e6 * item.metric() - 1e9}},
        )
        for item in make_observations(SPACE, 12)
    ]


def test_a_score_in_its_own_unit_ranks_whatever_is_predicted(items):
    for metric, scores in (("valid_bleu", {"bleu"}), ("test_chrf", set())):
        columns = Columns.of(items, metric)
        assert (set(columns.scores), set(columns.own_unit)) == (scores, {"proxy"})
        context = Context(SPACE, metric=metric, columns=columns)
        raw, told = (
            create(name, context=context).fit(items[:5]) for name in ("column:proxy", "calibrated:column:proxy")
        )
        assert not raw.calibrated
        truth = np.array([item.metric(metric) for item in items])
        rows = SPACE.population([item.architecture for item in items])
        assert np.array_equal(np.argsort(raw.predict(rows).mean), np.argsort(truth))
        np.testing.assert_allclose(told.predict(rows).mean, truth, atol=0.05 * truth.std())
    with pytest.raises(UnknownNameError, match="column"):
        Columns.of(items, "test_chrf").lookup("bleu", SPACE.population([items[0].architecture]))


def test_one_score_has_one_unit(items):
    mixed = [*items[:4], *(replace(item, scores={"proxy": {"valid_bleu": 20.0}}) for item in items[4:])]
    with pytest.raises(InputError, match="scores of proxy are of valid_bleu for some architectures and in a unit"):
        Columns.of(mixed, "valid_bleu")


def test_only_its_calibrated_twin_has_an_error(items):
    collection = ObservationSet(SPACE, tuple(items))
    table = evaluate(collection, ["column:proxy"], demonstrations=[5], plan=SplitPlan("random:1"), draws=20)
    rows = {row.predictor: row.values for row in table.rows}
    assert np.isnan(rows["column:proxy"]["mae"])
    assert rows["column:proxy"]["tau"] == 1
    assert rows["calibrated:column:proxy"]["mae"] < rows["constant"]["mae"]


def test_it_is_kept_in_files(items, tmp_path):
    write_observations(tmp_path / "labels.jsonl", items)
    assert read_observations(tmp_path / "labels.jsonl") == items
    context = Context(SPACE, columns=Columns.of(items, "valid_bleu"))
    predictor = create("calibrated:column:proxy", context=context).fit(items[:6])
    save(predictor, tmp_path / "p.json")
    rows = SPACE.population([item.architecture for item in items])
    np.testing.assert_array_equal(load(tmp_path / "p.json").predict(rows).mean, predictor.predict(rows).mean)
