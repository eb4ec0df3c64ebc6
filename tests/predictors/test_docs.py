"""The examples of docs/predictors.md, executed."""

import re
from pathlib import Path

from foretell.predictors import Predictor, names
from foretell.testing import PredictorConformance

DOCS = Path(__file__).parents[2] / "docs" / "predictors.md"
BLOCKS = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
OWN = next(block for block in BLOCKS if "class NearestNeighbour" in block)


def own():
    scope = {"__name__": "example"}
    exec(OWN, scope)  # noqa: S102 - it is the documentation that is under test
    return scope["NearestNeighbour"]


def test_the_example_is_short():
    assert len(OWN.splitlines()) < 30


class TestNearestNeighbour(PredictorConformance):
    spelling = "nearest"

    def make(self, context):
        assert issubclass(own(), Predictor)
        return own()(context)

    # Loading looks a name up among installed packages, where an example in a page does not stand.
    test_saved_and_loaded_it_is_the_same = None


def test_the_first_example_runs(tfs_eval, published):
    code = BLOCKS[0].replace("../shared/data", str(published))
    scope = {}
    exec(code, scope)  # noqa: S102
    assert scope["prediction"].mean.shape == (20,)


def test_every_name_is_explained():
    text = DOCS.read_text(encoding="utf-8")
    missing = [name for name in names() if f"`{name}" not in text]
    assert not missing
