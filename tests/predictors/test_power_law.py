"""The power law with a process on the rest: what it recovers, what it needs, what it says without."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kendalltau

from foretell.errors import InputError
from foretell.metrics import Metric
from foretell.observations import OWN_UNIT, Observation
from foretell.predictors import Columns, Context, create, leave_one_out
from foretell.predictors.sizes import size_cost
from foretell.spaces import SearchSpace
from foretell.testing import PredictorConformance

LOSS = Metric.declare("y", higher_is_better=False)
SPACE = SearchSpace({"width": [64, 96, 128, 192, 256, 384, 512], "layers": [2, 4, 8, 16], "mixer": ["gru", "lstm"]})


class TestRidge(PredictorConformance):
    spelling = "power-law(residual=ridge)"


class TestLaw(PredictorConformance):
    spelling = "power-law(residual=none)"


def observed(n, seed=0):
    """A law in parameters, a mixer that is better, noise; a score that knows half of it."""
    rng = np.random.default_rng(seed)
    rows = np.unique(SPACE.sample(10 * n, rng), axis=0)
    rows = rows[rng.permutation(len(rows))[:n]]
    items = []
    for architecture in SPACE.architectures(rows):
        size = 12 * architecture["layers"] * architecture["width"] ** 2
        loss = 1.7 + 20 * size**-0.25 - 0.1 * (architecture["mixer"] == "lstm")
        score = {OWN_UNIT: -loss + rng.normal(0, 0.05)}
        items.append(Observation(architecture, {"y": loss + rng.normal(0, 0.01)}, {"params": size}, {"s": score}))
    return items


def judged(spelling, items, n, columns=True):
    known = Columns.of(items, "y") if columns else Columns()
    predictor = create(spelling, context=Context(SPACE, LOSS, columns=known)).fit(items[:n])
    prediction = predictor.predict(SPACE.population([item.architecture for item in items[n:]]))
    truth = np.array([item.metric("y") for item in items[n:]])
    return predictor, prediction, truth


def test_it_finds_the_law_and_what_departs_from_it():
    _, law, truth = judged("power-law(residual=none)", observed(50), 15)
    _, full, _ = judged("power-law", observed(50), 15)
    assert kendalltau(law.mean, truth).statistic > 0.8
    assert np.abs(full.mean - truth).mean() < 0.5 * np.abs(law.mean - truth).mean()
    assert (np.abs(full.mean - truth) < 1.645 * full.std).mean() > 0.7


def test_what_is_not_on_record_is_judged_by_its_genes():
    items = observed(50)
    predictor, _, truth = judged("power-law", items, 30, columns=False)
    strangers = predictor.predict(SPACE.population([item.architecture for item in items[30:]]))
    assert not np.isnan(strangers.mean).any()
    assert kendalltau(strangers.mean, truth).statistic > 0.8


def test_held_out_predictions_do_not_know_their_label():
    items = observed(20)
    wrong = replace(items[3], metrics={"y": 9.0})
    context = Context(SPACE, LOSS, columns=Columns.of(items, "y"))
    fitted = create("power-law", context=context).fit([*items[:3], wrong, *items[4:]])
    assert -fitted.held_out[3] < 6
    refitted = leave_one_out(create("power-law", context=context), items)
    own = -create("power-law", context=context).fit(items).held_out
    assert np.corrcoef(own, refitted)[0, 1] > 0.95


def test_many_labels_take_no_longer_than_they_must():
    """More labels than the models are compared on still all count."""
    rng = np.random.default_rng(0)
    space = SearchSpace({f"g{n}": list(range(6)) for n in range(5)})
    rows = np.unique(space.sample(1000, rng), axis=0)[:700]
    effect = rng.normal(size=(5, 6))
    labels = effect[np.arange(5), rows].sum(axis=1) + 40
    items = [Observation(a, {"y": float(v)}) for a, v in zip(space.architectures(rows), labels, strict=True)]
    predictor = create("power-law", context=Context(space, Metric.declare("y"))).fit(items[:600])
    said = predictor.predict(rows[600:]).mean
    assert kendalltau(said, labels[600:]).statistic > 0.95


def test_the_law_alone_needs_a_size():
    items = [replace(item, costs={}) for item in observed(10)]
    with pytest.raises(InputError, match="parameters or FLOPs"):
        judged("power-law(residual=none)", items, 8)
    with pytest.raises(InputError, match="expected gp, ridge or none"):
        create("power-law(residual=forest)")


@pytest.mark.parametrize(
    ("names", "size"),
    [
        (["params_total", "params_decoder", "params_emb"], "params_decoder"),
        (["params", "params_no_embed", "tokens"], "params_no_embed"),
        (["latency_ms", "flops", "parameters", "parameters_without_embeddings"], "parameters_without_embeddings"),
        (["flops_m", "params_m"], "params_m"),
        (["flops"], "flops"),
        (["tokens", "latency_ms"], None),
    ],
)
def test_which_count_means_size(names, size):
    assert size_cost(names) == size


def test_a_few_very_bad_architectures_do_not_bend_the_others():
    """Accuracies down to chance: the distance to 100 has a long tail, and no prediction runs away beyond it."""
    rng = np.random.default_rng(0)
    space = SearchSpace({f"op{place}": ["a", "b", "c", "d"] for place in range(6)})
    rows = np.unique(space.sample(200, rng), axis=0)
    rows = rows[rng.permutation(len(rows))]
    good = (rows == 2).sum(axis=1)
    accuracy = 100 - 1 / (0.011 + 0.01 * good + rng.uniform(0, 0.002, len(rows)))
    items = [Observation(a, {"acc": float(v)}) for a, v in zip(space.architectures(rows), accuracy, strict=True)]
    metric = Metric.declare("acc", higher_is_better=True)
    said = create("power-law", context=Context(space, metric)).fit(items[:15]).predict(rows[15:])
    assert np.abs(said.mean - accuracy[15:]).mean() < 2.5
    assert said.mean.min() > 0
    assert said.mean.max() < 100


def test_auto_does_not_say_that_what_it_judged_could_not_be():
    items = observed(30)
    auto = create("auto", context=Context(SPACE, LOSS, columns=Columns.of(items, "y"))).fit(items[:15])
    assert auto.chosen == "power-law"
    assert "too few" not in auto.why
