"""What early stopping would have saved of the trainings on record, and what it would have cost.

    python benchmarks/patience.py

The learning curves of the reference benchmarks are read as a training with `patience` would have lived through them.
Nothing is trained, so this takes seconds.
"""

from __future__ import annotations

import argparse

import numpy as np

from foretell.observations import Observation, load
from foretell.training import Recipe

BENCHMARKS = ("en-de", "en-ga", "en-ko", "en-pl")
"""Those that were trained by the default recipe's validations."""


def ended(observation: Observation, recipe: Recipe) -> tuple[int, float]:
    """The update at which the training would have ended, and the best validation loss (bits a token) until then."""
    best, when = float("inf"), 0
    for row in observation.provenance["history"]:
        update, loss = int(row["update"]), row["valid_loss"]
        if update % recipe.validate_every == 0 and loss < best:
            best, when = loss, update
        if update - when >= recipe.patience * recipe.validate_every:
            return update, best
    return recipe.updates, best


def main() -> None:
    """Print a row a benchmark and patience."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--patience", type=int, nargs="+", default=[1, 2, 3])
    patiences = parser.parse_args().patience
    print("benchmark  patience  trainings  ended early  updates saved  best loss missed, at most (bits a token)")
    for name in BENCHMARKS:
        found = [item for item in load(f"reference:{name}").observations if item.provenance.get("history")]
        for patience in patiences:
            recipe = Recipe(patience=patience)
            lives = [ended(item, recipe) for item in found]
            saved = [1 - update / recipe.updates for update, _ in lives]
            # The best that was kept, the average of the last weights among it, against what would have been.
            worse = [
                best - item.metrics["valid_loss"]
                for (update, best), item in zip(lives, found, strict=True)
                if update < recipe.updates
            ]
            early = sum(share > 0 for share in saved)
            missed = f"{np.mean(saved):13.0%}  {max(worse, default=0):.3f}"
            print(f"{name:9s}  {patience:8d}  {len(found):9d}  {early:11d}  {missed}")


if __name__ == "__main__":
    main()
