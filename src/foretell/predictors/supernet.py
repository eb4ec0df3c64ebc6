"""A supernet as a predictor: the validation loss of an architecture's slice of the shared weights."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, nullcontext
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from foretell.errors import ForetellError
from foretell.machine import torch_threads, usable_cores
from foretell.observations import Observation
from foretell.predictors.base import Predictor
from foretell.predictors.context import Context
from foretell.progress import Meter, track
from foretell.spaces import Population, SearchSpace

if TYPE_CHECKING:
    from foretell.families.base import Network
    from foretell.tasks import Batch

__all__ = ["SupernetPredictor"]

_PIECE, _PIECE_OF_LARGE, _LARGE = 64, 16, 20_000_000
"""Architectures scored between two reports: some seconds of work; fewer where a network has so many parameters."""
_TOKENS = 1024
"""Target or source positions of a batch on a CPU."""


class SupernetPredictor(Predictor):
    """Scores architectures by minus the supernet's label-smoothed validation loss, as HAT does.

    The unit is bits a target token, so the scores rank but are no BLEU: `calibrated` is false. An
    architecture's score depends on nothing but the architecture: neither on the rest of the population nor
    on the number of threads. Architectures share every layer up to which they are the same; in a mixture they
    share none, and each is folded into an ordinary network once, for all batches.

    Args:
        space: The supernet's space.
        network: The trained supernet.
        batches: The validation set, built once.
        smoothing: Label smoothing of the loss.
        name: The name in tables and schedules.
        threads: Batches scored at the same time; None: one a core.
        share: Without it architectures are scored one by one, as the published search does.
        device: Where it is done: "auto", "cpu", "cuda" or "cuda:N".
        precision: "fp32", or "bf16" by autocast: coarser, and faster where the device computes in it.
        devices: In place of `device`: a population is shared out among them. Each holds the supernet; devices of one
            kind give the scores that one of them gives.

    Raises:
        InputError: There is no such device on this machine.
    """

    calibrated = False
    minimum = 0
    spread = False
    learns = False
    price = 2
    piecewise = True

    def __init__(
        self,
        space: SearchSpace,
        network: Network,
        batches: Sequence[Batch],
        *,
        smoothing: float = 0.1,
        name: str = "supernet",
        threads: int | None = None,
        share: bool = True,
        device: str = "cpu",
        precision: str = "fp32",
        devices: Sequence[str] = (),
    ) -> None:
        from foretell.training import Precision, choose_device

        super().__init__(Context(space, "valid_loss"))
        device, *others = devices or (device,)
        where = choose_device(device)
        self.network, self.batches = network.to(where).eval(), [batch.to(where) for batch in batches]
        self.smoothing, self.device, self.precision = smoothing, device, precision
        self._autocast = Precision(precision, where).autocast
        self.name = name
        self.threads = (threads or usable_cores()) if share else 1
        self.share = share
        self._tight = self.batches
        if share and batches and where.type == "cpu":
            self._tight = type(batches[0]).recut(batches, _TOKENS)
        self._others = [self._alike(copy.deepcopy(network), batches, other) for other in others if share]

    def _alike(self, network: Network, batches: Sequence[Batch], device: str) -> SupernetPredictor:
        """A predictor that differs in nothing else."""
        settings: dict[str, Any] = {"smoothing": self.smoothing, "name": self.name, "threads": self.threads}
        return SupernetPredictor(self.space, network, batches, **settings, device=device, precision=self.precision)

    def fit(self, observations: Sequence[Observation]) -> Self:
        """Nothing to learn: the supernet was trained without labels. Calibrate it to get a metric's unit."""
        return self

    def _score(self, population: Population) -> tuple[npt.NDArray[np.float64], None]:
        """Minus the validation loss of each row, `[n]`, in bits a token; each distinct architecture runs once."""
        rows, inverse = np.unique(population, axis=0, return_inverse=True)
        scores = np.empty(len(rows))
        pieces = self._pieces(rows) if self.share else list(np.arange(len(rows))[:, None])
        # One thread an operation and several batches at a time: faster for small networks than the other way
        # round, and the sums do not depend on the number of cores.
        with torch_threads(1), self._shown(len(rows)) as meter:
            done = 0
            for piece, found in zip(pieces, self._found([rows[piece] for piece in pieces]), strict=True):
                scores[piece] = found
                done += len(piece)
                if meter is not None:
                    meter.update(done)
                if self._report is not None:
                    self._report(rows[piece], scores[piece])
        self.spent.evaluations -= len(population) - len(rows)  # copies run once
        return scores[inverse.reshape(-1)], None

    def _found(self, pieces: Sequence[Population]) -> Iterator[npt.NDArray[np.float64]]:
        """Scores of pieces in their order; whichever device is free takes the next."""
        places = [self, *self._others]
        with ExitStack() as stack:
            threads = max(1, self.threads // len(places))
            pools = {id(place): stack.enter_context(ThreadPoolExecutor(threads)) for place in places}
            if len(places) == 1:
                yield from (self._run(piece, pools[id(self)]) for piece in pieces)
                return
            free: SimpleQueue[SupernetPredictor] = SimpleQueue()
            for place in places:
                free.put(place)

            def scored(piece: Population) -> npt.NDArray[np.float64]:
                place = free.get()
                try:
                    return place._run(piece, pools[id(place)])
                except RuntimeError as error:  # torch's, of memory too
                    why = str(error).partition("\n")[0]
                    raise ForetellError(
                        f"the device {place.device} failed while it scored ({why}); free it, or leave it out of "
                        "devices, and run the same command again."
                    ) from error
                finally:
                    free.put(place)

            outer = ThreadPoolExecutor(len(places))
            stack.callback(outer.shutdown, cancel_futures=True)
            yield from outer.map(scored, pieces)

    def _pieces(self, rows: Population) -> list[npt.NDArray[np.intp]]:
        """Indices of rows in pieces of architectures that share as many layers as can be.

        The rows are sorted by their genes, which begin with the encoder's.
        """
        count = math.ceil(len(rows) / (_PIECE_OF_LARGE if self._large else _PIECE))
        if self._others:
            count = max(count, min(len(rows), 1 + len(self._others)))
        return np.array_split(np.arange(len(rows)), count) if len(rows) else []

    @property
    def _large(self) -> bool:
        """Whether an architecture takes a second or so."""
        return sum(parameter.numel() for parameter in self.network.parameters()) >= _LARGE

    def _shown(self, count: int) -> AbstractContextManager[Meter | None]:
        """Progress, where scoring takes so long that people would ask."""
        return track("scoring", count, "architectures") if self._large else nullcontext()

    def parts(self, shares: Sequence[float]) -> list[tuple[Predictor, int]]:
        """Predictors on disjoint parts of the validation set, with their target tokens.

        The scores' mean, weighted by tokens, is this predictor's score up to rounding. Each part has short
        and long sentences alike.

        Args:
            shares: About what share of the tokens each part has; they sum to 1.
        """
        total = sum(batch.tokens for batch in self.batches)
        # Small enough that parts of a small validation set come out as asked for.
        batches = type(self.batches[0]).recut(self.batches, min(_TOKENS, total // (4 * len(shares))))
        chosen: list[list[Batch]] = [[] for _ in shares]
        for batch in batches:
            lacking = [share * total - sum(b.tokens for b in own) for share, own in zip(shares, chosen, strict=True)]
            chosen[int(np.argmax(lacking))].append(batch)
        return [(self._on_part(own), sum(batch.tokens for batch in own)) for own in chosen if own]

    def _on_part(self, batches: Sequence[Batch]) -> SupernetPredictor:
        """The same on other batches, with the networks that are in their places."""
        part = self._alike(self.network, batches, self.device)
        part._others = [other._alike(other.network, batches, other.device) for other in self._others]
        return part

    def _run(self, rows: Population, pool: ThreadPoolExecutor) -> npt.NDArray[np.float64]:
        from foretell.families.base import networks_of

        family = networks_of(self.space)
        members = [family.member(architecture) for architecture in self.space.architectures(rows)]
        if not self.share:
            return np.array([self._alone(member) for member in members])
        if self.network.mixture is None:
            total = self._losses(self.network, members, pool)
        else:
            total = np.concatenate([self._losses(self.network.extract(member), [member], pool) for member in members])
        return -total / sum(batch.tokens for batch in self._tight) / math.log(2)

    def _losses(self, network: Network, members: list[Any], pool: ThreadPoolExecutor) -> npt.NDArray[np.float64]:
        """Losses in nats, summed over the validation set, `[members]`."""

        def losses(batch: Batch) -> npt.NDArray[np.float64]:
            with self._autocast():  # of this thread alone
                return network.losses(members, batch, smoothing=self.smoothing).numpy()

        return sum(pool.map(losses, self._tight), np.zeros(len(members)))

    def _alone(self, member: Any) -> float:
        """One architecture on its own, batch after batch."""
        import torch

        network = self.network if self.network.mixture is None else self.network.extract(member)
        with torch.inference_mode(), self._autocast():
            losses = [float(network.loss(b, member, smoothing=self.smoothing)[0]) for b in self.batches]
        return -sum(losses) / sum(batch.tokens for batch in self.batches) / math.log(2)
