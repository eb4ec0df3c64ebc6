"""Labels on record, held against the same trainings done again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from foretell import spaces
from foretell.costs import CostModel
from foretell.errors import InputError
from foretell.evaluation import label_quality
from foretell.metrics import metric_named
from foretell.observations import Observation, ObservationSet
from foretell.observations.reference import REFERENCE_PREFIX, reference_path
from foretell.records import fingerprint
from foretell.study.config import StudyConfig
from foretell.study.run import open_run
from foretell.study.training import train_missing
from foretell.tasks import Task

__all__ = ["Repeated", "repeat_observations", "split_source"]


@dataclass(frozen=True)
class Repeated:
    """A record beside the same training done again.

    Attributes:
        stored: What was on record.
        again: What training gave now.
        metric: What is compared.
        noise: Standard deviation of one training's metric over seeds, from the repeated trainings on record;
            None where there are none, or where they all came out alike, which says as little.
    """

    stored: Observation
    again: Observation
    metric: str
    noise: float | None

    @property
    def difference(self) -> float:
        """Now minus then, in the metric's unit."""
        return self.again.metric(self.metric) - self.stored.metric(self.metric)

    @property
    def agrees(self) -> bool | None:
        """Whether they differ by at most three standard deviations of the noise; None where it is not known."""
        return abs(self.difference) <= 3 * self.noise if self.noise else None

    def __str__(self) -> str:
        then, now = self.stored.metric(self.metric), self.again.metric(self.metric)
        quality = metric_named(self.metric)
        text = f"{self.metric} {quality.format(now)} now, {quality.format(then)} on record"
        if not self.noise:
            return f"{text}; label noise unknown"
        return f"{text}; {self.difference:+.2f} is {abs(self.difference) / self.noise:.1f} times the label noise"


def split_source(text: str) -> tuple[str, str | None, Path | None]:
    """Read "reference:en-de", "reference:en-de:KEY", "labels.jsonl" or "labels.jsonl:KEY".

    Returns:
        The observations, the key of one architecture or None, and for a reference benchmark the study file that
        it was made with.

    Raises:
        InputError: Nothing stands after the colon: it would mean hours of training that may not be meant.
        UnknownNameError: There is no such reference benchmark.
    """
    if text.endswith(":"):
        raise InputError(f"{text} has no key after the colon; give one, or leave the colon out to repeat all records.")
    if text.startswith(REFERENCE_PREFIX):
        name, _, key = text.removeprefix(REFERENCE_PREFIX).partition(":")
        return REFERENCE_PREFIX + name, key or None, reference_path(name).with_suffix(".yaml")
    if Path(text).exists():
        return text, None, None
    path, _, key = text.rpartition(":")
    return path or text, key or None, None


def repeat_observations(
    study: StudyConfig,
    records: Sequence[Observation],
    key: str | None,
    out: Path,
    *,
    metric: str | None = None,
    resume: bool = False,
) -> list[Repeated]:
    """Train what is on record again, with the same seeds, and compare.

    Nothing is taken from the store of trained architectures: the point is to see the number come out again.

    Args:
        study: Corpus, vocabulary and recipe that the records were made with.
        records: The records.
        key: The key of one architecture, or the beginning of it; None: all of them.
        out: Gets `observations.jsonl` and the networks.
        metric: What is compared; None: what the records are about.
        resume: Go on with what is in the folder.

    Raises:
        InputError: No record of that key, or a study that is not the records'.
    """
    space = spaces.create(study.space)
    chosen = [item for item in records if item.architecture.key.startswith(key or "")]
    if not chosen:
        keys = sorted({item.architecture.key for item in records})
        raise InputError(f"no record has the key {key!r}; expected one of {', '.join(keys[:5])}, ...: see the list.")
    if key is not None:
        chosen = chosen[:1]
    task = study.make_task()
    for item in chosen:
        _check_same(item, task, study)
    with open_run(study, out, resume=resume):
        costs = CostModel(space, **task.sizes)
        wanted = [(item.architecture, int(item.provenance["seed"])) for item in chosen]
        again = train_missing(study, wanted, out / "observations.jsonl", costs, out / "trained")
    metric = ObservationSet(space, tuple(records)).quality(metric).key
    noise = label_quality(records, metric).noise if len(records) > 1 else None
    return [Repeated(old, new, metric, noise) for old, new in zip(chosen, again, strict=True)]


def _check_same(record: Observation, task: Task, study: StudyConfig) -> None:
    """Refuse a record that was made with other sentences, pieces or settings: its number means something else."""
    made_with = record.provenance.get("task")
    if made_with != task.fingerprint:
        raise InputError(
            f"the record {record.architecture.key} was made with the task {made_with}; the study's is "
            f"{task.fingerprint}: give the study with the same corpus and vocabulary."
        )
    now = {"recipe": fingerprint(study.train.recipe.model_dump(mode="json")), **study.measuring}
    for name, value in now.items():
        told = record.provenance.get(name, value)
        if told != value:
            raise InputError(
                f"the record {record.architecture.key} was made with {name} {told}; the study's is {value}: give the "
                "study with the same training (train:)."
            )
    if "seed" not in record.provenance:
        raise InputError(f"the record {record.architecture.key} does not tell its seed, so it cannot be repeated.")
