"""A study: everything that decides a result, as one YAML file."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

from foretell import spaces
from foretell.costs.latency import Precision, Runtime
from foretell.errors import InputError, UnknownNameError, spelt
from foretell.llm.models import model_named
from foretell.llm.session import DEFAULT_LLM
from foretell.metrics import FIRST_METRICS, Metric, metric_named
from foretell.objectives import ExecutorSettings, ExternalScorer, ScorerSettings
from foretell.predictors.registry import check_name
from foretell.search import Evolution, Halving, Propose, Race, Schedule
from foretell.search.algorithms import check_proposing, known_algorithm
from foretell.search.algorithms import describe as describe_algorithm
from foretell.study.limits import check_limits
from foretell.study.validation import Part
from foretell.tasks import Task, TaskKind, task_kind
from foretell.tasks.registry import FIRST_KIND
from foretell.training import Recipe, SupernetKind, SupernetOptions

__all__ = [
    "EMBEDDED",
    "SCORERS",
    "DistilledSettings",
    "LatencySettings",
    "SearchSettings",
    "StudyConfig",
    "SupernetSettings",
    "TrainSettings",
]

EMBEDDED = "embedded"
"""The teacher that asks a language model in this process; see `DistilledSettings`."""
SCORERS = ("distilled", "supernet")
"""The predictors that a schedule may name."""

_MetricName = Annotated[str, Field(pattern=r"^[^\W\d_][\w-]*$")]


Baseline = Literal["smallest", "largest", "most-flops", "most-parameters", "uniform", "random"]


class LatencySettings(Part):
    """How this device is measured.

    Attributes:
        samples: Architectures to measure for the latency predictor.
        beam: Hypotheses of the translation step that is timed.
        finalists: The best so many architectures of a search are measured again before one is chosen.
        runtime: What runs the networks that are timed; decoders also run in llama.cpp (extras `local` and `hf`), on the
            CPU wherever the study trains.
        precision: Of their weights; "q8_0" in llama.cpp alone.
    """

    samples: int = Field(default=80, ge=20)
    beam: int = Field(default=4, ge=1)
    finalists: int = Field(default=5, ge=1)
    runtime: Runtime = Field(default="torch", exclude_if=lambda runtime: runtime == "torch")
    precision: Precision = Field(default="float32", exclude_if=lambda precision: precision == "float32")


class SupernetSettings(SupernetOptions):
    """The weight-sharing network that scores architectures; see `SupernetOptions` for more of it.

    Attributes:
        kind: "sandwich", "spos" (single-path one-shot, as HAT), "layerwise-mos" or "neuronwise-mos".
        recipe: How it is trained.
        seed: Of its weights, data order and sampled architectures.
        halving: Score each generation by successive halving over the validation sentences (`foretell.search.Halving`;
            `{}` is its defaults); None: all of it on all sentences.
    """

    kind: SupernetKind = "sandwich"
    recipe: Recipe = Recipe(updates=3000, warmup=300, learning_rate=5e-3)
    seed: int = Field(default=1, ge=0)
    halving: Halving | None = Field(default=None, exclude_if=lambda halving: halving is None)


class DistilledSettings(Part):
    """The predictor that imitates a teacher at no cost per architecture (LLM-Distill-PP).

    Attributes:
        teacher: "embedded" is a language model in this process and the regression together, each with the weight
            it earns on labels it has not seen; "supernet" the study's own (the paper's Distilled HAT, which needs
            no observations); else any predictor that `foretell evaluate` knows, fitted on the observations.
        llm: The language model of "embedded": local:NAME, or local:PATH.gguf.
        asked: How many architectures that one is asked about; a small network that imitates it does the rest.
        observations: Labelled architectures: a file, a folder, or "reference:en-de".
        labels: How many architectures the teacher labels.
        features: What the student sees: "hat-bleu" or "per-layer".
        recipe: "default", or "paper" for the published one.
        seed: Of the labelled sample and of the student.
    """

    teacher: str = EMBEDDED
    llm: str = DEFAULT_LLM
    asked: int = Field(default=200, ge=20)
    observations: str = "reference:en-de"
    labels: int = Field(default=3000, ge=20)
    features: str = "hat-bleu"
    recipe: Literal["default", "paper"] = "default"
    seed: int = Field(default=1, ge=0)

    @field_validator("teacher")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in (EMBEDDED, "supernet"):
            check_name(name, also=(EMBEDDED, "supernet"))
        return name

    @field_validator("llm")
    @classmethod
    def _local(cls, spelling: str) -> str:
        kind, _, name = spelling.partition(":")
        if kind != "local" or not name:
            raise InputError(
                f"{spelling!r} is not a local model; expected local:NAME or local:PATH.gguf (label with an endpoint "
                "by `foretell label`, where its cost has a limit)."
            )
        if not name.endswith(".gguf"):
            model_named(name)
        return spelling


class SearchSettings(Part):
    """The search.

    Attributes:
        algorithm: "evolution" (HAT, HS-NAS), or another of `foretell.search.algorithms` that predictors can judge.
        schedule: Which predictor scores which iterations. HAT is "supernet:1-30", the paper's HS-NAS(1, 15)
            "distilled:1-15,supernet:16-30". "none", the default: no supernet and no search; a race decides, whose
            entrants its predictor chooses.
        evolution: Sizes of the population and its parts.
        seed: Of everything random in it.
        initial: Architectures that the first generation begins with, or the race: a YAML file of one, JSON lines such
            as `foretell propose` and `foretell label` write, observations, or a run, whose winner is meant; those that
            break a limit are left out.
        race: Let finalists race (`foretell.search.Race`; `{}` is its defaults): their trainings decide which of them is
            trained in full, instead of what was predicted of them. None: the best of them is trained; without a
            schedule, a race with its defaults.
        propose: The language model that proposes (`foretell.search.Propose`): of the algorithms "llm" and "genius" all
            that is scored, of the others a share of the children; None: those two ask the default model.
    """

    algorithm: str = "evolution"
    schedule: str = "none"
    evolution: Evolution = Evolution()
    seed: int = Field(default=1, ge=0)
    initial: str | None = Field(default=None, exclude_if=lambda path: path is None)
    race: Race | None = Field(default=None, exclude_if=lambda race: race is None)
    propose: Propose | None = Field(default=None, exclude_if=lambda propose: propose is None)

    @model_validator(mode="after")
    def _proposing(self) -> SearchSettings:
        if self.propose is not None:
            check_proposing(self.algorithm)
        return self

    @field_validator("algorithm")
    @classmethod
    def _judged(cls, name: str) -> str:
        name = known_algorithm(name)
        about = describe_algorithm(name)
        if about.labels or about.fidelities:
            raise InputError(
                f"{name} learns from trainings, and the schedule's predictors judge this search; choose another "
                "algorithm, or compare it with `foretell search --compare`."
            )
        return name

    @field_validator("schedule")
    @classmethod
    def _readable(cls, text: str) -> str:
        schedule = Schedule.parse(text.lower())
        for name in schedule.predictors:
            if name not in SCORERS:
                raise UnknownNameError("predictor", name, SCORERS, f"the schedule {text}")
        return str(schedule)

    @model_validator(mode="after")
    def _race_known(self) -> SearchSettings:
        if self.race is not None and self.race.predictor is not None:
            check_name(self.race.predictor)
        return self

    @property
    def finalists_race(self) -> Race | None:
        """The race that decides; None where the schedule's last predictor does."""
        return Race() if self.race is None and not Schedule.parse(self.schedule).stretches else self.race


