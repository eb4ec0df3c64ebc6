"""Observations together with the splits that they were published or planned with, and their folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from foretell.errors import InputError, IntegrityError, UnknownNameError
from foretell.metrics import FIRST_METRICS, PRIMARY_METRIC, Metric, metric_from
from foretell.observations.files import read_observations, write_observations
from foretell.observations.observation import OWN_UNIT, Observation
from foretell.records import read_json, write_json
from foretell.spaces import SearchSpace

__all__ = ["OBSERVATIONS_FILE", "SPLITS_FILE", "ObservationSet", "Split"]

OBSERVATIONS_FILE = "observations.jsonl"
SPLITS_FILE = "splits.json"
_FORMAT = 1


@dataclass(frozen=True)
class Split:
    """One partition into what a predictor may learn from and what it is judged on.

    Attributes:
        name: Its name, such as the seed "123".
        train: The demonstrations, in the order in which they are shown (it matters to a language model).
        test: The observations to predict.
    """

    name: str
    train: tuple[Observation, ...]
    test: tuple[Observation, ...]


@dataclass(frozen=True)
class ObservationSet:
    """Observations of one space and task, with stored splits where there are any.

    Attributes:
        space: The space of all of them.
        observations: All of them, each once.
        splits: The stored splits; empty where the source has none.
        task: The name of the task, empty where the source does not tell.
        metric: What is predicted where nobody says otherwise; None where the source does not tell.
    """

    space: SearchSpace
    observations: tuple[Observation, ...]
    splits: tuple[Split, ...] = ()
    task: str = ""
    metric: Metric | None = None

    def __len__(self) -> int:
        return len(self.observations)

    def quality(self, asked: str | Metric | None = None) -> Metric:
        """The metric that was asked for, with the direction that the observations declare where it is theirs.

        A name without its split, `bits_per_byte`, is that of the validation split where nothing has the name itself;
        where nothing is spelled so, capitals and small letters are alike.
        """
        if self.metric is not None and asked in (None, self.metric.key):
            return self.metric
        if isinstance(asked, str) and asked not in (known := self._metrics()):
            small = {name.lower(): name for name in reversed(known)}
            meant = (name for name in (asked.lower(), f"valid_{asked}".lower()) if name in small)
            asked = next((small[name] for name in meant), asked)
        return metric_from(self._usual() if asked is None else asked)

    def _metrics(self) -> list[str]:
        return list(dict.fromkeys(name for item in self.observations for name in item.metrics))

    def _usual(self) -> str:
        """What is judged where nobody says: a task's first metric, else the first of validation, else what there is."""
        scored = (name for item in self.observations for said in item.scores.values() for name in said)
        found = self._metrics() or list(dict.fromkeys(name for name in scored if name != OWN_UNIT))
        own = FIRST_METRICS.get(self.space.family.name if self.space.family else "", PRIMARY_METRIC)
        first = next((name for name in (own, *FIRST_METRICS.values()) if name in found), None)
        if first or not found:
            return first or own
        validation = [name for name in found if name.startswith("valid")]
        return next((name for name in validation if name != "valid_loss"), next(iter([*validation, *found])))

    def taught(self, metric: Metric) -> tuple[ObservationSet, str]:
        """The set with a teacher's scores as labels, where nothing in it was trained; and whose they are.

        What `foretell label` writes can so be learnt from like labels of trainings. Scores in a teacher's own unit
        stand for the metric, turned to its direction.

        Args:
            metric: What the labels are of.

        Returns:
            The set and the teacher's name; the set itself and nothing where some label is there, or no one teacher.
        """
        if any(metric.key in item.metrics or item.failed for item in self.observations):
            return self, ""
        for unit in (metric.key, OWN_UNIT):
            teachers = {name for item in self.observations for name, said in item.scores.items() if unit in said}
            if teachers:
                break
        if len(teachers) != 1:
            return self, ""
        (teacher,) = teachers
        said = [(item, item.scores.get(teacher, {}).get(unit)) for item in self.observations]
        promoted = tuple(
            replace(
                item,
                metrics={**item.metrics, metric.key: value if unit == metric.key else metric.from_goodness(value)},
            )
            for item, value in said
            if value is not None
        )
        return replace(self, observations=promoted, splits=()), teacher

    def split(self, name: str) -> Split:
        """The stored split of that name.

        Raises:
            UnknownNameError: There is none; the message names the nearest.
        """
        by_name = {split.name: split for split in self.splits}
        if name not in by_name:
            raise UnknownNameError("split", name, by_name)
        return by_name[name]

    def save(self, folder: Path | str) -> None:
        """Write the folder: `observations.jsonl`, and `splits.json` where there are splits.

        Splits name architectures by their key, so an architecture observed with several seeds is wholly
        on one side.

        Raises:
            StorageError: The disk refused.
        """
        folder = Path(folder)
        write_observations(folder / OBSERVATIONS_FILE, self.observations)
        splits = [{"name": s.name, "train": _keys(s.train), "test": _keys(s.test)} for s in self.splits]
        description = {"format": _FORMAT, "space": self.space.name, "task": self.task, "splits": splits}
        write_json(folder / SPLITS_FILE, description)

    @classmethod
    def read(cls, folder: Path | str, space: SearchSpace | None = None) -> ObservationSet:
        """Read a folder that `save` wrote; without `splits.json` it has no stored splits.

        Raises:
            InputError: A file makes no sense, or a split names an architecture that was not observed.
        """
        folder = Path(folder)
        observations = tuple(read_observations(folder / OBSERVATIONS_FILE, space))
        space = observations[0].architecture.space
        path = folder / SPLITS_FILE
        if not path.exists():
            return cls(space, observations)
        data = _checked(read_json(path), path)
        by_key: dict[str, list[Observation]] = {}
        for item in observations:
            by_key.setdefault(item.architecture.key, []).append(item)
        splits = tuple(_split(entry, by_key, path) for entry in data["splits"])
        return cls(space, observations, splits, str(data.get("task", "")))


def _keys(observations: tuple[Observation, ...]) -> list[str]:
    return list(dict.fromkeys(item.architecture.key for item in observations))


def _checked(data: Any, path: Path) -> Mapping[str, Any]:
    if not isinstance(data, dict) or not isinstance(data.get("splits"), list):
        raise IntegrityError(f"{path} does not hold a list of splits; write it again (docs/formats.md).")
    for key in data:
        if key not in ("format", "space", "task", "splits"):
            raise UnknownNameError("key", key, ("format", "space", "task", "splits"), str(path))
    if data.get("format") != _FORMAT:
        raise IntegrityError(f"{path} has format {data.get('format')!r}; this version reads format {_FORMAT}.")
    return data


def _split(entry: Any, by_key: Mapping[str, list[Observation]], path: Path) -> Split:
    if not isinstance(entry, dict) or set(entry) != {"name", "train", "test"}:
        raise IntegrityError(f"{path}: a split is {str(entry)[:80]}; expected the keys name, train and test.")
    for side in ("train", "test"):
        keys = entry[side]
        if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
            raise IntegrityError(f"{path}: {side} is {str(keys)[:80]}; expected a list of architecture keys.")
    name = str(entry["name"])
    both = set(entry["train"]) & set(entry["test"])
    if both:
        raise InputError(f"{path}: split {name} trains and tests on {sorted(both)[0]}; take it out of one side.")
    sides = []
    for side in ("train", "test"):
        for key in entry[side]:
            if key not in by_key:
                raise UnknownNameError("architecture key", key, by_key, f"{path}, split {name}")
        sides.append(tuple(item for key in entry[side] for item in by_key[key]))
    return Split(name, *sides)
