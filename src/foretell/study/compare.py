"""Searches under several presets in one run, judged alike: what caching, hybrids and predictors are worth."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from foretell.errors import InputError, UnknownNameError
from foretell.objectives import run_jobs
from foretell.records import read_object, write_json
from foretell.search import HS_NAS, Schedule, SearchResult, open_journal, search_by_schedule
from foretell.search.algorithms import GENIUS, ROUNDS, describe, sizes_for
from foretell.spaces import Architecture
from foretell.study.config import StudyConfig
from foretell.study.pipeline import Prepared, prepare
from foretell.study.preflight import check_proposer, refuse_early
from foretell.study.run import Run, open_run
from foretell.study.scorers import make_scorer, supernet_predictor

__all__ = ["PRESETS", "Preset", "preset", "run_comparison", "taught_as"]


@dataclass(frozen=True)
class Preset:
    """One way to search.

    Attributes:
        name: As on the command line.
        about: What it is, with its source.
        schedule: Which predictor scores which iterations.
        teacher: Of the distilled predictor; None is the study's.
        published: Run as the published code runs: every evaluation anew and one by one, copies in the
            population. The architecture found is that of the cached search with copies.
        distinct: No architecture twice in a generation.
        algorithm: Chooses what is scored.
        population: Architectures in an iteration; None is the study's.
    """

    name: str
    about: str
    schedule: str
    teacher: Literal["supernet"] | None = None
    published: bool = False
    distinct: bool = True
    algorithm: str = "evolution"
    population: int | None = None

    def search(self, study: StudyConfig) -> dict[str, Any]:
        """What `search_by_schedule` is told of it; the study names the language model that proposes."""
        sizes = study.search.evolution if self.population is None else sizes_for(4 * self.population)
        settings = sizes.model_copy(update={"distinct": self.distinct})
        propose = study.search.propose if describe(self.algorithm).asks else None
        return {"settings": settings, "algorithm": self.algorithm, "propose": propose}


_HYBRID = re.compile(r"^hs-nas-(?P<start>\d+)-(?P<end>\d+)$")
_ITERATIONS = 30

PRESETS: dict[str, Preset] = {
    item.name: item
    for item in (
        Preset(
            "hat-as-published", "HAT, 30 iterations, nothing cached", "supernet:1-30", published=True, distinct=False
        ),
        Preset("hat", "HAT, the same search with every score kept", "supernet:1-30", distinct=False),
        Preset("hat-15", "HAT, half the iterations (Table 11)", "supernet:1-15", distinct=False),
        Preset("hat-distinct", "HAT without copies in a generation", "supernet:1-30"),
        Preset(
            "distilled-hat",
            "the supernet distilled, then the supernet (Table 11)",
            HS_NAS,
            teacher="supernet",
        ),
        Preset("hs-nas", "HS-NAS (1, 15): distilled first, supernet after (Tables 2, 3)", HS_NAS),
        Preset(
            "llm", "a language model proposes, eight a round", f"supernet:1-{ROUNDS}", algorithm="llm", population=8
        ),
        Preset(GENIUS, "GENIUS: it proposes one a round", f"supernet:1-{ROUNDS}", algorithm=GENIUS, population=4),
    )
}
"""By name; "hs-nas-A-B" with any window of iterations is known besides (Table 4)."""


def preset(name: str) -> Preset:
    """The preset of that name.

    Raises:
        UnknownNameError: There is none; the message names the nearest.
        InputError: A window that is not inside the 30 iterations.
    """
    if name in PRESETS:
        return PRESETS[name]
    match = _HYBRID.match(name)
    if match is None:
        raise UnknownNameError("preset", name, [*PRESETS, "hs-nas-1-30"])
    start, end = int(match["start"]), int(match["end"])
    if not 1 <= start <= end <= _ITERATIONS:
        raise InputError(f"the window of {name} is not inside iterations 1 to {_ITERATIONS}; correct it.")
    return Preset(name, f"HS-NAS ({start}, {end}) (Table 4)", _window(start, end))


def _window(start: int, end: int) -> str:
    parts = [("supernet", 1, start - 1), ("distilled", start, end), ("supernet", end + 1, _ITERATIONS)]
    return ",".join(f"{name}:{first}-{last}" for name, first, last in parts if first <= last)


def taught_as(study: StudyConfig, presets: Iterable[Preset]) -> StudyConfig:
    """The study with a schedule that needs its teacher where one of the presets does; what is made ready goes by it."""
    learnt = [each.schedule for each in presets if each.teacher is None and "distilled" in each.schedule]
    return study.scheduled(learnt[0] if learnt else "supernet:1")


def run_comparison(
    study: StudyConfig,
    names: list[str],
    out: Path | None = None,
    *,
    seeds: tuple[int, ...] = (),
    train: bool = False,
    resume: bool = False,
) -> dict[str, Any]:
    """Search once under each preset and seed, and judge what they find by the supernet's loss.

    Args:
        study: Corpus, space, limits, supernet and distilled predictor, the same for all.
        names: Presets; see `PRESETS`.
        out: The run's folder; None is `runs/<name of the study>-compare`.
        seeds: Of the searches; none is the study's own.
        train: Also train each preset's winner from scratch.
        resume: Go on with what is in the folder; finished searches are not run again.

    Returns:
        `rows`, one a preset and seed, and `protocol`; also written to `compare.json`.

    Raises:
        UnknownNameError: An unknown preset.
        InfeasibleError: No architecture keeps the study's limits.
    """
    presets = [preset(name) for name in names]
    taught = taught_as(study, presets)
    refuse_early(taught)
    for each in presets:
        check_proposer(each.algorithm, each.search(study)["propose"])
    with open_run(study, out or Path("runs") / f"{study.name}-compare", resume=resume) as run:
        prepared = prepare(run, taught)
        rows = [_row(run, prepared, p, s) for p in presets for s in seeds or (study.search.seed,)]
        _judge(rows, prepared)
        if train:
            _train(run, prepared, rows)
        protocol = {
            "constraint": str(prepared.limits),
            "judge": "supernet validation loss, bits a token, lower is better",
            "supernet": study.supernet.kind,
            "teacher": prepared.study.distilled.teacher,
            "stages": run.stages,
        }
        result = {"format": 1, "rows": rows, "protocol": protocol}
        write_json(run.folder / "compare.json", result)
        return result


def _row(run: Run, prepared: Prepared, chosen: Preset, seed: int) -> dict[str, Any]:
    """One search; kept in a file of its own, so that its seconds are those of one sitting."""
    path = run.folder / "compare" / f"{chosen.name}-{seed}.json"
    if path.exists():
        return read_object(path)
    study = prepared.study
    if chosen.teacher is not None:
        distilled = study.distilled.model_copy(update={"teacher": chosen.teacher})
        study = study.model_copy(update={"distilled": distilled})
    with run.stage(f"search {chosen.name}"):
        found, seconds = _search(prepared, study, chosen, seed)
    costs = prepared.device.costs.costs(found.finalists[:1])
    row = {
        "preset": chosen.name,
        "about": chosen.about,
        "seed": seed,
        "schedule": chosen.schedule,
        "seconds": seconds,
        "seconds_by_predictor": found.seconds,
        "evaluations_asked": found.asked,
        "evaluations_run": found.run,
        "evaluations_distinct": found.distinct,
        **({} if found.proposals is None else {"proposals": found.proposals.to_dict()}),
        "architecture": found.best.to_dict(),
        "costs": {name: float(value[0]) for name, value in costs.items()},
    }
    write_json(path, row)
    return row


def _search(prepared: Prepared, study: StudyConfig, chosen: Preset, seed: int) -> tuple[SearchResult, float]:
    costs, schedule = prepared.device.costs, Schedule.parse(chosen.schedule)
    cache = not chosen.published
    with open_journal(None, costs.space) as journal:
        # Distilling is counted apart: it is paid once for any number of searches.
        scorers = {n: make_scorer(n, study, costs, prepared.task, journal, cache=cache) for n in schedule.predictors}
        start = time.perf_counter()
        found = search_by_schedule(costs, prepared.limits, schedule, scorers, seed=seed, **chosen.search(study))
        return found, time.perf_counter() - start


def _judge(rows: list[dict[str, Any]], prepared: Prepared) -> None:
    """Add `supernet_loss` and `rank` (1 is best) to each row."""
    space = prepared.device.costs.space
    predictor, _ = supernet_predictor(prepared.study, space, prepared.task)
    found = [Architecture.from_dict(space, row["architecture"]) for row in rows]
    losses = -predictor.predict(space.population(found)).mean
    for row, loss in zip(rows, losses, strict=True):
        row["supernet_loss"] = float(loss)
        row["rank"] = 1 + int(np.count_nonzero(losses < loss - 1e-9))


def _train(run: Run, prepared: Prepared, rows: list[dict[str, Any]]) -> None:
    """Add the metrics of the winners trained from scratch to the rows."""
    space, study = prepared.device.costs.space, prepared.study
    found = [Architecture.from_dict(space, row["architecture"]) for row in rows]
    distinct = list(dict.fromkeys(found))
    with run.stage("train"):
        observed = dict(zip(distinct, run_jobs([prepared.scratch_job(a, a.key) for a in distinct]), strict=True))
    for row, architecture in zip(rows, found, strict=True):
        row["metrics"] = observed[architecture]["metrics"]
        row["trained_with_seed"] = study.train.seed
