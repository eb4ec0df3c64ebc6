"""What training, scoring and search ask of a family's networks, whatever they are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

from torch import Tensor, nn

from foretell.errors import InputError
from foretell.nn import Mixture
from foretell.spaces import Architecture, Family, SearchSpace, family

__all__ = ["Network", "NetworkFamily", "networks_of", "nominal_sizes", "restore"]

_FIRST = "encoder_decoder"
"""The family of checkpoints that were written before they named one."""


class Network(nn.Module, ABC):
    """A network that is its own supernet.

    Training needs all that `nn.Module` has, therefore it is a base class and no protocol. A `member` is what the
    family makes of an architecture (`NetworkFamily.member`); None is the whole network. A batch is the task's.

    Attributes:
        family: The name that the registry of families knows it by; checkpoints hold it.
        mixture: How parts are mixed from experts, which makes every member's weights its own; None: slices alone.
    """

    family: ClassVar[str]
    mixture: Mixture | None

    @abstractmethod
    def loss(self, batch: Any, member: Any = None, *, smoothing: float) -> tuple[Tensor, Tensor, Tensor]:
        """How badly a member does on a batch.

        Args:
            batch: Of a task that the family can learn.
            member: Which part to run as.
            smoothing: Label smoothing, 0 for none.

        Returns:
            Scalars: the smoothed loss in nats summed over targets (differentiable once), the negative
            log-likelihood in nats summed over targets, and the number of targets (int64).

        Raises:
            InputError: The member does not fit into the network.
        """

    @abstractmethod
    def losses(self, members: Sequence[Any], batch: Any, *, smoothing: float) -> Tensor:
        """The smoothed losses of many members, float64 `[members]`, without gradients, in evaluation mode.

        What a member gets does not depend on which others are there.
        """

    @abstractmethod
    def predictions(self, batch: Any, member: Any = None) -> tuple[Tensor, Tensor]:
        """Logits `[targets, classes]` and the targets int64 `[targets]` of a batch, padding left out."""

    @abstractmethod
    def extract(self, member: Any = None) -> Self:
        """A stand-alone network with copies of the weights that the member uses, and the same outputs."""

    @abstractmethod
    def config(self) -> dict[str, Any]:
        """Everything but the weights, as JSON values; `NetworkFamily.restore` takes them."""

    @abstractmethod
    def parameter_count(self, *, embeddings: bool) -> int:
        """Number of parameters, with or without those that stand for tokens."""


@runtime_checkable
class NetworkFamily(Family, Protocol):
    """A family whose networks can be built, as far as spaces' families go beyond their genes."""

    def member(self, architecture: Architecture) -> Any:
        """What a network of the family takes as the part to run as; hashable."""
        ...

    def nominal_sizes(self, space: SearchSpace) -> dict[str, Any]:
        """What stands for the sizes of a task where there is none, such as `vocabulary`."""
        ...

    def build(
        self,
        architecture: Architecture,
        sizes: Mapping[str, Any],
        *,
        dropout: float = 0.1,
        attention_dropout: float = 0.0,
        mixture: Mixture | None = None,
    ) -> Network:
        """A freshly initialised network; the largest architecture of a space gives its supernet.

        Args:
            architecture: Its dimensions.
            sizes: What the task decides, such as `vocabulary`.
            dropout: Probability of dropping in the space's largest architecture.
            attention_dropout: The same of attention weights.
            mixture: Mix feed-forward networks from experts; None: slices alone.

        Raises:
            InputError: The family has no mixtures, or the sizes do not do.
        """
        ...

    def restore(self, config: dict[str, Any]) -> Network:
        """A network with fresh weights from what `Network.config` returned.

        Raises:
            InputError: Keys are missing, unknown or do not fit together.
        """
        ...


def networks_of(space: SearchSpace) -> NetworkFamily:
    """The family that builds the networks of a space.

    Raises:
        InputError: The space has no family, or one that only knows genes and costs.
    """
    if not isinstance(space.family, NetworkFamily):
        raise InputError(
            f"the space {space.name} is of the family {space.family_name or '(none)'}, which builds no networks; "
            "choose another space, or an objective that trains by itself."
        )
    return space.family


def nominal_sizes(space: SearchSpace) -> dict[str, Any]:
    """What stands for the sizes of a task in a space where there is none.

    Raises:
        InputError: The space has no family that builds networks.
    """
    return networks_of(space).nominal_sizes(space)


def restore(name: str | None, config: dict[str, Any]) -> Network:
    """A network with fresh weights as a checkpoint describes it.

    Args:
        name: The family; None: the checkpoint is older than families' names.
        config: From `Network.config`.

    Raises:
        UnknownNameError: There is no such family.
        InputError: It builds no networks, or the description is damaged.
    """
    found = family(_FIRST if name is None else name)
    if not isinstance(found, NetworkFamily):
        raise InputError(f"the family {found.name} builds no networks; restore the checkpoint that names it.")
    return found.restore(config)
