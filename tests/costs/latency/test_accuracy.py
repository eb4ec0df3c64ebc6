import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from foretell.costs import LatencySamples, fit_latency, learning_curve, read_samples
from foretell.costs.latency import published_split
from foretell.errors import InputError, UnknownNameError
from foretell.published.hat_latency import import_hat_latency

from .devices import SMALL, noisy_inputs, paper_device
from .published import write_csv

# RMSE in ms and MAPD in percent of HAT's MLP on the same split, measured once by its recipe.
HAT = {
    "wmt14ende_gpu_titanxp": (16.7, 6.1),
    "iwslt14deen_gpu_titanxp": (12.9, 6.2),
    "wmt14ende_cpu_xeon": (16.8, 4.6),
    "wmt14ende_cpu_raspberrypi": (505, 4.7),
}


def samples_of(n: int, seed: int = 0) -> LatencySamples:
    inputs, ms = noisy_inputs(n, seed)
    return LatencySamples(inputs, ms, np.ones(n), np.arange(n), True, {"device_name": "Some CPU"})


def test_the_split_is_the_published_one():
    rows = list(range(2000))
    random.Random(0).shuffle(rows)  # noqa: S311
    train, test = published_split(2000)
    assert train.tolist() == sorted(rows[:1600])
    assert test.tolist() == sorted(rows[1800:])


@pytest.mark.parametrize("name", HAT)
def test_at_most_the_published_error(published: Path, tmp_path: Path, name: str):
    file = published / "hat" / "latency_dataset" / f"{name}_all.csv"
    import_hat_latency(file, tmp_path / "samples.jsonl")
    samples = read_samples(tmp_path / "samples.jsonl")
    found = fit_latency(samples)
    chosen = next(model for model in found.models if model["name"] == found.predictor.name)
    rmse, mapd = HAT[name]
    assert chosen["rmse_ms"] <= rmse
    assert chosen["mapd"] <= mapd
    assert chosen["mapd_blind"] <= mapd
    # Nothing known of the moment, rows of slow blocks are missed by a quarter: that is the drift, not the model.
    assert chosen["rmse_ms_blind"] <= 1.15 * rmse
    (few,) = learning_curve(samples, ["physical", "gp"], sizes=[200])
    assert few["samples"] == 200
    assert few["rmse_ms"] <= 1.15 * rmse
    assert few["mapd"] <= 1.15 * mapd


def test_all_candidates_are_judged_and_one_is_kept():
    found = fit_latency(samples_of(400))
    assert [model["name"] for model in found.models] == ["physical", "layers", "ridge", "gp", "mlp"]
    value = found.to_dict()
    assert value["chosen"] in ("physical", "layers", "gp")
    assert value["drift_blocks"] == []
    assert {"rmse_ms", "mapd", "seconds"} <= set(value["models"][0])
    fresh = SMALL.sample(200, np.random.default_rng(9))
    assert np.abs(found.predictor.predict(fresh) / paper_device(fresh) - 1).mean() < 0.02


def test_the_curve_falls():
    curve = learning_curve(samples_of(800), ["physical"], sizes=[50, 200, 2000])
    assert [point["samples"] for point in curve] == [50, 200, 640]
    assert [point["draws"] for point in curve] == [5, 5, 1]
    assert curve[0]["mapd"] > curve[-1]["mapd"]


def test_hats_own_recipe_is_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    from foretell import perceptron
    from foretell.costs import LatencyPredictor
    from foretell.costs.latency import hat_mlp

    assert (hat_mlp._RECIPE.steps, hat_mlp._RECIPE.batch, hat_mlp._RECIPE.learning_rate) == (5000, 128, 1e-5)
    monkeypatch.setattr(hat_mlp, "_RECIPE", replace(hat_mlp._RECIPE, steps=3))
    monkeypatch.setattr(perceptron, "_HIDDEN", 8)
    found = fit_latency(samples_of(300), ["hat-mlp"])
    assert found.predictor.name == "hat-mlp"
    found.predictor.save(tmp_path / "p.json")
    rows = SMALL.sample(5, np.random.default_rng(0))
    again = LatencyPredictor.load(tmp_path / "p.json", SMALL).predict(rows)
    assert again == pytest.approx(found.predictor.predict(rows), rel=1e-4)


def test_what_cannot_be_fitted_is_one_sentence(tmp_path: Path):
    with pytest.raises(InputError, match="12 latencies are too few for 13 parts"):
        fit_latency(samples_of(12))
    with pytest.raises(UnknownNameError, match="did you mean 'ridge'"):
        fit_latency(samples_of(50), ["rigde"])
    with pytest.raises(InputError, match=r"model hat-mlp cannot be fitted because .* fewer than one batch of 128"):
        fit_latency(samples_of(50), ["hat-mlp"])
    import_hat_latency(write_csv(tmp_path / "wmt14ende_cpu_toy_all.csv", 60), tmp_path / "samples.jsonl")
    with pytest.raises(InputError, match="model layers cannot be fitted because only averages"):
        fit_latency(read_samples(tmp_path / "samples.jsonl"), ["layers"])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "holds no latency"),
        ('{"format": 2, "key": "a"}\n', "does not hold latency samples"),
        ('{"format": 2, "key": "a"}\n{"key": "b"}\n', "holds latencies of 2 settings"),
    ],
)
def test_files_that_hold_no_samples(tmp_path: Path, text: str, sentence: str):
    path = tmp_path / "samples.jsonl"
    path.write_text(text)
    with pytest.raises(InputError, match=sentence):
        read_samples(path)
    with pytest.raises(InputError, match="is a folder"):
        read_samples(tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        read_samples(tmp_path / "nothing.jsonl")