class TrainSettings(Part):
    """Training the winner, and what it is compared with, from scratch.

    Attributes:
        recipe: The same for all.
        seed: Of weights, data order and dropout.
        beam: Of the translations that are scored.
        length_penalty: Of the same; 1 is best for the default study's short sentences (by validation BLEU),
            HAT takes 0.6 for WMT.
        baselines: What is trained beside the winner: "smallest" and "largest" are the space's extremes, the others what
            simple rules pick under the limits (`foretell.search.rules`); one it has not is left out.
    """

    recipe: Recipe = Recipe()
    seed: int = Field(default=1, ge=0)
    beam: int = Field(default=4, ge=1)
    length_penalty: float = Field(default=1.0, ge=0)
    baselines: tuple[Baseline, ...] = ("smallest",)


class StudyConfig(Part):
    """One study; every part has defaults, and the whole is the default study of `foretell search`.

    Attributes:
        name: Names the run's folder.
        space: A search space by name, or the path of a YAML file.
        task: What is learnt: a kind of task (`foretell.tasks.task_kinds`); not written where it is translation.
        corpus: The task's data, in the words of its kind (`TaskKind.corpus`).
        vocabulary: Pieces of the vocabulary, of both languages together where there are two.
        constraints: Limits such as "latency<=20ms", "params<=0.4M"; "latency<=50%" is relative to the
            space's largest architecture.
        latency: How the device is measured.
        supernet: The weight-sharing network.
        distilled: The distilled predictor, where the schedule uses it.
        search: The search.
        train: Training from scratch.
        metrics: Further metrics of trained networks, each by a program of the user's that scores what they say
            (`foretell.objectives.ScorerSettings`): `{comet: {command: ...}}` gives `valid_comet` and `test_comet`.
        device: "auto", "cpu", "cuda" or "cuda:N".
        devices: That a supernet scores populations on, all at the same time (`[cuda:0, cuda:1]`); none: on `device`.
        alternatives: Lists of further limits: the run finds a winner for each, under these and `constraints`; empty:
            one winner.
        executor: Where trainings run; no result depends on it.
    """

    name: str = Field(default="home-assistant-en-de", pattern=r"^\w[\w. -]*$")
    space: str = "small-seq2seq"
    task: str = FIRST_KIND
    corpus: Any = Field(default_factory=dict, validate_default=True)
    vocabulary: int = Field(default=2000, ge=16, le=2**17)
    constraints: tuple[str, ...] = ("latency<=60%",)
    latency: LatencySettings = LatencySettings()
    supernet: SupernetSettings = SupernetSettings()
    distilled: DistilledSettings = DistilledSettings()
    search: SearchSettings = SearchSettings()
    train: TrainSettings = TrainSettings()
    metrics: dict[_MetricName, ScorerSettings] = Field(default_factory=dict)
    device: str = "auto"
    devices: tuple[str, ...] = Field(default=(), exclude_if=lambda it: not it)
    alternatives: tuple[tuple[str, ...], ...] = ()
    executor: ExecutorSettings = Field(default=ExecutorSettings(), exclude_if=lambda it: it == ExecutorSettings())

    @field_validator("task")
    @classmethod
    def _known(cls, name: str) -> str:
        return task_kind(name).name

    @field_validator("space")
    @classmethod
    def _spelt(cls, name: str) -> str:
        return spelt(name, spaces.names())

    @field_validator("corpus")
    @classmethod
    def _of_the_task(cls, corpus: Any, info: ValidationInfo) -> Any:
        return task_kind(info.data.get("task", FIRST_KIND)).corpus.model_validate(corpus)

    @field_validator("constraints")
    @classmethod
    def _readable(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        check_limits(texts)
        return texts

    @field_validator("alternatives", mode="before")
    @classmethod
    def _single(cls, value: Any) -> Any:
        """An alternative of one limit need not be a list."""
        return [[each] if isinstance(each, str) else each for each in value] if isinstance(value, list) else value

    @field_validator("alternatives")
    @classmethod
    def _all_readable(
        cls, alternatives: tuple[tuple[str, ...], ...], info: ValidationInfo
    ) -> tuple[tuple[str, ...], ...]:
        for texts in alternatives:
            if not texts:
                raise InputError("an alternative has no limit; give it one such as latency<=5ms, or leave it out.")
            check_limits((*info.data.get("constraints", ()), *texts))  # both hold
        return alternatives

    @model_serializer(mode="wrap")
    def _brief(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what is new and not used: studies and keys from before it was there stay what they were."""
        values: dict[str, Any] = serialise(self)
        left_out: dict[str, tuple[Any, ...]] = {"task": (FIRST_KIND,), "alternatives": ([], ()), "metrics": ({},)}
        return {name: value for name, value in values.items() if value not in left_out.get(name, ())}

    @property
    def predictors(self) -> tuple[str, ...]:
        """Of `SCORERS`, those that the search uses: the schedule's, and what the distilled one learns from."""
        named = Schedule.parse(self.search.schedule).predictors
        taught = "distilled" in named and self.distilled.teacher == "supernet" and "supernet" not in named
        return (*named, "supernet") if taught else tuple(named)

    def scheduled(self, schedule: str) -> StudyConfig:
        """The same study with another schedule."""
        return self.model_copy(update={"search": self.search.model_copy(update={"schedule": schedule})})

    @property
    def task_kind(self) -> TaskKind:
        """The kind of the task."""
        return task_kind(self.task)

    def make_task(self) -> Task:
        """The task, fetched and made where it is not kept yet; see `TaskKind.prepare`."""
        return self.task_kind.prepare(self.corpus, self.vocabulary)

    def quality(self) -> Metric:
        """What predictors foretell, where nothing else is asked for: the task's first metric."""
        return metric_named(FIRST_METRICS[self.task_kind.families[0]])

    @property
    def measuring(self) -> dict[str, Any]:
        """What `Task.measure` is told."""
        return {name: getattr(self.train, name) for name in self.task_kind.options}

    def metric(self, key: str) -> Metric:
        """The metric of an observation key, with its direction: the study's own, or as `metric_named` has it."""
        scorer = self.metrics.get(key.partition("_")[2])
        return metric_named(key) if scorer is None else scorer.metric(key)

    def scorers(self) -> list[ExternalScorer]:
        """What measures the study's own metrics.

        Raises:
            InputError: A program is not there, or its placeholders are not right.
        """
        return [ExternalScorer(name, settings) for name, settings in self.metrics.items()]

    def to_yaml(self) -> str:
        """The whole study as YAML, defaults spelled out."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
