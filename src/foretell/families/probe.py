"""What zero-cost proxies ask of a family: its network at initialisation, on one mini-batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from torch import Tensor, nn

from foretell.families.base import Network
from foretell.spaces import SearchSpace

__all__ = ["Probe", "ProbedFamily", "hooked"]

N = TypeVar("N", bound=Network)
B = TypeVar("B")


class Probe(ABC, Generic[N, B]):
    """A network in evaluation mode on a batch; what a family has to tell so that proxies can read it.

    Attributes:
        norms: Kinds of module that normalise.
        linears: Kinds of module whose outputs are activations.
    """

    norms: tuple[type[nn.Module], ...]
    linears: tuple[type[nn.Module], ...]

    def __init__(self, network: N, batch: B) -> None:
        self.network, self.batch = network, batch

    @property
    @abstractmethod
    def entrance(self) -> nn.Module:
        """The module whose first input is what enters the network, `[examples, positions, width]`."""

    @abstractmethod
    def logits(self) -> Tensor:
        """Of every position, padding included, `[examples, positions, classes]`."""

    @abstractmethod
    def features(self) -> Tensor:
        """What the output layer reads, `[examples, positions, width]`."""

    @abstractmethod
    def loss(self) -> Tensor:
        """Mean cross-entropy of a target in nats, differentiable any number of times."""

    @abstractmethod
    def lengths(self) -> Tensor:
        """Targets of each example, int64 `[examples]`."""

    @abstractmethod
    def look_everywhere(self) -> None:
        """Make attention uniform for good, by queries of zero."""

    @abstractmethod
    def codes(self) -> list[Tensor]:
        """For each stack, which units of its feed-forward networks are on: bool `[tokens, units of all layers]`."""


@runtime_checkable
class ProbedFamily(Protocol):
    """A family whose networks zero-cost proxies can read."""

    def probe(self, network: Network, batch: Any) -> Probe[Any, Any]:
        """A network on a batch, as proxies see it."""
        ...

    def random_batch(self, space: SearchSpace, sizes: Mapping[str, Any]) -> Any:
        """Random tokens that stand for a task's, the same every time."""
        ...


@contextmanager
def hooked(network: nn.Module, kinds: tuple[type[nn.Module], ...], hook: Callable[..., Any]) -> Iterator[None]:
    """Call a hook after each module of some kinds."""
    handles = [module.register_forward_hook(hook) for module in network.modules() if isinstance(module, kinds)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
