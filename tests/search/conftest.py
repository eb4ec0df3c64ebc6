"""A free objective: what a search finds can be checked against the truth."""

import numpy as np
import pytest

from foretell import spaces
from foretell.costs import CostModel
from foretell.predictors import Context, Predictor


class Linear(Predictor):
    """Scores by a fixed random linear function of the per-layer features; counts what it is asked."""

    learns = False

    def __init__(self, space, name="linear", seed=0, sign=1.0):
        super().__init__(Context(space))
        self.name, self.sign = name, sign
        self.weights = np.random.default_rng(seed).normal(size=space.width)
        self.asked = []

    def fit(self, observations):
        return self

    def _score(self, population):
        self.asked += [row.tobytes() for row in population]
        # A row-wise sum, not a matrix product: a score must not depend on the rest of the population.
        return self.sign * (self.space.features(population, "per-layer") * self.weights).sum(1), None


@pytest.fixture(scope="session")
def space():
    return spaces.create("small-seq2seq")


@pytest.fixture
def costs(space):
    return CostModel(space)


@pytest.fixture
def linear(space):
    return Linear(space)
