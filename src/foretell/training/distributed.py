"""Several processes that train one network: `torchrun` or Ray starts them, gloo or NCCL connects them.

Each update's micro-batches are dealt out to the processes, whose gradients are summed once an update. Two
processes so take the steps of one; architectures, rates and data are functions of the update and need no
agreement. Only the first process writes.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from foretell.errors import ForetellError, InputError

__all__ = ["RankLostError", "Ranks", "is_first", "joined"]

_Item = TypeVar("_Item")
_PATIENCE = timedelta(minutes=10)
"""How long a process waits for the others: a validation at the published scale takes less."""


class RankLostError(ForetellError):
    """Another process of this training has ended; the message says how to go on."""


def is_first() -> bool:
    """Whether this process is the one that writes and prints: the only one, or rank 0 of several."""
    return int(os.environ.get("RANK", "0")) == 0


@dataclass(frozen=True)
class Ranks:
    """This process among those that train together.

    Attributes:
        rank: Its number, from 0.
        size: How many there are.
    """

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def check(self, micro_batches: int) -> None:
        """Refuse an update that does not give every process something to do.

        Raises:
            InputError: Fewer micro-batches than processes.
        """
        if micro_batches < self.size:
            raise InputError(
                f"an update has {micro_batches} micro-batch(es), too few for {self.size} processes; "
                "start fewer, raise the recipe's tokens_per_update or lower its max_tokens."
            )

    def mine(self, items: Sequence[_Item]) -> Sequence[_Item]:
        """The share of this process."""
        return items[self.rank :: self.size]

    def sum(self, values: Tensor) -> Tensor:
        """The sum over all processes, in place.

        Raises:
            RankLostError: Another process has ended.
        """
        if self.size > 1:
            with _others(self.size):
                dist.all_reduce(values)
        return values

    def count(self, number: int, device: torch.device) -> int:
        """The sum of a number over all processes.

        Raises:
            RankLostError: Another process has ended.
        """
        return number if self.size == 1 else int(self.sum(torch.tensor(number, device=device)))

    def sum_gradients(self, parameters: Sequence[Tensor]) -> None:
        """Give every process the gradients of all; the same parameters have one everywhere.

        Raises:
            RankLostError: Another process has ended.
        """
        if self.size == 1:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        flat = self.sum(torch.cat([gradient.flatten() for gradient in gradients]))
        parts = flat.split([gradient.numel() for gradient in gradients])  # type: ignore[no-untyped-call]
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    def agree(self, number: int, device: torch.device) -> bool:
        """Whether all processes name the same number; all of them hear the same answer, when all are here.

        Raises:
            RankLostError: Another process has ended.
        """
        if self.size == 1:
            return True
        extremes = torch.tensor([number, -number], device=device)
        with _others(self.size):
            dist.all_reduce(extremes, dist.ReduceOp.MAX)
        highest, lowest = extremes.tolist()
        return bool(highest == -lowest)

    def share(self, tensors: Iterable[Tensor]) -> None:
        """Give every process what the first one has, in place.

        Raises:
            RankLostError: Another process has ended.
        """
        if self.size > 1:
            with _others(self.size):
                for tensor in tensors:
                    dist.broadcast(tensor, 0)

    def wait(self) -> None:
        """Go on when all processes are here.

        Raises:
            RankLostError: Another process has ended.
        """
        if self.size > 1:
            with _others(self.size):
                dist.barrier()


@contextmanager
def joined(device: torch.device) -> Iterator[Ranks]:
    """Join the processes that were started with this one, as `torchrun` tells of them; alone where there are none.

    They stay together until the process ends, so that one command may train several networks.

    Args:
        device: Where the network will be: gloo connects CPUs, NCCL GPUs.

    Raises:
        RankLostError: The others do not come.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield Ranks()
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    # Once a process: a second meeting at the same port may be kept with the ghost of the first, and wait for ever.
    if not dist.is_initialized():
        with _others(size):
            dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=_PATIENCE)
        atexit.register(_part)
    yield Ranks(dist.get_rank(), size)


def _part() -> None:
    """Leave the others when the process ends; they may have gone before."""
    with suppress(RuntimeError):
        dist.destroy_process_group()


@contextmanager
def _others(size: int) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise RankLostError(
            f"another of the {size} processes that train together has ended or cannot be reached; what was saved is "
            "kept: start all of them again with the same command to go on."
        ) from error
