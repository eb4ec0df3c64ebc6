"""Zero-cost proxies as predictors: an untrained network, one mini-batch, one number."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from foretell.errors import InputError, UnknownNameError
from foretell.families.encoder_decoder.genes import Backbone
from foretell.families.encoder_decoder.network import Seq2SeqTransformer
from foretell.nn import EOS
from foretell.predictors.base import Predictor
from foretell.predictors.context import Context
from foretell.predictors.zero_cost.passes import PASSES
from foretell.progress import track
from foretell.spaces import Population, SearchSpace
from foretell.tasks.translation import Batch
from foretell.training import Recipe, build_network

__all__ = ["ZeroCost", "random_batch"]

Vector = npt.NDArray[np.float64]

_SENTENCES = 16


class ZeroCost(Predictor):
    """A proxy of a network at initialisation; its scores only rank, and not always the way they should.

    Each architecture is built on its own as for training, with the same seed, scored and dropped: memory does
    not grow with the population, and no score depends on another row. Without the context's mini-batch, random
    tokens of the space's nominal vocabulary and length stand in for the task.

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
        vocabulary = self.context.vocabulary or Backbone.of(self.space).vocabulary
        batch = self.context.batch or random_batch(self.space, vocabulary)
        scores = np.empty(len(population))
        with track(f"scoring with {self.proxy}", len(population), "architectures") as meter:
            for index, architecture in enumerate(self.space.architectures(population)):
                network = build_network(architecture, {"vocabulary": vocabulary}, Recipe(), self.context.seed).eval()
                if not isinstance(network, Seq2SeqTransformer):
                    raise InputError(f"{self.proxy} reads an encoder_decoder, not a network of {network.family}.")
                with torch.enable_grad():
                    scores[index] = PASSES[self.proxy](network, batch)
                meter.update(index + 1)
        return scores, None


def random_batch(space: SearchSpace, vocabulary: int) -> Batch:
    """Sixteen pairs of random tokens of the space's nominal sentence length, the same every time."""
    generator = torch.Generator().manual_seed(0)
    length = Backbone.of(space).sentence_length
    source, target = (
        torch.randint(4, vocabulary, (_SENTENCES, length), generator=generator, dtype=torch.int64) for _ in range(2)
    )
    end = torch.full((_SENTENCES, 1), EOS)
    target_in, target_out = torch.cat([end, target[:, :-1]], 1), torch.cat([target[:, :-1], end], 1)
    return Batch(source, target_in, target_out, target_out.numel(), torch.arange(_SENTENCES))
