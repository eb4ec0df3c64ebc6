"""The sampler for Optuna's studies: Optuna's own tests of samplers, and what the predictor is worth in it."""

import copy
import runpy
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.testing.pytest_samplers import BasicSamplerTestCase, RelativeSamplerTestCase, SingleOnlySamplerTestCase

from foretell.errors import ForetellError, InfeasibleError, InputError
from foretell.integrations.optuna import ForetellSampler

optuna.logging.set_verbosity(optuna.logging.WARNING)


@pytest.mark.filterwarnings("ignore::foretell.predictors.labels.AbsurdLabelWarning")  # values span powers of ten
class TestForetellSampler(BasicSamplerTestCase, RelativeSamplerTestCase, SingleOnlySamplerTestCase):
    """What Optuna asks of every sampler."""

    @pytest.fixture
    def sampler(self):
        return lambda: ForetellSampler(predictor="regression", startup=2, seed=0)


SPACE = {
    "width": IntDistribution(8, 128, step=8),
    "layers": IntDistribution(1, 6),
    "rate": FloatDistribution(1e-5, 1e-1, log=True),
    "dropout": FloatDistribution(0.0, 0.5),
    "mixer": CategoricalDistribution(["gru", "conv", "attention"]),
    "tied": CategoricalDistribution([True, False]),
    "norm": CategoricalDistribution([None, "layer", 3]),
}


def loss(params) -> float:
    wide = np.log(params["width"] * params["layers"])
    return 9 - wide + abs(np.log10(params["rate"]) + 3) + (params["mixer"] == "gru") + (params["norm"] is None)


def run(sampler, trials=24, direction="minimize", sign=1.0):
    study = optuna.create_study(direction=direction, sampler=sampler)
    for _ in range(trials):
        trial = study.ask(SPACE)
        study.tell(trial, sign * loss(trial.params))
    return study


def test_it_finds_better_ones_than_chance_and_turns_with_the_direction():
    ours = [run(ForetellSampler(predictor="regression", seed=seed)).best_value for seed in range(3)]
    chance = [run(optuna.samplers.RandomSampler(seed=seed)).best_value for seed in range(3)]
    assert np.mean(ours) < np.mean(chance)
    turned = run(ForetellSampler(predictor="regression", seed=0), direction="maximize", sign=-1.0)
    assert turned.best_value == pytest.approx(-ours[0])


def test_the_same_seed_suggests_the_same_and_goes_on_in_a_new_sampler():
    whole = run(ForetellSampler(predictor="regression", seed=3), 12)
    parts = run(ForetellSampler(predictor="regression", seed=3), 6)
    parts.sampler = ForetellSampler(predictor="regression", seed=3)
    for _ in range(6):
        trial = parts.ask(SPACE)
        parts.tell(trial, loss(trial.params))
    # The very first trial is independent of the sampler's design: Optuna draws it parameter by parameter.
    assert [t.params for t in parts.trials] == [t.params for t in whole.trials]


def test_limits_hold_from_the_first_trial_on():
    sizes = {"width": IntDistribution(8, 128, step=8), "layers": IntDistribution(1, 6)}
    sampler = ForetellSampler(
        predictor="regression", seed=0, search_space=sizes, costs={"params": "layers * width ** 2"},
        constraints=["params<=10k"],
    )  # fmt: skip
    study = optuna.create_study(sampler=sampler)
    for _ in range(12):
        trial = study.ask(sizes)
        assert trial.params["layers"] * trial.params["width"] ** 2 <= 10_000
        study.tell(trial, -trial.params["layers"] * trial.params["width"])
    with pytest.raises(InfeasibleError):
        optuna.create_study(
            sampler=ForetellSampler(search_space=sizes, costs={"params": "layers * width"}, constraints=["params<=1"])
        ).ask(sizes)
    with pytest.raises(InputError, match="give their distributions as search_space"):
        ForetellSampler(constraints=["params<=1"])


@pytest.mark.parametrize("told", [True, False])
def test_a_cost_may_name_a_parameter_of_one_value(told):
    sizes = {"layers": IntDistribution(2, 2), "width": IntDistribution(8, 64, step=8)}
    sampler = ForetellSampler(
        predictor="regression", startup=2, seed=1, search_space=sizes, costs={"params": "layers * width ** 2"},
        constraints=["params<=2k"],
    )  # fmt: skip
    study = optuna.create_study(sampler=sampler)
    for _ in range(4):
        trial = study.ask(sizes if told else {"width": sizes["width"]})
        assert trial.params["width"] <= 24
        study.tell(trial, -trial.params["width"])
    assert len({trial.params["width"] for trial in study.trials[:3]}) == 3


