from pathlib import Path

import numpy as np
import pytest

from foretell import spaces
from foretell.costs import CostModel, LatencyPredictor
from foretell.errors import InputError, IntegrityError
from foretell.records import read_json, write_json
from foretell.spaces import Population

SMALL = spaces.create("small-seq2seq")


def device(population: Population) -> np.ndarray:
    """A device that takes 1 ms, and a time for every layer and for what is in it."""
    values = SMALL.features(population, "hat")
    names = [gene.name for gene in SMALL.genes]
    depth, width, ffn = (
        values[:, names.index(f"decoder-{kind}")] for kind in ("layer-num", "embed-dim", "ffn-embed-dim-all")
    )
    return 1 + 0.1 * values[:, names.index("encoder-layer-num")] + depth * (1.2 + width / 200 + width * ffn / 30_000)


@pytest.fixture(scope="module")
def fitted() -> LatencyPredictor:
    rng = np.random.default_rng(0)
    population = SMALL.sample(80, rng)
    return LatencyPredictor.fit(SMALL, population, device(population) * rng.lognormal(0, 0.02, 80))


def test_eighty_measurements_suffice(fitted: LatencyPredictor):
    fresh = SMALL.sample(500, np.random.default_rng(1))
    errors = fitted.predict(fresh) / device(fresh) - 1
    assert np.abs(errors).mean() < 0.02
    assert 0.005 < fitted.mape < 0.03


def test_a_slow_block_is_not_seen(fitted: LatencyPredictor):
    population = SMALL.sample(80, np.random.default_rng(2))
    measured = device(population)
    measured[20:35] *= 1.8
    fresh = SMALL.sample(500, np.random.default_rng(3))
    errors = LatencyPredictor.fit(SMALL, population, measured).predict(fresh) / device(fresh) - 1
    assert np.abs(errors).mean() < 0.03


def test_the_upper_end_covers_what_it_says(fitted: LatencyPredictor):
    rng = np.random.default_rng(4)
    fresh = SMALL.sample(2000, rng)
    measured = device(fresh) * rng.lognormal(0, 0.02, 2000)
    covered = (measured <= fitted.predict(fresh, confidence=0.9)).mean()
    assert 0.8 < covered < 0.99


def test_bigger_is_never_faster(fitted: LatencyPredictor):
    assert min(fitted.milliseconds) >= 0
    ends = fitted.predict(SMALL.population([SMALL.smallest(), SMALL.largest()]))
    values = fitted.predict(SMALL.sample(2000, np.random.default_rng(5)))
    assert 0 < ends[0] <= values.min() < values.max() <= ends[1]


def test_it_comes_back_from_disk(fitted: LatencyPredictor, tmp_path: Path):
    path = tmp_path / "latency.json"
    fitted.save(path)
    again = LatencyPredictor.load(path, SMALL)
    assert again == fitted
    population = SMALL.sample(10, np.random.default_rng(6))
    assert CostModel(SMALL, latency=again).cost(population, "latency").tolist() == fitted.predict(population).tolist()


def test_it_is_refused_for_another_space(fitted: LatencyPredictor, tmp_path: Path):
    path = tmp_path / "latency.json"
    fitted.save(path)
    with pytest.raises(InputError, match="fitted on the space small-seq2seq; hat-wmt14-en-de is searched"):
        LatencyPredictor.load(path, spaces.create("hat-wmt14-en-de"))
    write_json(path, {**read_json(path), "format": 9})
    with pytest.raises(IntegrityError, match="has format 9"):
        LatencyPredictor.load(path, SMALL)
    write_json(path, {"format": 1})
    with pytest.raises(IntegrityError, match="is not a latency predictor"):
        LatencyPredictor.load(path, SMALL)


def test_measurements_that_cannot_be_fitted():
    population = SMALL.sample(20, np.random.default_rng(7))
    measured = device(population)
    with pytest.raises(InputError, match="5 latencies are too few for 13 parts"):
        LatencyPredictor.fit(SMALL, population[:5], measured[:5])
    with pytest.raises(InputError, match="20 architectures have 19 latencies"):
        LatencyPredictor.fit(SMALL, population, measured[:19])
    with pytest.raises(InputError, match="not a positive number"):
        LatencyPredictor.fit(SMALL, population, measured * 0)
