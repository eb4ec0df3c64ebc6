"""Mixture-of-Supernets: feed-forward networks mixed from experts by routers that read the architecture.

Only the two feed-forward matrices of a layer and their biases are mixed. Every architecture has weights of its
own: sum over experts of p_e · W_e[slice], where p depends on the architecture alone. They are made once a pass
(once a translation, not once a token), and `Seq2SeqTransformer.extract` folds them into an ordinary network.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foretell.errors import InputError
from foretell.nn.elastic import ElasticLinear, leading

__all__ = ["MixedWeights", "Mixture", "MixtureFeedForward"]


@dataclass(frozen=True)
class Mixture:
    """How the feed-forward networks of a supernet are mixed.

    Attributes:
        kind: "layer-wise" (one weight per expert and layer) or "neuron-wise" (one per expert and output neuron).
        experts: Copies of each feed-forward network, at least 2.
        router_width: Hidden units of each router.
        router_input: What routers read: "averages" (HAT's ten values), "per-layer" (one value a gene and
            layer), or "constant" (nothing: the same mixture for all, an ablation).
        norm: Divisors of the ten averages; None: those of the largest architecture.

    Raises:
        InputError: Fewer than two experts, or a name that is not known.
    """

    kind: Literal["layer-wise", "neuron-wise"]
    experts: int = 2
    router_width: int = 128
    router_input: Literal["averages", "per-layer", "constant"] = "averages"
    norm: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if self.experts < 2:
            raise InputError(f"a mixture of {self.experts} experts was asked for; give at least 2, or another kind.")
        if self.kind not in ("layer-wise", "neuron-wise"):
            raise InputError(f"the mixture is {self.kind!r}; expected layer-wise or neuron-wise.")
        if self.router_input not in ("averages", "per-layer", "constant"):
            raise InputError(f"routers read {self.router_input!r}; expected averages, per-layer or constant.")

    @classmethod
    def of(cls, values: dict[str, Any] | None) -> Mixture | None:
        """From JSON values, in which the norm is a list; None stays None."""
        if values is None:
            return None
        norm = values.get("norm")
        return cls(**{**values, "norm": None if norm is None else tuple(norm)})


class MixedWeights(NamedTuple):
    """The feed-forward weights of one layer of one architecture.

    Attributes:
        expand: [f, d].
        expand_bias: [f].
        contract: [d, f].
        contract_bias: [d].
    """

    expand: Tensor
    expand_bias: Tensor
    contract: Tensor
    contract_bias: Tensor

    def named(self) -> Iterator[tuple[str, Tensor]]:
        """The tensors under the names that they have in an ordinary `FeedForward`."""
        yield from zip(("expand.weight", "expand.bias", "contract.weight", "contract.bias"), self, strict=True)


class ExpertLinear(nn.Module):
    """Several linear layers of one size, of which any leading block of inputs and outputs can be mixed.

    Args:
        inputs: Largest number of inputs.
        outputs: Largest number of outputs.
        experts: How many layers; each is drawn on its own, as an ordinary layer is.
    """

    def __init__(self, inputs: int, outputs: int, experts: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(experts, outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(experts, outputs))
        bound = math.sqrt(6.0 / (inputs + outputs))
        nn.init.uniform_(self.weight, -bound, bound)

    def mix(self, shares: Tensor, outputs: int, inputs: int) -> tuple[Tensor, Tensor]:
        """Weight [outputs, inputs] and bias [outputs] for the experts' shares [E, outputs], or [E, 1] for all."""
        experts = len(shares)
        weight = (shares[:, :, None] * leading(self.weight, experts, outputs, inputs)).sum(0)
        return weight, (shares * leading(self.bias, experts, outputs)).sum(0)


class Router(nn.Module):
    """From an architecture's encoding to the experts' shares in each of some neurons.

    Args:
        inputs: Length of the encoding.
        hidden: Hidden units.
        experts: How many share each neuron.
        neurons: The most neurons; 1 where all of a layer get the same shares.
    """

    def __init__(self, inputs: int, hidden: int, experts: int, neurons: int) -> None:
        super().__init__()
        self.hidden, self.experts, self.neurons = hidden, experts, neurons
        self.input = ElasticLinear(inputs, hidden)
        self.output = ElasticLinear(hidden, neurons * experts)

    def forward(self, code: Tensor, neurons: int) -> Tensor:
        """Shares [E, n] of the first n = min(neurons, its own) neurons; they sum to 1 over the experts."""
        n = min(neurons, self.neurons)
        # Neuron-major: the first n neurons are the first n · E outputs, as published.
        logits = self.output(F.relu(self.input(code, self.hidden)), n * self.experts)
        return logits.view(n, self.experts).softmax(-1).t()


class MixtureFeedForward(nn.Module):
    """In place of `FeedForward`: experts of the same size, and routers.

    Args:
        width: Largest width of input and output.
        inner: Largest number of inner neurons.
        inputs: Length of the architecture's encoding.
        mixture: Kind, experts and size of the routers.
    """

    def __init__(self, width: int, inner: int, inputs: int, mixture: Mixture) -> None:
        super().__init__()
        self.expand = ExpertLinear(width, inner, mixture.experts)
        self.contract = ExpertLinear(inner, width, mixture.experts)
        neurons = (1,) if mixture.kind == "layer-wise" else (inner, width)
        self.routers = nn.ModuleList(Router(inputs, mixture.router_width, mixture.experts, n) for n in neurons)

    def mix(self, code: Tensor, width: int, inner: int) -> MixedWeights:
        """The weights of the architecture that `code` [inputs] encodes, of this width and inner size."""
        # Layer-wise there is one router, whose shares serve both matrices.
        shares = [router(code, neurons) for router, neurons in zip(self.routers, (inner, width), strict=False)]
        expand = self.expand.mix(shares[0], inner, width)
        return MixedWeights(*expand, *self.contract.mix(shares[-1], width, inner))

    def forward(self, x: Tensor, inner: MixedWeights) -> Tensor:
        """Map `x` [..., d] to [..., d] through the neurons of the mixed weights."""
        return F.linear(F.relu(F.linear(x, inner.expand, inner.expand_bias)), inner.contract, inner.contract_bias)
