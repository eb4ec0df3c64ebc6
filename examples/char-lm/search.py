"""What study.yaml says, in Python: the best small language model of characters with at most 150,000 parameters.

Run: `python search.py`
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import foretell
from train import read_options, train

SPACE = foretell.SearchSpace(
    {
        "layers": [1, 2, 3, 4],
        "width": [32, 48, 64, 96, 128],
        "mixer": ["attention", "gru", "conv"],
        "window": [1, 2, 4],
        "expansion": [1, 2, 4],
        "activation": ["relu", "gelu", "silu"],
        "learning_rate": [0.0003, 0.001, 0.003, 0.01],
    },
    name="char-lm",
    costs={
        "params": "99 * width + window * width**2 + layers * (5 * width + expansion * (2 * width**2 + width)"
        " + (4 * width**2 + 4 * width if mixer == 'attention'"
        " else 6 * width**2 + 6 * width if mixer == 'gru' else 4 * width**2 + width))"
    },
)


def objective(architecture: Mapping[str, Any], seed: int, folder: Path) -> dict[str, float]:
    """Train one architecture; its loss on unseen text, in bits per character."""
    options = read_options(["--seed", str(seed), "--folder", str(folder)])
    vars(options).update(architecture)
    return train(options)


if __name__ == "__main__":
    study = foretell.create_study(
        SPACE, metric="val_loss", direction="minimize", constraints=["params<=150k"], storage="runs/char-lm-python"
    )
    study.optimize(objective, n_trials=16)
    print(study.best)
    print(study.report())
