"""What `foretell shrink` came to, read from its folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from foretell.parsing import read_text
from foretell.report.result import Part

__all__ = ["Candidate", "ShrunkRecord", "ShrunkResult"]


class Layer(Part):
    """What is left of a layer."""

    layer: int = Field(ge=0)
    heads: int = Field(ge=0)
    kv_heads: int = Field(ge=0)
    ffn: int = Field(ge=0)


class Judged(Part):
    """Metrics before healing and after."""

    before: dict[str, float]
    after: dict[str, float] | None = None


class Candidate(Part):
    """The winner, or what it must beat."""

    about: str
    layers: list[Layer]
    uniform: bool
    costs: dict[str, float]
    metrics: Judged


class ShrunkResult(Part):
    """The `result.json` of `foretell shrink`; its search and learning are told as they stand there."""

    format: Literal[1]
    name: str
    task: Literal["language_model", "classification"]
    model: str
    constraints: list[str]
    limits: list[str]
    winner: Candidate
    baselines: dict[str, Candidate]
    references: dict[str, dict[str, float]]
    healing: int = Field(ge=0)
    exported: dict[str, list[str]]
    seconds: dict[str, float]
    software: dict[str, str]

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if "parent" not in self.baselines:
            raise ValueError("the whole model is missing")
        if any("parameters" not in each.costs for each in (self.winner, *self.baselines.values())):
            raise ValueError("a model's parameters are missing")
        return self


@dataclass(frozen=True)
class ShrunkRecord:
    """A finished run of `foretell shrink`.

    Attributes:
        folder: Where it is.
        result: What came out.
        study: What was asked, as its file says it.
        missing: Parts that cannot be shown, and why.
    """

    folder: Path
    result: ShrunkResult
    study: str
    missing: dict[str, str]

    @property
    def parent(self) -> Candidate:
        """The whole model."""
        return self.result.baselines["parent"]

    @property
    def candidates(self) -> dict[str, Candidate]:
        """The winner first, then what it must beat, then the parent."""
        rest = {name: each for name, each in self.result.baselines.items() if name != "parent"}
        return {"winner": self.result.winner, **rest, "parent": self.parent}


def shrunk_record(folder: Path, result: ShrunkResult) -> ShrunkRecord:
    """What a page shows of a run."""
    return ShrunkRecord(folder, result, read_text(folder / "study.yaml"), {})
