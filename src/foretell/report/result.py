"""`result.json` as types: what a page may rely on, and a sentence where a file is not what it should be."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from foretell.metrics import REPORTED, Metric, metric_from, metric_named
from foretell.spaces import Scalar

__all__ = [
    "Entry",
    "Finalist",
    "Iteration",
    "Part",
    "RaceRung",
    "RaceTold",
    "RuleTold",
    "RunResult",
    "Standing",
    "Teacher",
    "TrialEntry",
    "TrialResult",
    "TrialTrust",
]


def _ordered(ends: tuple[float, float]) -> tuple[float, float]:
    if ends[0] > ends[1]:
        raise ValueError("an interval ends before it begins")
    return ends


Interval = Annotated[tuple[float, float], AfterValidator(_ordered)]
Genes = dict[str, int | list[int]]


class Part(BaseModel):
    """Keys of a later version are left alone; what is here must be of its type."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class Entry(Part):
    """An architecture that was trained: the winner, or a baseline."""

    architecture: Genes
    costs: dict[str, float | Interval]
    metrics: dict[str, float]
    provenance: dict[str, Any] = {}

    def cost(self, name: str) -> float | None:
        """A cost by name; None where it is not recorded."""
        value = self.costs.get(name)
        return value if isinstance(value, float) else None

    @property
    def latency_interval(self) -> Interval | None:
        """The 95 % interval of the measured latency, in milliseconds."""
        value = self.costs.get("latency_interval_ms")
        return value if isinstance(value, tuple) else None


class Finalist(Part):
    """One of the search's best, measured again."""

    architecture: Genes
    score: float
    predicted_latency_ms: float
    predicted_interval_ms: Interval
    latency_ms: float
    interval_ms: Interval
    kept: bool


class Iteration(Part):
    """One iteration of the search; see `foretell.search.Generation`."""

    iteration: int
    predictor: str
    best: float
    mean: float
    size: int
    asked: int
    distinct: int


class _Search(Part):
    algorithm: str = "evolution"
    schedule: str
    score: float | None
    evaluations_asked: dict[str, int]
    evaluations_distinct: dict[str, int]
    history: list[Iteration]


class _Scores(Part):
    metrics: dict[str, float]


class Teacher(Part):
    """Who labelled the architectures that the distilled predictor learnt from, and how good it is."""

    name: str
    labels: int | None = None
    rows: list[dict[str, str | int | float | None]] = []
    asked: int = 0
    student_mae: float | None = None
    note: str = ""


class _Looked(Part):
    share: float = Field(gt=0, le=1)
    metrics: dict[str, float]


class Standing(Part):
    """How far an entrant of a race came."""

    entrant: int = Field(ge=0)
    architecture: dict[str, Scalar | list[Scalar]]
    chance: float = Field(ge=0, le=1)
    seen: list[_Looked]
    failed: str = ""


class RaceRung(Part):
    """What happened on a rung of a race."""

    share: float = Field(gt=0, le=1)
    places: int = Field(ge=1)
    trained: int = Field(ge=0)
    failed: int = Field(ge=0)
    early: int = Field(ge=0)
    seconds: float = Field(ge=0)


class RaceTold(Part):
    """How a race ended; see `foretell.search.RaceResult`."""

    metric: dict[str, Any]
    planned_trainings: float = Field(ge=0)
    anew: bool
    rungs: list[RaceRung] = Field(min_length=1)
    probability: float = Field(ge=0, le=1)
    standings: list[Standing] = Field(min_length=1)


class _Predicted(Part):
    by: str
    metric: str
    mean: float
    std: float | None = None


class RuleTold(Part):
    """What a simple rule would have picked."""

    rule: str
    about: str
    architecture: dict[str, Scalar | list[Scalar]]
    trained: bool
    metrics: dict[str, float] = {}
    reached: float = Field(default=0.0, ge=0, le=1)
    predicted: _Predicted | None = None


class RunResult(Part):
    """A finished run's `result.json` (docs/formats.md)."""

    format: Literal[1]
    name: str
    constraint: str
    constraint_met: bool
    winner: Entry
    baselines: dict[str, Entry]
    reported: tuple[str, str] = REPORTED
    metrics: list[dict[str, Any]] = []
    floors: dict[str, _Scores] = {}
    copy_source: _Scores | None = None
    search: _Search
    finalists: list[Finalist]
    corpus: dict[str, str]
    stages: dict[str, float]
    software: dict[str, str]
    teacher: Teacher | None = None
    race: RaceTold | None = None
    rules: list[RuleTold] = []

    @property
    def judged(self) -> list[Metric]:
        """What tables of trained networks show: the metrics reported, and those of the study's scorers."""
        return [*map(metric_named, self.reported), *map(metric_from, self.metrics)]

    @property
    def does_without(self) -> dict[str, float | None]:
        """The last reported metric of those who do without learning, by name; first versions told of one."""
        told = self.floors or ({} if self.copy_source is None else {"copy_source": self.copy_source})
        return {name.replace("_", " "): each.metrics.get(self.reported[-1]) for name, each in told.items()}


class TrialEntry(Part):
    """An architecture that the user's objective was asked about, and what came out of it."""

    trial: int = Field(ge=0, lt=1_000_000_000)
    architecture: dict[str, Scalar | list[Scalar]]
    metrics: dict[str, float]
    costs: dict[str, float]
    fidelity: float = Field(default=1.0, gt=0, le=1)
    failed: str = ""
    kept: bool = False
    raced: bool = False
    seconds: float = Field(default=0.0, ge=0)


class _Front(Part):
    against: list[str]
    trials: list[int]


class _TrialSearch(Part):
    algorithm: str = "predictor"
    predictor: str
    startup: int = Field(ge=0)
    seed: int
    asked: int = Field(ge=0)


class TrialTrust(Part):
    """How good a predictor is on the trials' labels, each unseen when it was predicted."""

    predictor: str
    mae: float | None
    kendall_tau: float


class TrialResult(Part):
    """The `result.json` of a study of trials (docs/formats.md)."""

    format: Literal[1]
    kind: Literal["trials"]
    name: str
    metric: dict[str, Any]
    constraint: str
    winner: TrialEntry
    trials: list[TrialEntry] = Field(min_length=1)
    search: _TrialSearch
    trust: list[TrialTrust]
    front: _Front | None = None
    race: RaceTold | None = None
    rules: list[RuleTold] = []
    software: dict[str, str]
