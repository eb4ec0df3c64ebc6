"""Published tests: what a predictor must keep, whoever wrote it.

    from foretell.testing import PredictorConformance

    class TestMine(PredictorConformance):
        spelling = "mine"

runs them all under pytest. A predictor that needs more than a name overrides `make`.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np

from foretell import spaces
from foretell.errors import InputError
from foretell.observations import Observation
from foretell.predictors import Columns, Context, Predictor, create, load, save
from foretell.predictors.features import feature_matrix
from foretell.predictors.labels import AbsurdLabelWarning
from foretell.predictors.storage import savable
from foretell.spaces import SearchSpace

__all__ = ["PredictorConformance", "make_observations"]


def make_observations(space: SearchSpace, n: int, seed: int = 0) -> list[Observation]:
    """Invented observations of distinct architectures with everything that a predictor may look up.

    The label grows with log depth and log parameters, with a little noise; the score `score` is the label
    with an offset and more noise; the cost `latency_ms` grows with depth.
    """
    rng = np.random.default_rng(seed)
    rows = np.unique(space.canonical(space.sample(4 * n, rng)), axis=0)
    rows = rows[rng.permutation(len(rows))[:n]]
    context = Context(space)
    x = feature_matrix("log-depth+log-params", space, rows, context, context.columns)
    labels = 20 + 1.5 * x[:, 0] + x[:, 1] - x[:, 1].mean() + rng.normal(0, 0.1, n)
    scores = labels - 1 + rng.normal(0, 0.2, n)
    return [
        Observation(
            architecture,
            metrics={"valid_bleu": float(label)},
            costs={"latency_ms": float(20 * np.exp(depth))},
            scores={"score": {"valid_bleu": float(score)}},
        )
        for architecture, label, score, depth in zip(space.architectures(rows), labels, scores, x[:, 0], strict=True)
    ]


_SHARED: dict[tuple[object, ...], tuple[Predictor, np.ndarray]] = {}


class PredictorConformance:
    """Inherit, set `spelling`, and pytest runs every rule of the contract against a predictor.

    Attributes:
        spelling: What `foretell.predictors.create` is given.
        space_name: The space it is tried on.
        labels: How many labels it is fitted on.
        tested: How many architectures it then scores.
    """

    spelling: str
    space_name = "small-seq2seq"
    labels = 12
    tested = 12

    def make(self, context: Context) -> Predictor:
        """An unfitted predictor."""
        return create(self.spelling, context=context)

    def _observed(self) -> tuple[SearchSpace, list[Observation], Context]:
        space = spaces.create(self.space_name)
        everything = make_observations(space, self.labels + self.tested)
        columns = Columns.of(everything, "valid_bleu")
        return space, everything, Context(space, columns=columns, vocabulary=64, seed=1)

    def _shared(self) -> tuple[Predictor, np.ndarray]:
        """As `_fitted`; one for all tests that only ask it, unless `make` is overridden."""
        if type(self).make is not PredictorConformance.make:
            return self._fitted()
        key = (type(self), self.spelling, self.space_name, self.labels, self.tested)
        if key not in _SHARED:
            _SHARED[key] = self._fitted()
        return _SHARED[key]

    def _fitted(self) -> tuple[Predictor, np.ndarray]:
        space, everything, context = self._observed()
        predictor = self.make(context).fit(everything[: self.labels])
        return predictor, space.population([item.architecture for item in everything[self.labels :]])

    def test_it_keeps_the_protocol(self) -> None:
        """It is made from the base class, and `fit` returns the predictor itself."""
        _, everything, context = self._observed()
        predictor = self.make(context)
        _check(predictor.fit(everything[: self.labels]) is predictor, "fit must return the predictor itself")
        _check(isinstance(predictor, Predictor), "it must be a subclass of foretell.predictors.Predictor")
        _check(predictor.labels == (self.labels if predictor.learns else 0), "labels must count what was learnt from")
        _check(predictor.spent.seconds >= 0, "spent.seconds must not be negative")

    def test_shapes_and_units(self) -> None:
        """One float64 mean a row, standard deviations that are positive, means near the labels if calibrated."""
        predictor, population = self._shared()
        prediction = predictor.predict(population)
        _check(prediction.mean.shape == (len(population),), "mean must have one value a row")
        _check(prediction.mean.dtype == np.float64, "mean must be float64")
        if prediction.std is not None:
            _check(prediction.std.shape == prediction.mean.shape, "std must have one value a row")
            _check(bool((prediction.std[~np.isnan(prediction.mean)] > 0).all()), "std must be positive")
        if predictor.calibrated:
            _check(bool(np.nanmax(np.abs(prediction.mean - 20)) < 20), "calibrated scores must be in the labels' unit")

    def test_the_same_seed_gives_the_same_scores(self) -> None:
        """Two fits in a row, with the global random state disturbed in between, agree bit for bit."""
        first, population = self._shared()
        before = first.predict(population).mean
        np.random.seed(3)  # noqa: NPY002 - the global state is disturbed on purpose
        second, _ = self._fitted()
        np.testing.assert_array_equal(before, second.predict(population).mean)
        np.testing.assert_array_equal(before, first.predict(population).mean)

    def test_no_global_state(self) -> None:
        """NumPy's global random state is left alone."""
        np.random.seed(5)  # noqa: NPY002
        expected = np.random.random()  # noqa: NPY002
        np.random.seed(5)  # noqa: NPY002
        predictor, population = self._fitted()
        predictor.predict(population)
        _check(np.random.random() == expected, "the global random state was used")  # noqa: NPY002

    def test_rows_are_scored_on_their_own(self) -> None:
        """Reversing, splitting or repeating a population changes no score."""
        predictor, population = self._shared()
        whole = predictor.predict(population).mean
        np.testing.assert_allclose(predictor.predict(population[::-1].copy()).mean[::-1], whole, rtol=1e-12)
        np.testing.assert_allclose(predictor.predict(population[:3]).mean, whole[:3], rtol=1e-12)
        twice = predictor.predict(np.concatenate([population, population])).mean
        np.testing.assert_allclose(twice, np.concatenate([whole, whole]), rtol=1e-12)

    def test_the_order_of_labels_does_not_matter(self) -> None:
        """Fitting on the same observations in another order gives the same scores, up to rounding."""
        space, everything, context = self._observed()
        population = space.population([item.architecture for item in everything[self.labels :]])
        shown = everything[: self.labels]
        one = self.make(context).fit(shown).predict(population).mean
        other = self.make(context).fit(shown[::-1]).predict(population).mean
        np.testing.assert_allclose(one, other, rtol=self.order_tolerance)

    order_tolerance = 1e-6
    """How far scores may move with the order of labels: bootstraps and prompts depend on it, formulas do not."""

    def test_canonical_or_not(self) -> None:
        """Genes of inactive layers mean nothing."""
        predictor, population = self._shared()
        space = predictor.space
        noisy = np.where(space.active(population), population, space.sample(len(population), np.random.default_rng(2)))
        same = (space.canonical(noisy) == population).all(axis=1)
        np.testing.assert_array_equal(predictor.predict(noisy).mean[same], predictor.predict(population).mean[same])

    def test_empty_and_single_populations(self) -> None:
        """No row gives no score; one row gives one."""
        predictor, population = self._shared()
        _check(predictor.predict(population[:0]).mean.shape == (0,), "an empty population has no scores")
        _check(predictor.predict(population[:1]).mean.shape == (1,), "one row has one score")

    def test_abstention_has_a_reason(self) -> None:
        """NaN comes with a reason, and a reason only with NaN."""
        space, everything, context = self._observed()
        known = everything[: self.labels]
        alone = replace(context, columns=Columns())
        predictor = self.make(alone).fit(known)
        population = space.population([item.architecture for item in everything])
        prediction = predictor.predict(population)
        _check(set(prediction.reasons) == set(np.flatnonzero(np.isnan(prediction.mean)).tolist()), "reasons and NaN")

    def test_another_space_is_refused(self) -> None:
        """An observation of another space is one sentence, not a wrong score."""
        _, everything, context = self._observed()
        other = spaces.create("hat-wmt14-en-de")
        strangers = make_observations(other, 3)
        if not self.make(context).learns:
            return
        _check(_refuses(lambda: self.make(context).fit([*everything[:5], *strangers])), "another space must be refused")

    def test_too_few_labels_are_refused(self) -> None:
        """Without labels a predictor that needs them says how many."""
        _, everything, context = self._observed()
        predictor = self.make(context)
        fewer = everything[: max(predictor.minimum - 1, 0)]
        if predictor.minimum > 0:
            _check(_refuses(lambda: predictor.fit(fewer)), "too few labels must be refused")

    def test_one_absurd_label_does_not_ruin_the_others(self) -> None:
        """A placeholder among the labels, such as -1e9, leaves what is predicted where the other labels are."""
        space, everything, context = self._observed()
        shown = everything[: self.labels]
        shown[0] = replace(shown[0], metrics={"valid_bleu": -1e9})
        predictor = self.make(context)
        if not predictor.calibrated or not predictor.learns:
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AbsurdLabelWarning)
            predictor.fit(shown)
        mean = predictor.predict(space.population([item.architecture for item in everything[self.labels :]])).mean
        _check(bool(np.nanmax(np.abs(mean - 20)) < 20), "one absurd label must not move all predictions")

    def test_saved_and_loaded_it_is_the_same(self, tmp_path: Path) -> None:
        """What is written and read back gives the same scores; what cannot be written is refused."""
        predictor, population = self._shared()
        if not savable(predictor):
            _check(_refuses(lambda: save(predictor, tmp_path / "predictor.json")), "what cannot be saved must say so")
            return
        save(predictor, tmp_path / "predictor.json")
        again = load(tmp_path / "predictor.json").predict(population)
        np.testing.assert_array_equal(again.mean, predictor.predict(population).mean)


def _refuses(action: object) -> bool:
    try:
        action()  # type: ignore[operator]
    except InputError as error:
        return len(str(error)) > 20
    return False


def _check(held: bool, rule: str) -> None:
    if not held:
        raise AssertionError(rule)
