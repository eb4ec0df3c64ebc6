"""A study of trials: a space, a metric and an objective of the user's, as one YAML file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from foretell import spaces
from foretell.costs import Constraints, CostModel, counted_costs
from foretell.costs.model import plain_name
from foretell.errors import InputError, UnknownNameError
from foretell.metrics import Metric, metric_from
from foretell.objectives import (
    CommandObjective,
    CommandSettings,
    ExecutorSettings,
    Fidelities,
    Objective,
    TableObjective,
    said_by_table,
)
from foretell.predictors.registry import check_name
from foretell.search import Propose, Race
from foretell.search.algorithms import GENIUS, ROUNDS, check_proposing, known_algorithm
from foretell.search.asking import designed
from foretell.spaces import Population, SearchSpace
from foretell.study.architectures import initial_rows, resolved_source
from foretell.study.limits import limited_costs, resolve_limits
from foretell.study.validation import Part, in_known_case, validation_sentence

__all__ = ["ObjectiveSettings", "TrialSearchSettings", "TrialStudyConfig", "trial_study_from"]


class TrialSearchSettings(Part):
    """How trials are chosen.

    Attributes:
        algorithm: "predictor" (a design, then a predictor's upper confidence), or any other of
            `foretell.search.algorithms`.
        trials: Architectures to train; of an algorithm that trains many a little, the work of so many in full.
        startup: Of "predictor" the first so many are a D-optimal design (None: a third of the trials, at least
            three); of Optuna's samplers so many are random before they learn (None: likewise, at most ten).
        predictor: Of "predictor": any of `foretell evaluate` that learns from labels.
        against: Of "nsga2": the costs that the metric is traded against, of those that the genes decide; None:
            parameters, or all that the space declares.
        seed: Of everything random in it.
        initial: Architectures that are tried first: a file as studies that train by themselves take it
            (`SearchSettings.initial`), or a list of them, their genes written out; those that break a limit are left
            out. A run keeps them written out.
        workers: Trials at the same time; None: one for each core that this process may use.
        race: After the trials, let architectures that their labels make hopeful race (`foretell.search.Race`; `{}` is
            its defaults): those trained in full become trials. None: no race.
        propose: The language model that proposes (`foretell.search.Propose`): of the algorithms "llm" and "genius" all
            trials, of those that go from generation to generation a share of the children. None: those two ask the
            default model, and the others none.
    """

    algorithm: str = "predictor"
    trials: int = Field(default=16, ge=0)
    startup: int | None = Field(default=None, ge=1)
    predictor: str = "regression"
    against: tuple[str, ...] | None = None
    seed: int = Field(default=1, ge=0)
    initial: str | tuple[dict[str, Any], ...] | None = Field(default=None, exclude_if=lambda it: it is None)
    workers: int | None = Field(default=None, ge=1)
    race: Race | None = Field(default=None, exclude_if=lambda race: race is None)
    propose: Propose | None = Field(default=None, exclude_if=lambda propose: propose is None)

    @model_validator(mode="after")
    def _proposing(self) -> TrialSearchSettings:
        if self.propose is not None:
            check_proposing(self.algorithm)
        return self

    @model_validator(mode="before")
    @classmethod
    def _ten_rounds(cls, value: Any) -> Any:
        """GENIUS has ten rounds, where nobody says."""
        if isinstance(value, Mapping) and value.get("algorithm") == GENIUS and value.get("trials") is None:
            return {**value, "trials": ROUNDS}
        return value

    @model_validator(mode="after")
    def _something_to_do(self) -> TrialSearchSettings:
        if self.trials < 1 and self.race is None:
            raise InputError(f"the study has {self.trials} trials and no race; give it at least one trial.")
        return self

    @model_validator(mode="before")
    @classmethod
    def _random(cls, value: Any) -> Any:
        """`predictor: random` is how random search was spelt before there were algorithms."""
        if isinstance(value, Mapping) and value.get("predictor") == "random":
            return {**{key: each for key, each in value.items() if key != "predictor"}, "algorithm": "random"}
        return value

    @model_validator(mode="before")
    @classmethod
    def _known_algorithm(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and isinstance(value.get("algorithm"), str):
            return {**value, "algorithm": known_algorithm(value["algorithm"])}
        return value

    @field_validator("predictor")
    @classmethod
    def _known(cls, name: str) -> str:
        check_name(name)
        return name

    @property
    def designed(self) -> int:
        """Trials that are chosen by design, or at random, before anything is learnt."""
        return self.startup or designed(self.trials)


class ObjectiveSettings(Part):
    """Where labels come from: one of three.

    Attributes:
        command: The user's program; beside it may stand what `CommandSettings` has (`fidelity`, `time_limit`, ...).
        table: Observations on record: a file, a folder, or a name such as "reference:en-de".
        function: The name of the Python function of a study that Python made; only Python can go on with it.
        seed: Handed to every training.
        costs: What the objective tells besides metrics and the genes do not decide; limits may name them.
    """

    command: CommandSettings | None = None
    table: str | None = None
    function: str | None = None
    seed: int = Field(default=1, ge=0)
    costs: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _flat(cls, value: Any) -> Any:
        """`command` stands beside its settings in a study file."""
        if not isinstance(value, Mapping) or isinstance(value.get("command"), (Mapping, CommandSettings, type(None))):
            return value
        own = {key: value[key] for key in ("table", "function", "seed") if key in value}
        rest = {key: each for key, each in value.items() if key not in own}
        return {**own, "command": rest, "costs": value.get("costs", ())}

    @model_validator(mode="after")
    def _one(self) -> ObjectiveSettings:
        given = [name for name in ("command", "table", "function") if getattr(self, name) is not None]
        if len(given) != 1:
            raise InputError(
                f"the objective has {' and '.join(given) or 'none of command, table, function'}; give exactly one."
            )
        return self


class TrialStudyConfig(Part):
    """A study whose labels come from the user: every label is a training of theirs.

    Attributes:
        name: Names the run's folder.
        space: A search space: its genes, written here (`genes`, `costs`, ...), by name, or the path of a YAML file; a
            table says it where the study does not.
        metric: What is to become good: a name, or `{name: val_loss, higher_is_better: false}`; likewise.
        objective: Where labels come from.
        constraints: Limits on costs that the genes decide or the objective tells, such as "params<=150k".
        search: How trials are chosen.
        device: What `{device}` stands for in commands: "auto", "cpu", "cuda" or "cuda:N".
        executor: Where trials are trained. How many at a time decides what the choice of the next can know; nothing
            else depends on it.
    """

    name: str = Field(default="mine", pattern=r"^\w[\w. -]*$")
    space: dict[str, Any] | str
    metric: dict[str, Any] | str
    objective: ObjectiveSettings
    constraints: tuple[str, ...] = ()
    search: TrialSearchSettings = TrialSearchSettings()
    device: str = "auto"
    executor: ExecutorSettings = Field(default=ExecutorSettings(), exclude_if=lambda it: it == ExecutorSettings())

    @model_validator(mode="before")
    @classmethod
    def _metrics_of_command(cls, value: Any) -> Any:
        """A command tells the study's metric unless it says which."""
        if not isinstance(value, Mapping) or not isinstance(value.get("objective"), Mapping):
            return value
        objective = dict(value["objective"])
        if isinstance(objective.get("command"), (str, list, tuple)) and "metrics" not in objective:
            metric = value.get("metric")
            name = metric.get("name") if isinstance(metric, Mapping) else metric
            objective["metrics"] = [str(name)] if name else []
        return {**value, "objective": objective}

    @model_validator(mode="after")
    def _sensible(self) -> TrialStudyConfig:
        self._check_race()
        limited_costs(self.limits(), self.search_space(), self.objective.costs)
        metric_from(self.metric)
        self._check_traded()
        return self

    def _check_traded(self) -> None:
        """Refuse to trade against what cannot be counted before a training, by which nsga2 chooses."""
        if self.search.algorithm != "nsga2":
            return
        known = counted_costs(self.search_space())
        for name in self.search.against or ():
            if plain_name(name) not in known:
                there = f"choose from {', '.join(known)}" if known else "give the space `costs`"
                raise InputError(
                    f"search.against names {name!r}, which the genes do not decide; nsga2 trades against what can be "
                    f"counted before a training: {there}."
                )

    def _check_race(self) -> None:
        """Refuse a race that this study cannot have, before anything is trained."""
        race, command = self.search.race, self.objective.command
        if race is None:
            return
        own = metric_from(self.metric).key
        if race.metric not in ("", own):
            raise InputError(f"the race has the metric {race.metric} and the study {own}; leave the race's out.")
        if race.predictor is not None:
            check_name(race.predictor)
        if command is not None:
            race.resolved(command.fidelity)

    def search_space(self) -> SearchSpace:
        """The space.

        Raises:
            InputError: It makes no sense.
        """
        if isinstance(self.space, str):
            return spaces.create(self.space)
        return spaces.from_dict(self.space, "the study's space", default_name=self.name)

    def quality(self) -> Metric:
        """The metric, with its direction."""
        return metric_from(self.metric)

    def limits(self) -> Constraints:
        """The limits; one relative to the largest architecture in absolute numbers."""
        return resolve_limits(self.constraints, CostModel(self.search_space()))

    def fidelities(self) -> Fidelities:
        """How far the objective can train, as far as the study says."""
        return self.objective.command.fidelity if self.objective.command is not None else Fidelities()

    def make_objective(self, folder: Path | None = None) -> Objective:
        """What gives labels.

        Args:
            folder: The folder of the study's file.

        Raises:
            InputError: The objective is a Python function, or cannot work.
        """
        given = self.objective
        if given.command is not None:
            return CommandObjective(given.command, self.search_space(), device=self.device, folder=folder)
        if given.table is not None:
            from foretell.observations import load

            return TableObjective(load(given.table, space=self.search_space()), (self.quality().key,))
        raise InputError(
            f"the objective of {self.name} is the Python function {given.function}; go on from Python with "
            "foretell.create_study(..., load_if_exists=True) and optimize."
        )

    def beginning(self) -> Population | None:
        """The architectures that are tried first, `int16 [n, columns]`; None where there are none.

        Raises:
            InputError: They cannot be read.
        """
        try:
            return initial_rows(self.search.initial, self.search_space())
        except UnknownNameError:
            raise
        except InputError as error:
            raise InputError(f"search.initial: {error}") from None

    def written_out(self) -> TrialStudyConfig:
        """The same study, which needs no file that the architectures to begin with stand in."""
        rows = self.beginning()
        if rows is None:
            return self
        genes = tuple(each.to_dict() for each in self.search_space().architectures(rows))
        return self.model_copy(update={"search": self.search.model_copy(update={"initial": genes})})

    def to_yaml(self) -> str:
        """The whole study as YAML, defaults spelled out."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def trial_study_from(data: Mapping[str, Any], where: Path | str) -> TrialStudyConfig:
    """A study of trials as read from YAML, or from Python.

    Args:
        data: Its keys.
        where: The file, to which paths in it are relative; or what messages call it.

    Raises:
        InputError: A value that makes no sense; one sentence says which.
        UnknownNameError: An unknown key; the message names the nearest.
    """
    if isinstance(where, Path):
        data = _resolved(data, where.parent)
    objective = data.get("objective")
    table = objective.get("table") if isinstance(objective, Mapping) else None
    if isinstance(table, str) and not {"space", "metric"} <= data.keys():
        data = {**said_by_table(table), **data}
    try:
        return TrialStudyConfig.model_validate(in_known_case(dict(data), TrialStudyConfig))
    except ValidationError as error:
        raise validation_sentence(error, str(where), TrialStudyConfig) from None


def _resolved(data: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Paths in a study file are relative to the file; a command runs beside it."""
    found, objective = dict(data), data.get("objective")
    space = data.get("space")
    if isinstance(space, str) and space.endswith((".yaml", ".yml")):
        found["space"] = str((folder / Path(space).expanduser()).resolve())
    search = data.get("search")
    if isinstance(search, Mapping) and isinstance(search.get("initial"), str):
        found["search"] = {**search, "initial": resolved_source(search["initial"], folder)}
    if isinstance(objective, Mapping):
        objective = dict(objective)
        if isinstance(objective.get("command"), (str, list)):
            objective["cwd"] = str((folder / Path(str(objective.get("cwd") or ".")).expanduser()).resolve())
        table = objective.get("table")
        if isinstance(table, str) and ":" not in table:
            objective["table"] = str((folder / Path(table).expanduser()).resolve())
        found["objective"] = objective
    return found
