import json

import numpy as np
import pytest

from foretell import spaces
from foretell.errors import InputError, IntegrityError
from foretell.predictors import Columns, Context, Predictor, create, load, save
from foretell.testing import make_observations

SPACE = spaces.create("small-seq2seq")


@pytest.fixture
def path(tmp_path):
    items = make_observations(SPACE, 8)
    predictor = create("calibrated:column:score", context=Context(SPACE, columns=Columns.of(items, "valid_bleu")))
    save(predictor.fit(items[:6]), tmp_path / "p.json")
    return tmp_path / "p.json"


def test_scores_of_unlabelled_architectures_are_kept(path):
    items = make_observations(SPACE, 8)
    mean = load(path).predict(SPACE.population([item.architecture for item in items])).mean
    assert not np.isnan(mean).any()


@pytest.mark.parametrize(("key", "value"), [("format", 9), ("fingerprint", "0")])
def test_other_versions_are_refused(path, key, value):
    data = json.loads(path.read_text())
    path.write_text(json.dumps({**data, key: value}))
    with pytest.raises(IntegrityError, match=r"fit (and save )?it again"):
        load(path)


def test_what_is_not_fitted_on_labels_alone_is_refused(tmp_path):
    class Network(Predictor):
        name = "supernet"

        def _score(self, population):
            return np.zeros(len(population)), None

    with pytest.raises(InputError, match="keeps its own files"):
        save(Network(), tmp_path / "p.json")


@pytest.mark.parametrize(
    "name", ["llm", "mean(regression,calibrated:llm)", "llm-embedding", "weighted(constant,calibrated:sandwich:folder)"]
)
def test_a_strangers_file_that_names_a_model_or_a_folder_is_refused(path, name):
    path.write_text(json.dumps({**json.loads(path.read_text()), "predictor": name}))
    with pytest.raises(IntegrityError, match="which no file keeps; fit it here"):
        load(path)
