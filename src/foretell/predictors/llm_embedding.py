"""A regression on what a language model makes of an architecture's text."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from foretell.llm.embedding import Embedder, open_embedder
from foretell.llm.models import DEFAULT_MODEL
from foretell.predictors.base import Predictor
from foretell.predictors.context import Context
from foretell.predictors.labels import Labels
from foretell.progress import track
from foretell.ridge import fit_ridge
from foretell.spaces import Population

__all__ = ["LlmEmbedding"]

Vector = npt.NDArray[np.float64]

_STRENGTHS = np.logspace(-4, 3, 29)  # relative to the mean square of the centred points


class LlmEmbedding(Predictor):
    """Ridge regression on the mean hidden state of an architecture's text in a local language model.

    The strength is the one with the least leave-one-out error on the labels. It needs three labels, asks no
    question, and its scores are in the unit of the labels.

    Args:
        context: The surroundings.
        model: A known local model, or the path of a GGUF file.
    """

    name = "llm-embedding"
    minimum = 3
    price = 1

    def __init__(self, context: Context | None = None, *, model: str = DEFAULT_MODEL) -> None:
        super().__init__(context)
        self.model = model.removeprefix("local:")

    @property
    def embedder(self) -> Embedder:
        """The model; one for all predictors of this process."""
        return open_embedder(self.model)

    def _points(self, population: Population) -> Vector:
        texts = [architecture.to_text() for architecture in self.space.architectures(population)]
        found = []
        with track(f"reading architectures with {self.model}", total=max(1, len(texts)), unit="architectures") as meter:
            for number, text in enumerate(texts, 1):
                found.append(self.embedder.embed([text])[0])
                meter.update(number)
        return np.stack(found)

    def _learn(self, labels: Labels) -> None:
        points = self._points(labels.population)
        self._center, self._mean = points.mean(axis=0), float(labels.values.mean())
        # Turned into the space of the labels: there are far fewer of them than hidden units.
        left, scales, right = np.linalg.svd(points - self._center, full_matrices=False)
        strengths = np.repeat(_STRENGTHS[:, None] * (scales**2).mean(), len(scales), axis=1)
        fits = fit_ridge(left * scales, labels.values - self._mean, strengths)
        best = int(np.argmin(fits.errors))
        self._coefficients = right.T @ fits.coefficients[best]
        self._std = float(np.sqrt(fits.errors[best]))

    def _score(self, population: Population) -> tuple[Vector, Vector | None]:
        mean = ((self._points(population) - self._center) * self._coefficients).sum(axis=1) + self._mean
        return mean, np.full(len(mean), self._std)
