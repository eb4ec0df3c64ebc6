"""Regression on a language model's hidden states."""

import numpy as np
import pytest

from foretell.testing import PredictorConformance

pytestmark = pytest.mark.network


@pytest.mark.usefixtures("smollm")
class TestEmbedding(PredictorConformance):
    spelling = "llm-embedding(model=smollm2-135m)"
    labels = 4
    tested = 3

    def test_it_reads_more_than_the_mean_of_the_labels(self):
        predictor, rows = self._shared()
        _, observed, _ = self._observed()
        labels = np.array([item.metric() for item in observed])
        prediction = predictor.predict(rows)
        truth = labels[self.labels :]
        constant = np.abs(truth - labels[: self.labels].mean()).mean()
        assert np.abs(prediction.mean - truth).mean() < constant
        assert (prediction.std > 0).all()
