"""Regression on a language model's hidden states."""

import numpy as np
import pytest

from foretell import spaces
from foretell.predictors import create
from foretell.testing import PredictorConformance, make_observations
from tests.llm.conftest import smollm  # noqa: F401

pytestmark = pytest.mark.network


@pytest.mark.usefixtures("smollm")
class TestEmbedding(PredictorConformance):
    spelling = "llm-embedding(model=smollm2-135m)"
    labels = 4
    tested = 3


def test_it_reads_more_than_the_mean_of_the_labels(smollm):  # noqa: F811
    observed = make_observations(spaces.create("small-seq2seq"), 12)
    space = observed[0].architecture.space
    predictor = create("llm-embedding(model=smollm2-135m)").fit(observed[:8])
    rows = space.population([item.architecture for item in observed[8:]])
    prediction = predictor.predict(rows)
    truth = np.array([item.metric() for item in observed[8:]])
    constant = np.abs(truth - np.mean([item.metric() for item in observed[:8]])).mean()
    assert np.abs(prediction.mean - truth).mean() < constant
    assert (prediction.std > 0).all()
