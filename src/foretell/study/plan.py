"""What a study would do, and about how long that would take, without doing it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foretell.costs import CostModel
from foretell.costs.model import is_latency
from foretell.machine import usable_cores
from foretell.objectives import Fidelities
from foretell.search import Race, Schedule
from foretell.spaces import Architecture, SearchSpace
from foretell.study.config import EMBEDDED, StudyConfig
from foretell.study.limits import limited_cost
from foretell.study.preflight import refuse_early, refuse_trials_early, told_of_data
from foretell.study.trial_config import TrialStudyConfig
from foretell.tasks import Task
from foretell.tasks.task import Split
from foretell.tasks.translation import Task as TranslationTask
from foretell.tasks.translation.translating import Translator, seconds_to_translate

__all__ = ["Plan", "Step", "plan_study", "plan_trials"]

_VALIDATION_TOKENS = 2048


@dataclass(frozen=True)
class Step:
    """A stage of a run.

    Attributes:
        name: As the run shows it.
        about: What happens.
        seconds: About how long; None where that cannot be known.
    """

    name: str
    about: str
    seconds: float | None = None


@dataclass(frozen=True)
class Plan:
    """What a study would do.

    Attributes:
        name: The study's.
        facts: What it is about, by topic.
        steps: Its stages in order.
        unknown: What the estimate leaves out; empty where nothing.
        basis: What the estimate is taken from, where that is not this machine's speed.
    """

    name: str
    facts: dict[str, str]
    steps: Sequence[Step]
    unknown: str = ""
    basis: str = ""

    @property
    def seconds(self) -> float | None:
        """Of all steps that can be estimated; None where none can."""
        known = [step.seconds for step in self.steps if step.seconds is not None]
        return sum(known) if known else None

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        steps = [vars(step) for step in self.steps]
        return {
            "name": self.name,
            **self.facts,
            "steps": steps,
            "seconds": self.seconds,
            "unknown": self.unknown,
            "basis": self.basis,
        }


def plan_study(study: StudyConfig) -> Plan:
    """What a study that trains by itself would do; nothing is downloaded, trained or bought.

    Some updates of the smallest and the largest network are timed, on the study's own text where it is on this machine
    already.

    Raises:
        ForetellError: The study cannot work; the message says why (`foretell.study.preflight.refuse_early`).
    """
    space = refuse_early(study)
    local = study.corpus.name == "files" or study.task_kind.is_kept(study.corpus)
    task = study.make_task() if local else None
    facts = {
        "space": _space(space, study),
        "text": _text(study, task),
        "limits": ", ".join(study.constraints) or "none",
        "schedule": study.search.schedule,
    }
    pace = None if task is None else _Pace(study, space, task)
    steps = _steps(study, space, pace)
    return Plan(study.name, facts, steps, _left_out(study, task))


def plan_trials(config: TrialStudyConfig, folder: Path | None = None) -> Plan:
    """What a study of trials would do; a time is known only where its program's is limited, or was seen.

    Args:
        config: The study.
        folder: Its run, whose trials tell how long one takes.

    Raises:
        ForetellError: The study cannot work; the message says why.
    """
    refuse_trials_early(config)
    space, settings = config.search_space(), config.search
    workers = settings.workers or usable_cores()
    took = _seconds_of_trials(folder or Path("runs") / config.name)
    command = config.objective.command
    limit = None if command is None else command.time_limit
    each = statistics.median(took) if took else limit
    seconds = None if each is None else each * -(-settings.trials // workers)
    basis = f"the {len(took)} trials that are there" if took else "the time limit of each" if limit else ""
    where = "a program" if command is not None else "a table" if config.objective.table else "a Python function"
    steps = [Step("trials", f"{settings.trials} trainings by {where}, {workers} at a time", seconds)]
    if settings.race is not None:
        full = settings.race.cost(config.fidelities())
        more = None if each is None else each * full / workers
        steps.append(Step("race", f"{settings.race.entrants} entrants, {full:.1f} full trainings", more))
    facts = {
        "space": f"{space.name}: {space.size():,} architectures",
        "metric": f"{config.quality().key}, {'higher' if config.quality().higher_is_better else 'lower'} is better",
        "limits": ", ".join(config.constraints) or "none",
        "algorithm": settings.algorithm,
    }
    return Plan(config.name, facts, steps, "" if basis else "how long a training takes", basis)


def _seconds_of_trials(folder: Path) -> list[float]:
    from foretell.records import read_jsonl
    from foretell.study.trials import OBSERVATIONS_FILE

    path = folder / OBSERVATIONS_FILE
    rows = read_jsonl(path) if path.exists() else []
    found = [row.get("provenance", {}).get("training_seconds") for row in rows if not row.get("failed")]
    return [float(each) for each in found if isinstance(each, (int, float))]


def _space(space: SearchSpace, study: StudyConfig) -> str:
    costs = CostModel(space, vocabulary=study.vocabulary)
    low, high = costs.cost(space.population([space.smallest(), space.largest()]), "params")
    return f"{space.name}: {space.size():,} architectures of {low / 1e6:.2f} to {high / 1e6:.2f} million parameters"


def _text(study: StudyConfig, task: Task | None) -> str:
    about = f"{study.task_kind.title(study.corpus)}, vocabulary of {study.vocabulary:,}"
    return (
        f"{about}; to be fetched" if task is None else " ".join([f"{about}.", *told_of_data(study, task)]).rstrip(".")
    )


class _Pace:
    """How long trainings and scores take on this machine, by a few updates of the smallest and the largest network.

    Args:
        study: Recipes.
        space: Of the networks.
        task: The text.
    """

    def __init__(self, study: StudyConfig, space: SearchSpace, task: Task) -> None:
        self.study, self.space, self.task = study, space, task
        self._known: dict[Architecture, float] = {}
        self._translated: dict[tuple[Architecture, Split], float] = {}

    def scratch(self, architecture: Architecture | None = None) -> float:
        """Seconds of a training from scratch and its scores; of one of middle size where none is named."""
        if architecture is None:
            return (self.scratch(self.space.smallest()) + self.scratch(self.space.largest())) / 2
        if architecture not in self._known:
            from foretell.training import Fixed, build_network, seconds_per_update

            recipe = self.study.train.recipe
            network = build_network(architecture, self.task.sizes, recipe, 0)
            one = seconds_per_update(network, self.task, recipe, Fixed(), self.study.device)
            self._known[architecture] = recipe.updates * one + self._scored(architecture, ("valid", "test"))
        return self._known[architecture]

    def scoring(self, split: Split) -> float:
        """Seconds of translating a split with a network of middle size; 0 where nothing is translated."""
        extremes = (self.space.smallest(), self.space.largest())
        return statistics.mean(self._scored(each, (split,)) for each in extremes)

    def _scored(self, architecture: Architecture, splits: Sequence[Split]) -> float:
        if not isinstance(self.task, TranslationTask):
            return 0.0
        for split in splits:
            if (architecture, split) not in self._translated:
                import torch

                from foretell.machine import torch_threads
                from foretell.training import build_network

                settings = self.study.train
                network = build_network(architecture, self.task.sizes, settings.recipe, 0)
                if not isinstance(network, Translator):
                    return 0.0
                pairs, penalty = self.task.pairs(split), settings.length_penalty
                with torch_threads(1), torch.inference_mode():
                    seconds = seconds_to_translate(network, pairs, beam=settings.beam, length_penalty=penalty)
                self._translated[architecture, split] = seconds
        return sum(self._translated[architecture, split] for split in splits)

    def supernet(self) -> float:
        """Seconds of the supernet's training."""
        from foretell.training import build_supernet, sampling_rule, seconds_per_update

        settings = self.study.supernet
        network = build_supernet(self.space, self.task, settings.recipe, settings.seed, settings.kind, settings)
        rule = sampling_rule(settings.kind, self.space, settings.seed, settings)
        return settings.recipe.updates * seconds_per_update(
            network, self.task, settings.recipe, rule, self.study.device
        )

    def score(self) -> float:
        """Seconds of one architecture of middle size on the validation sentences."""
        import torch

        from foretell.machine import torch_threads
        from foretell.training import build_network, validation_loss

        batches = self.task.validation_batches(_VALIDATION_TOKENS)
        took = []
        for each in (self.space.smallest(), self.space.largest()):
            network = build_network(each, self.task.sizes, self.study.train.recipe, 0)
            with torch_threads(1), torch.inference_mode():
                start = time.perf_counter()
                validation_loss(network, batches[:1], 0.0)
                took.append(time.perf_counter() - start)
        return len(batches) * statistics.mean(took)


