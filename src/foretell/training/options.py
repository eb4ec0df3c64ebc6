"""The kinds of supernet, and what may be said about one beside its kind and its recipe."""

from __future__ import annotations

from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, field_validator, model_serializer

from foretell.errors import InputError, known_name
from foretell.nn import Mixture

__all__ = ["KINDS", "SupernetKind", "SupernetOptions"]

SupernetKind = Literal["spos", "sandwich", "layerwise-mos", "neuronwise-mos"]
"""Single-path one-shot (HAT), sandwich sampling, and the two Mixture-of-Supernets, which train with a sandwich."""

KINDS: tuple[SupernetKind, ...] = get_args(SupernetKind)


class SupernetOptions(BaseModel):
    """Options of a supernet; those left at their defaults are not written into studies or keys.

    Attributes:
        sampler: What random architectures are uniform over: "genes" (HAT's way: depths are equally likely) or
            "architectures" (almost all are deep).
        distillation: In-place distillation for kinds with a sandwich: how much of a smaller network's target is
            the largest network's output in the same update; 0 is none, 1 leaves no labels.
        experts: Copies of each feed-forward network in a mixture. The published number is not recorded; 2 is
            likely.
        router_width: Hidden units of a mixture's routers.
        router_input: What they read: "averages", "per-layer" or "constant" (`foretell.nn.Mixture`).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    sampler: Literal["genes", "architectures"] = "genes"
    distillation: float = Field(default=0.0, ge=0, le=1)
    experts: int = 2
    router_width: int = Field(default=128, ge=1)
    router_input: Literal["averages", "per-layer", "constant"] = "averages"

    @field_validator("experts")
    @classmethod
    def _several(cls, experts: int) -> int:
        if experts < 2:
            raise InputError(f"a mixture of {experts} experts was asked for; give at least 2, or another kind.")
        return experts

    @model_serializer(mode="wrap")
    def _brief(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave defaults out: studies and keys from before an option existed stay what they were."""
        values: dict[str, Any] = serialise(self)
        defaults = {name: field.default for name, field in SupernetOptions.model_fields.items()}
        return {name: value for name, value in values.items() if name not in defaults or value != defaults[name]}

    def told(self, kind: str) -> dict[str, Any]:
        """What the weights of a supernet of this kind depend on, as JSON values; a mixture's defaults spelled out."""
        mixed = ("experts", "router_width", "router_input") if kind.endswith("-mos") else ()
        changed = {"sampler": "genes", "distillation": 0.0}
        values = {name: getattr(self, name) for name, default in changed.items() if getattr(self, name) != default}
        return values | {name: getattr(self, name) for name in mixed}

    def changed(self, kind: str) -> dict[str, Any]:
        """Of `told` what differs from its default: what keys name."""
        brief: dict[str, Any] = self.model_dump(mode="json")
        return {name: value for name, value in self.told(kind).items() if name in brief}

    def mixture(self, kind: str) -> Mixture | None:
        """How a supernet of this kind mixes its feed-forward networks; None where it does not.

        Raises:
            UnknownNameError: There is no such kind.
        """
        kind = known_name("supernet kind", kind, KINDS)
        if not kind.endswith("-mos"):
            return None
        return Mixture(
            "layer-wise" if kind == "layerwise-mos" else "neuron-wise",
            self.experts,
            self.router_width,
            self.router_input,
        )
