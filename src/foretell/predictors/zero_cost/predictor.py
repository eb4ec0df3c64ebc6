"""Zero-cost proxies as predictors: an untrained network, one mini-batch, one number."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from foretell.errors import InputError, UnknownNameError
from foretell.families.base import nominal_sizes
from foretell.families.probe import ProbedFamily
from foretell.predictors.base import Predictor
from foretell.predictors.context import Context
from foretell.predictors.zero_cost.passes import PASSES
from foretell.progress import track
from foretell.spaces import Population
from foretell.training import Recipe, build_network

__all__ = ["ZeroCost"]

Vector = npt.NDArray[np.float64]


class ZeroCost(Predictor):
    """A proxy of a network at initialisation; its scores only rank, and not always the way they should.

    Each architecture is built on its own as for training, with the same seed, scored and dropped: memory does
    not grow with the population, and no score depends on another row. Without the context's mini-batch, random
    tokens of the space's nominal sizes stand in for the task.

    Args:
        context: The surroundings; `batch`, `vocabulary` and `seed` matter.
        proxy: One of `foretell.predictors.zero_cost.PASSES`; also the predictor's name.

    Raises:
        UnknownNameError: There is no such proxy.
    """

    calibrated = False
    minimum = 0
    spread = False
    learns = False
    price = 1

    def __init__(self, context: Context | None = None, *, proxy: str) -> None:
        super().__init__(context)
        if proxy not in PASSES:
            raise UnknownNameError("zero-cost proxy", proxy, PASSES)
        self.proxy = self.name = proxy

    def _score(self, population: Population) -> tuple[Vector, Vector | None]:
        family = self.space.family
        if not isinstance(family, ProbedFamily):
            raise InputError(
                f"{self.proxy} reads untrained networks, of which the family of the space {self.space.name} tells too "
                "little; choose another predictor."
            )
        sizes = nominal_sizes(self.space)
        if self.context.vocabulary is not None:
            sizes["vocabulary"] = self.context.vocabulary
        if self.context.classes is not None:
            sizes["classes"] = self.context.classes
        batch = self.context.batch or family.random_batch(self.space, sizes)
        scores = np.empty(len(population))
        with track(f"scoring with {self.proxy}", len(population), "architectures") as meter:
            for index, architecture in enumerate(self.space.architectures(population)):
                network = build_network(architecture, sizes, Recipe(), self.context.seed).eval()
                with torch.enable_grad():
                    scores[index] = PASSES[self.proxy](family.probe(network, batch))
                meter.update(index + 1)
        return scores, None