def _steps(study: StudyConfig, space: SearchSpace, pace: _Pace | None) -> list[Step]:
    schedule = Schedule.parse(study.search.schedule)
    used = set(study.predictors)
    cores = usable_cores()
    steps = [Step("corpus", "read, clean and cut the text into pieces")]
    timed = any(is_latency(limited_cost(text)) for text in study.constraints)
    steps.append(Step("latency", f"measure {study.latency.samples} architectures" + ("" if timed else ", to report")))
    others = study.train.baselines
    extremes = {"smallest": space.smallest(), "largest": space.largest()}
    compared = [] if pace is None else [pace.scratch(extremes.get(name)) for name in others]
    if schedule.stretches:
        names = [*(["the supernet"] if "supernet" in used else []), *others]
        together = [*([pace.supernet()] if pace is not None and "supernet" in used else []), *compared]
        beside = max([sum(together) / cores, *together]) if together else None
        steps.append(Step("supernet", f"train {' and '.join(names) or 'nothing'} ({_updates(study, used)})", beside))
        if "distilled" in schedule.predictors:
            steps.append(Step("distil", f"{study.distilled.teacher} labels {study.distilled.labels:,} architectures"))
        steps.append(_search(study, schedule, pace))
    race = study.search.finalists_race
    if race is None:
        updates = f"the winner, {study.train.recipe.updates:,} updates"
        steps.append(Step("train", updates, None if pace is None else pace.scratch()))
        return steps
    too = [] if schedule.stretches else list(others)
    about = [f"{race.entrants} entrants, {race.cost(_fidelities(study)):.1f} full trainings", *too]
    seconds = None if pace is None else _race_seconds(study, race, pace, compared if too else [], cores)
    steps.append(Step("race", f"{' and '.join(about)} ({study.train.recipe.updates:,} updates)", seconds))
    done = None if pace is None else 0.0
    steps.append(Step("train", "nothing more: the race has trained its winner in full", done))
    return steps


