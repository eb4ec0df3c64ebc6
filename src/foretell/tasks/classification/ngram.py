"""Logistic regression on character n-grams: the simple thing that a classifier must beat to be of any use."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["CharacterNGrams"]

_LONGEST = 4
_ITERATIONS = 30  # of L-BFGS; twice as many changed the accuracy of 41 languages by 0.1
_STRENGTH = 10.0  # scikit-learn's C


@dataclass(frozen=True)
class CharacterNGrams:
    """Counts of runs of one to four characters, weighted by their rarity, and a logistic regression.

    Attributes:
        columns: From texts to a sparse matrix.
        model: From that to classes.
        classes: How many there are.
    """

    columns: Any
    model: Any
    classes: int

    @classmethod
    def fit(
        cls, texts: Sequence[str], labels: NDArray[np.int64], classes: int, *, balanced: bool = False
    ) -> CharacterNGrams:
        """Learn from texts and their classes, int [n]; balanced: all classes count alike."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression

        columns = TfidfVectorizer(analyzer="char", ngram_range=(1, _LONGEST), sublinear_tf=True, dtype=np.float32)
        columns.min_df = 2 if len(texts) > 20 * classes else 1
        model = LogisticRegression(C=_STRENGTH, max_iter=_ITERATIONS, class_weight="balanced" if balanced else None)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(columns.fit_transform(texts), labels)
        return cls(columns, model, classes)

    @property
    def parameters(self) -> int:
        """Weights; the n-grams themselves are not counted."""
        return int(self.model.coef_.size + self.model.intercept_.size)

    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Of each class, `[n, classes]`."""
        found = np.zeros((len(texts), self.classes))
        found[:, self.model.classes_] = self.model.predict_proba(self.columns.transform(texts))
        return found
