"""Published tests: what predictors, objectives, search algorithms and families must keep, whoever wrote them.

    from foretell.testing import PredictorConformance

    class TestMine(PredictorConformance):
        spelling = "mine"

runs them all under pytest; `ObjectiveConformance`, `AlgorithmConformance` and `FamilyConformance` likewise.
"""

from foretell.testing.algorithms import AlgorithmConformance
from foretell.testing.families import FamilyConformance
from foretell.testing.objectives import ObjectiveConformance
from foretell.testing.predictors import PredictorConformance, make_observations

__all__ = [
    "AlgorithmConformance",
    "FamilyConformance",
    "ObjectiveConformance",
    "PredictorConformance",
    "make_observations",
]