def _fidelities(study: StudyConfig) -> Fidelities:
    return Fidelities(unit="updates", full=study.train.recipe.updates, continued=True)


def _race_seconds(study: StudyConfig, race: Race, pace: _Pace, others: Sequence[float], cores: int) -> float:
    """Rung after rung, each scored by its translations; on the last are fewer entrants than workers."""
    one, scoring = pace.scratch() - pace.scoring("test") - pace.scoring("valid"), pace.scoring("valid")
    rungs = race.resolved(_fidelities(study))
    each = [(now - had) * one + scoring for had, now in zip((0.0, *rungs), rungs, strict=False)]
    each[-1] += pace.scoring("test")
    places = race.places(rungs)
    took = sum(-(-n // cores) * seconds for n, seconds in zip(places, each, strict=True))
    return max(took, (sum(n * seconds for n, seconds in zip(places, each, strict=True)) + sum(others)) / cores)


def _updates(study: StudyConfig, used: set[str]) -> str:
    parts = [f"{study.supernet.recipe.updates:,}"] if "supernet" in used else []
    return f"{' and '.join([*parts, f'{study.train.recipe.updates:,}'])} updates"


def _search(study: StudyConfig, schedule: Schedule, pace: _Pace | None) -> Step:
    scored = dict.fromkeys(schedule.predictors, 0)
    sizes = study.search.evolution
    for stretch in schedule.stretches:  # parents keep their scores, as long as the same predictor judges them
        new = (stretch.last - stretch.first + 1) * (sizes.population - sizes.parents)
        scored[stretch.predictor] += sizes.parents + new
    parts = [f"at most {number:,} scored by {name}" for name, number in scored.items()]
    about = f"{study.search.algorithm}, {schedule.iterations} iterations: {', '.join(parts)}" if parts else "none"
    seconds = None if pace is None else scored["supernet"] * pace.score() if "supernet" in scored else 0.0
    return Step("search", about, seconds)


def _left_out(study: StudyConfig, task: Task | None) -> str:
    if task is None:
        return "the time, until the text is here (foretell corpus fetch)"
    asks = "distilled" in study.predictors and study.distilled.teacher == EMBEDDED
    model = [f"asking {study.distilled.llm} {study.distilled.asked:,} times"] if asks else []
    scoring = [f"scoring with {name}" for name in study.metrics]
    return " and ".join(["measuring latencies", *model, *scoring])