def test_what_is_drawn_at_random_differs_from_trial_to_trial_in_processes_of_one_seed():
    def drawn(sampler):
        study = optuna.create_study(sampler=ForetellSampler(seed=1))
        for _ in range(4):
            study.sampler = sampler(study.sampler)
            trial = study.ask()
            trial.suggest_float("x", 0, 1)
            study.tell(trial, trial.suggest_float(f"y{trial.number}", 0, 1))
        return [value for trial in study.trials for name, value in trial.params.items() if name != "x"]

    apart = drawn(lambda _: ForetellSampler(seed=1))
    assert len(set(apart)) == 4
    assert drawn(lambda sampler: sampler) == apart


def test_failed_and_pruned_trials_are_learnt_from_and_a_space_that_is_used_up_is_tried_again():
    study = optuna.create_study(sampler=ForetellSampler(predictor="regression", startup=2, seed=0))
    few = {"a": IntDistribution(1, 3), "b": CategoricalDistribution(["x", "y"])}
    states = [optuna.trial.TrialState.FAIL, optuna.trial.TrialState.PRUNED]
    for number in range(10):
        trial = study.ask(few)
        if number in (1, 2):
            study.tell(trial, state=states[number - 1])
        else:
            study.tell(trial, trial.params["a"])
    assert len({tuple(trial.params.items()) for trial in study.trials}) == 6


def test_the_example_runs():
    module = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "optuna" / "search.py"))
    study = optuna.create_study(direction="maximize", sampler=ForetellSampler(seed=1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # twelve epochs are not convergence, says scikit-learn
        study.optimize(module["objective"], n_trials=3)
    assert study.best_value > 0.5


@pytest.mark.parametrize("seed", range(2))
def test_trials_that_begin_together_are_not_the_same(seed):
    def objective(trial):
        width, word = trial.suggest_int("width", 1, 200), trial.suggest_categorical("word", list("abcdef"))
        time.sleep(0.05)
        return width / 200 + "abcdef".index(word)

    spaces = {"width": IntDistribution(1, 200), "word": CategoricalDistribution(list("abcdef"))}
    sampler = ForetellSampler(predictor="regression", startup=4, seed=seed, search_space=spaces)
    study = optuna.create_study(sampler=sampler)
    study.optimize(objective, n_trials=14, n_jobs=2)
    tried = [tuple(trial.params.values()) for trial in study.trials]
    assert len(set(tried)) == len(tried)


@pytest.mark.parametrize("startup", [3, 0])
def test_processes_that_choose_at_the_same_instant_choose_apart(startup):
    """Each has a sampler of its own on the same storage, and all begin their trials before the first has chosen."""
    spaces = {"width": IntDistribution(1, 200), "word": CategoricalDistribution(list("abcdef"))}
    together, storage = threading.Barrier(3), optuna.storages.InMemoryStorage()

    class Meeting(ForetellSampler):
        def sample_relative(self, study, trial, search_space):
            if met:
                together.wait(30)
            return super().sample_relative(study, trial, search_space)

    def opened():
        sampler = Meeting(predictor="regression", startup=startup, seed=1, search_space=spaces)
        return optuna.create_study(study_name="one", storage=storage, sampler=sampler, load_if_exists=True)

    met = False
    for value in range(3):
        study = opened()
        study.tell(study.ask(spaces), value)
    met = True
    with ThreadPoolExecutor(3) as pool:
        asked = list(pool.map(lambda study: study.ask(spaces).params, [opened() for _ in range(3)]))
    assert len({tuple(each.values()) for each in asked}) == 3


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"predictor": "regresion"}, "did you mean 'regression'"),
        ({"startup": -1}, "startup is -1"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_trained(options, sentence):
    with pytest.raises(ForetellError, match=sentence):
        ForetellSampler(**options)


def test_a_sampler_goes_to_other_processes():
    sent = copy.deepcopy(ForetellSampler(predictor="regression", seed=3))
    assert run(sent, trials=8).best_value == run(ForetellSampler(predictor="regression", seed=3), trials=8).best_value
