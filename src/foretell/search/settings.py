"""The settings of an evolutionary search, and of a language model that proposes in one."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator

from foretell.errors import InputError
from foretell.llm.proposing import PER_CALL
from foretell.llm.session import DEFAULT_LLM

__all__ = ["Evolution", "Propose"]


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


class Propose(BaseModel):
    """The language model that proposes architectures in a search.

    Attributes:
        llm: "local:NAME", "local:PATH.gguf", "openai:MODEL" or "URL#MODEL".
        share: Of the children of a generation that it proposes; of the algorithm "llm" all.
        per_call: Architectures that it is asked for at a time.
        max_tokens: Read and written; a call that could go beyond them is not made, and mutation stands in for the
            model from there on. Replies of the ledger count as well, so that a resumed search does the same. None:
            no limit.
        context: Tokens that the model has room for, in a prompt and its reply.
        offline: Answer from the ledger only.
        judge: A predictor that learns from what was evaluated and passes the better half of the proposals on; "llm" is
            the model that proposes (joint generation and prediction). Empty: all are passed on. Its tokens are no part
            of `max_tokens`.
        task: What the networks are for, in words for the model; empty: what the study says of its corpus.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    llm: str = DEFAULT_LLM
    share: float = Field(default=0.25, gt=0, le=1)
    per_call: int = Field(default=PER_CALL, ge=1, le=64)
    max_tokens: int | None = Field(default=None, ge=0)
    context: int = Field(default=8192, ge=256)
    offline: bool = False
    judge: str = ""
    task: str = ""
