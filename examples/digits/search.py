"""What study.yaml says, in Python: the network that reads most handwritten digits.

Run: `python search.py`
"""

from collections.abc import Mapping
from typing import Any

import foretell
from train import read_options, train

SPACE = foretell.SearchSpace(
    {
        "network": ["dense", "convolutional"],
        "layers": [1, 2, 3],
        "width": [8, 16, 32],
        "activation": ["relu", "tanh", "silu"],
        "dropout": [0.0, 0.2],
        "learning_rate": [0.0003, 0.001, 0.003, 0.01, 0.03],
    },
    name="digits",
)


def objective(architecture: Mapping[str, Any], seed: int) -> dict[str, float]:
    """Train one architecture; its accuracy on unseen images."""
    options = read_options(["--seed", str(seed)])
    vars(options).update(architecture)
    return train(options)


if __name__ == "__main__":
    study = foretell.create_study(SPACE, metric="accuracy", direction="maximize", storage="runs/digits-python")
    study.optimize(objective, n_trials=16)
    print(study.best)
    print(study.report())
