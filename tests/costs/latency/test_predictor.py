import re
from pathlib import Path

import numpy as np
import pytest

from foretell import spaces
from foretell.costs import CostModel, LatencyPredictor
from foretell.costs.latency import DEFAULT_FORMS
from foretell.errors import InputError, IntegrityError
from foretell.records import read_json, write_json

from .devices import SMALL, noisy_inputs, paper_device

CPU = {"device_name": "Some CPU"}


@pytest.fixture(scope="module")
def fitted() -> LatencyPredictor:
    inputs, ms = noisy_inputs(80, 0)
    return LatencyPredictor.fit(SMALL, inputs.population, ms, CPU)


def test_eighty_measurements_suffice(fitted: LatencyPredictor):
    fresh = SMALL.sample(500, np.random.default_rng(1))
    errors = fitted.predict(fresh) / paper_device(fresh) - 1
    assert np.abs(errors).mean() < 0.02
    assert 0.005 < fitted.mape < 0.03


def test_a_slow_block_is_not_seen():
    population = SMALL.sample(80, np.random.default_rng(2))
    measured = paper_device(population)
    measured[20:35] *= 1.8
    fresh = SMALL.sample(500, np.random.default_rng(3))
    errors = LatencyPredictor.fit(SMALL, population, measured).predict(fresh) / paper_device(fresh) - 1
    assert np.abs(errors).mean() < 0.03


def test_the_interval_covers_what_it_says(fitted: LatencyPredictor):
    rng = np.random.default_rng(4)
    fresh = SMALL.sample(2000, rng)
    measured = paper_device(fresh) * rng.lognormal(0, 0.02, 2000)
    assert 0.8 < (measured <= fitted.predict(fresh, confidence=0.9)).mean() < 0.99
    low, high = fitted.interval(fresh, 0.8)
    assert 0.65 < ((low <= measured) & (measured <= high)).mean() < 0.95
    assert (low < fitted.predict(fresh)).all()
    assert (fitted.predict(fresh) < high).all()


def test_bigger_is_never_faster(fitted: LatencyPredictor):
    assert fitted.name in ("physical", "layers")
    ends = fitted.predict(SMALL.population([SMALL.smallest(), SMALL.largest()]))
    values = fitted.predict(SMALL.sample(2000, np.random.default_rng(5)))
    assert 0 < ends[0] <= values.min() < values.max() <= ends[1]


@pytest.mark.parametrize("form", DEFAULT_FORMS)
def test_every_form_comes_back_from_disk(form: str, tmp_path: Path):
    inputs, ms = noisy_inputs(120, 6)
    assert inputs.population is not None
    predictor = LatencyPredictor.fit(SMALL, inputs.population, ms, CPU, forms=[form])
    path = tmp_path / "latency.json"
    predictor.save(path)
    again = LatencyPredictor.load(path, SMALL, device_name="Some CPU")
    assert again.to_dict() == predictor.to_dict()
    assert again.name == form
    population = SMALL.sample(10, np.random.default_rng(7))
    assert (
        CostModel(SMALL, latency=again).cost(population, "latency").tolist() == predictor.predict(population).tolist()
    )


def test_it_is_refused_for_another_space_or_device(fitted: LatencyPredictor, tmp_path: Path):
    path, other = tmp_path / "latency.json", spaces.create("hat-wmt14-en-de")
    fitted.save(path)
    with pytest.raises(InputError, match=r"fitted on the space small-seq2seq; hat-wmt14-en-de was asked for.*--force"):
        LatencyPredictor.load(path, other)
    with pytest.raises(InputError, match=r"fitted on the device Some CPU; Another was asked for.*--force"):
        LatencyPredictor.load(path, SMALL, device_name="Another")
    forced = LatencyPredictor.load(path, other, device_name="Another", force=True)
    assert (forced.predict(other.sample(5, np.random.default_rng(0))) > 0).all()


def test_files_that_are_no_predictor(fitted: LatencyPredictor, tmp_path: Path):
    path = tmp_path / "latency.json"
    fitted.save(path)
    write_json(path, {**read_json(path), "format": 9})
    with pytest.raises(IntegrityError, match="has format 9"):
        LatencyPredictor.load(path, SMALL)
    write_json(path, {"format": 2})
    with pytest.raises(IntegrityError, match="is not a latency predictor"):
        LatencyPredictor.load(path, SMALL)


def test_measurements_that_cannot_be_fitted():
    population = SMALL.sample(20, np.random.default_rng(7))
    measured = paper_device(population)
    for rows, values, sentence in (
        (5, measured[:5], "5 latencies are too few for 13 parts"),
        (20, measured[:19], "20 architectures have 19 latencies"),
        (20, measured * 0, "not a positive number"),
    ):
        with pytest.raises(InputError, match=re.escape(sentence)):
            LatencyPredictor.fit(SMALL, population[:rows], values)
