"""Optuna's study, foretell's sampler: digits of 8 by 8 pixels, a network of at most 20,000 weights."""

import optuna
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

from foretell.integrations.optuna import ForetellSampler

images, digits = load_digits(return_X_y=True)
images = images / 16


def objective(trial: optuna.Trial) -> float:
    """Share of the last 597 digits that a network trained on the others reads rightly."""
    layers = [trial.suggest_int("width", 8, 128, step=8)] * trial.suggest_int("layers", 1, 3)
    rate = trial.suggest_float("rate", 1e-4, 1e-1, log=True)
    kind = trial.suggest_categorical("activation", ["relu", "tanh", "logistic"])
    network = MLPClassifier(layers, activation=kind, learning_rate_init=rate, max_iter=12, random_state=1)
    return float(network.fit(images[:1200], digits[:1200]).score(images[1200:], digits[1200:]))


if __name__ == "__main__":
    study = optuna.create_study(direction="maximize", sampler=ForetellSampler(seed=1))
    study.optimize(objective, n_trials=20)
    print(f"{study.best_value:.3f}", study.best_params)
