"""The settings of an evolutionary search."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator

from foretell.errors import InputError

__all__ = ["Evolution"]


class Evolution(BaseModel):
    """The settings of an evolutionary search; the defaults are HAT's (`fairseq/evolution.py`).

    Attributes:
        population: Architectures scored in an iteration: parents + mutations + crossovers.
        parents: The best of each generation, which beget the next.
        mutations: Mutants in each generation.
        crossovers: Crossovers in each generation.
        mutation_probability: Of one gene's being redrawn in a mutant.
        distinct: No architecture twice in a generation. HAT has no such rule, and its parents end as one
            architecture in 25 spellings.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    population: int = Field(default=125, ge=4)
    parents: int = Field(default=25, ge=2)
    mutations: int = Field(default=50, ge=0)
    crossovers: int = Field(default=50, ge=0)
    mutation_probability: float = Field(default=0.3, gt=0, le=1)
    distinct: bool = True

    @model_validator(mode="after")
    def _adds_up(self) -> Evolution:
        parts = self.parents + self.mutations + self.crossovers
        if parts != self.population:
            raise InputError(
                f"parents, mutations and crossovers make {parts} architectures, the population is "
                f"{self.population}; make them equal."
            )
        return self
