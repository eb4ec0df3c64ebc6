"""Grouped attention and gated feed-forward networks, as zero-cost proxies see them."""

from __future__ import annotations

from abc import abstractmethod
from typing import TypeVar

import torch
from torch import Tensor

from foretell.families.base import Network
from foretell.families.probe import Probe, hooked
from foretell.nn.elastic import ElasticProjection, ElasticRMSNorm
from foretell.nn.gated import GatedFeedForward
from foretell.nn.grouped import GroupedAttention

__all__ = ["StackProbe"]

N = TypeVar("N", bound=Network)
B = TypeVar("B")


class StackProbe(Probe[N, B]):
    """See `Probe`; what is the same in decoders and encoders."""

    norms = (ElasticRMSNorm,)
    linears = (ElasticProjection,)

    @abstractmethod
    def real(self) -> Tensor:
        """Which positions are no padding, bool `[examples, positions]`."""

    def look_everywhere(self) -> None:
        """Zero the queries."""
        for module in self.network.modules():
            if isinstance(module, GroupedAttention):
                module.q_proj.weight.zero_()

    def codes(self) -> list[Tensor]:
        """A unit of a gated network is on where its gate is open, one of another where it says something positive."""
        found: list[Tensor] = []

        def keep(module: GatedFeedForward, inputs: tuple[Tensor, int], _output: Tensor) -> None:
            decides = module.up_proj if module.gate_proj is None else module.gate_proj
            found.append(decides(*inputs) > 0)

        with torch.no_grad(), hooked(self.network, (GatedFeedForward,), keep):
            self.features()
        real = self.real()
        units = torch.cat(found, dim=-1) if found else torch.ones_like(real[..., None])
        return [units[real]]
