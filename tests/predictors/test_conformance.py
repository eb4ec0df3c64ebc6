import pytest

from foretell.predictors import describe, names
from foretell.testing import PredictorConformance

SPELLINGS = {
    "column": "column:score",
    "calibrated": "calibrated:column:score",
    "rank": "rank:regression",
    "stacked": "stacked(column:score)",
    "mean": "mean(regression,calibrated:column:score)",
    "consensus": "consensus(regression,calibrated:column:score)",
    "weighted": "weighted(regression,calibrated:column:score)",
    "forest": "forest(features=hat)",
}


# These need a model, a network or tasks of their own, and prove themselves beside their own tests.
ELSEWHERE = {"experience", "llm", "llm-embedding", "distilled", "student"}
ELSEWHERE |= {"spos", "sandwich", "layerwise-mos", "neuronwise-mos"}


@pytest.mark.parametrize("name", [name for name in names() if name not in ELSEWHERE])
class TestRegistered(PredictorConformance):
    @pytest.fixture(autouse=True)
    def _spelling(self, name):
        self.spelling = SPELLINGS.get(name, name)
        # A forest draws labels by position, boosting its splits; the rest are formulas.
        if describe(name).target.startswith("foretell.predictors.zero_cost"):
            self.labels = self.tested = 3  # they learn nothing, and run a network for each architecture
        self.order_tolerance = (
            0.2 if name in ("forest", "boosting", "hist-boosting") else 1e-3 if name == "gp" else 1e-6
        )


class TestOptions(PredictorConformance):
    spelling = "ridge(features=log-latency+per-layer, strength=2)"
