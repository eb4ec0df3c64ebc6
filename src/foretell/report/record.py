"""Everything that a page shows of one run, read from its folder: plain data, nothing drawn yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from foretell import spaces
from foretell.costs import Constraints, CostModel, LatencyPredictor
from foretell.errors import ForetellError, InputError
from foretell.observations import load
from foretell.parsing import read_yaml
from foretell.predictors import Context
from foretell.report.calls import ModelCalls, calls_of
from foretell.report.examples import Confusion, Example, confusion_of, examples_of
from foretell.report.reading import read_result
from foretell.report.result import RunResult, TrialResult
from foretell.report.seen import Seen, read_seen
from foretell.report.shrunk.record import ShrunkRecord, ShrunkResult, shrunk_record
from foretell.report.trials.record import TrialRecord, trial_record
from foretell.report.trust import Trust, judge
from foretell.search import Schedule
from foretell.spaces import Architecture, SearchSpace
from foretell.study import StudyConfig, load_study

__all__ = ["RunRecord", "read_run"]

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class RunRecord:
    """A finished run.

    Attributes:
        folder: Where it is.
        result: What came out.
        study: What was asked for.
        costs: The space and its costs, with the latency predictor that the search believed.
        seen: Every architecture that the search scored.
        trust: Predictors judged on the study's labels; None where `missing` says why.
        examples: Translations of the winner; empty where `missing` says why.
        confusion: Which classes the winner took for which; None for other tasks, or where `missing` says why.
        calls: Calls of language models, by model; empty where none was asked.
        missing: Parts that cannot be shown, and why, in one sentence each.
    """

    folder: Path
    result: RunResult
    study: StudyConfig
    costs: CostModel
    seen: Seen
    trust: Trust | None
    examples: tuple[Example, ...]
    confusion: Confusion | None
    calls: tuple[ModelCalls, ...]
    missing: dict[str, str]

    @property
    def space(self) -> SearchSpace:
        """The space that was searched."""
        return self.costs.space

    @cached_property
    def winner(self) -> Architecture:
        """What was found."""
        return Architecture.from_dict(self.space, self.result.winner.architecture)

    @cached_property
    def finalists(self) -> list[Architecture]:
        """The search's best, which were measured again, best first."""
        return [Architecture.from_dict(self.space, each.architecture) for each in self.result.finalists]

    @cached_property
    def schedule(self) -> Schedule:
        """Which predictor scored which iterations."""
        return Schedule.parse(self.result.search.schedule)

    @property
    def teacher(self) -> str:
        """Who taught the distilled predictor; a study may ask for one and get another."""
        told = self.result.teacher
        return self.study.distilled.teacher if told is None else told.name

    @property
    def dollars(self) -> float | None:
        """What calls of language models cost; None where a price is unknown."""
        spent = [each.totals.dollars for each in self.calls]
        return None if any(each is None for each in spent) else float(sum(each or 0.0 for each in spent))

    @property
    def judge(self) -> str:
        """The predictor that decided: the schedule's last; empty where there was no schedule."""
        return self.schedule.at(self.schedule.iterations) if self.schedule.stretches else ""

    @cached_property
    def limits(self) -> Constraints:
        """The study's limits in absolute numbers."""
        text = self.result.constraint
        return Constraints.parse([] if text == "none" else text.split(","))


def read_run(folder: Path) -> RunRecord | TrialRecord | ShrunkRecord:
    """Read a finished run of any kind; what beside its result cannot be had is left out, with the reason.

    Args:
        folder: The run's folder.

    Raises:
        InputError: No finished run there, or a study that cannot be read.
        IntegrityError: A file of it is damaged.
    """
    result = read_result(folder)
    if isinstance(result, ShrunkResult):
        return shrunk_record(folder, result)
    return trial_record(folder, result) if isinstance(result, TrialResult) else _search_record(folder, result)


def _search_record(folder: Path, result: RunResult) -> RunRecord:
    study = _study(folder / "study.yaml")
    costs = _costs(folder, study)
    missing: dict[str, str] = {}

    def attempt(part: str, read: Callable[[], T], otherwise: T) -> T:
        try:
            return read()
        except ForetellError as error:
            missing[part] = str(error)
            return otherwise

    schedule = Schedule.parse(result.search.schedule)
    if costs.latency is None:
        missing["latency"] = "the folder has no latency.json, so scores are drawn over FLOPs instead of latency."
    return RunRecord(
        folder=folder,
        result=result,
        study=study,
        costs=costs,
        seen=read_seen(folder / "search" / "scores.jsonl", schedule.predictors, costs),
        trust=attempt("trust", lambda: _trust(study, costs), None),
        examples=attempt("examples", lambda: examples_of(folder, study), ()),
        confusion=attempt("confusion", lambda: confusion_of(folder, study), None),
        calls=attempt("calls", lambda: calls_of(study, result), ()),
        missing=missing,
    )


def _study(path: Path) -> StudyConfig:
    """The study as the run used it: its paths are those that the search was started with."""
    try:
        return load_study(None, read_yaml(path, "the study"))
    except TypeError as error:
        raise InputError(f"{path} cannot be read ({type(error).__name__}); restore the run's folder.") from None


def _costs(folder: Path, study: StudyConfig) -> CostModel:
    space = spaces.create(study.space)
    pieces = folder / "winner" / "vocabulary.model"
    sizes = study.task_kind.kept_sizes(pieces.parent) if pieces.exists() else {"vocabulary": study.vocabulary}
    path = folder / "latency.json"
    latency = LatencyPredictor.load(path, space) if path.exists() else None
    return CostModel(space, **sizes, latency=latency)


def _trust(study: StudyConfig, costs: CostModel) -> Trust:
    source = study.distilled.observations
    found = load(source)
    if found.space.fingerprint != costs.space.fingerprint:
        raise InputError(
            f"the labels {source} are of the space {found.space.name}, not of {costs.space.name}; name labels of "
            "that space in the study (distilled: observations:)."
        )
    vocabulary = costs.vocabulary if isinstance(costs.vocabulary, int) else None
    return judge(found, source, metric=study.quality().key, context=Context(costs.space, vocabulary=vocabulary))
