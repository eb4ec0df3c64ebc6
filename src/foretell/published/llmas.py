"""The published data of LLM-PP: TFS-Eval and the distillation inputs (UBC-NLP/llmas)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from foretell import spaces
from foretell.errors import ForetellError, InputError, IntegrityError, UnknownNameError
from foretell.observations.collection import ObservationSet, Split
from foretell.observations.files import numbered_lines
from foretell.observations.observation import Observation
from foretell.spaces import Architecture, SearchSpace

__all__ = ["LAYOUT", "TASK_SPACES", "find_llmas_tasks", "import_llmas", "read_llmas", "read_llmas_file"]

TASK_SPACES: Mapping[str, str] = {
    "wmt14ende": "hat-wmt14-en-de",
    "wmt14enfr": "hat-wmt14-en-fr",
    "wmt19ende": "hat-wmt19-en-de",
}
"""The published names of the tasks, and the spaces that they were sampled from."""

_METRICS = {"valid_bleu": "valid_BLEU", "test_bleu": "test_BLEU"}
_COSTS = {
    "latency_ms": "overall_latency",
    "flops": "total_flops",
    "flops_without_output_layer": "total_flops_without_last_layer",
    "parameters_without_embeddings": "num_parameters_without_embedding_weights",
    # Published as V x decoder width even where the encoder is wider.
    "decoder_embedding_parameters": "num_embedding_parameters",
}
_SOURCE = {"source": "UBC-NLP/llmas, data/train-test_seedarchs", "licence": "MIT"}
_INNER = ("train-test_seedarchs", "data/train-test_seedarchs")

_Places = dict[str, dict[str, Path]]


def import_llmas(path: Path | str, task: str | None, out: Path | str) -> ObservationSet:
    """Read published data and write it as a folder in our own format.

    Args:
        path: The published folder, or one of its parents (see `read_llmas`).
        task: Which task; may be None where the folder holds one only.
        out: The folder to write `observations.jsonl` and `splits.json` into.

    Raises:
        InputError: No such data there, or a line makes no sense.
        StorageError: The disk refused.
    """
    collection = read_llmas(Path(path), task)
    collection.save(out)
    return collection


def find_llmas_tasks(path: Path) -> _Places:
    """The published layout `{seed}/{task}/{train,test}.jsonl` at or below `path`: task -> seed -> folder.

    `path` may be the repository, its `data`, `train-test_seedarchs`, one seed's folder or one task's.
    """
    for inner in _INNER:
        if (path / inner).is_dir():
            return find_llmas_tasks(path / inner)
    found: _Places = {}
    for depth in ("", "*/", "*/*/"):
        for train in sorted(path.resolve().glob(f"{depth}train.jsonl")):
            folder = train.parent
            if (folder / "test.jsonl").exists() and folder.parent.name.isdigit():
                found.setdefault(folder.name, {})[folder.parent.name] = folder
    return found


def read_llmas(path: Path, task: str | None = None) -> ObservationSet:
    """Read TFS-Eval: each architecture once, and one stored split for each seed, train order kept.

    Args:
        path: The published folder, or one of its parents.
        task: Which task; may be None where the folder holds one only.

    Raises:
        InputError: There is no such data, several tasks and none chosen, or a line makes no sense.
        IntegrityError: One architecture has different numbers in two splits.
    """
    places = find_llmas_tasks(path)
    if not places:
        raise InputError(f"{path} holds no folder {{seed}}/{{task}} with train.jsonl and test.jsonl; check the path.")
    if task is None:
        if len(places) > 1:
            raise InputError(f"{path} holds the tasks {', '.join(sorted(places))}; choose one with --task.")
        task = next(iter(places))
    if task not in places:
        raise UnknownNameError("task", task, sorted(places), str(path))
    space = _space_of(task)
    seen: dict[Architecture, Observation] = {}
    splits = []
    for seed, folder in sorted(places[task].items()):
        train, test = (_distinct(read_llmas_file(folder / f"{side}.jsonl", task), seen) for side in ("train", "test"))
        splits.append(Split(seed, train, test))
    return ObservationSet(space, tuple(seen.values()), tuple(splits), task)


def read_llmas_file(path: Path, task: str) -> list[Observation]:
    """Read one published file; the distillation inputs, which hold FLOPs only, included.

    Raises:
        InputError: A line makes no sense; the message has its number.
    """
    space = _space_of(task)
    observations = []
    for number, line in numbered_lines(path):
        try:
            observations.append(_observation(line, space, task))
        except ForetellError as error:
            raise InputError(f"{path}, line {number}: {error}") from error
    return observations


def _distinct(observations: list[Observation], seen: dict[Architecture, Observation]) -> tuple[Observation, ...]:
    """The same observations, with those seen before replaced by the first of their kind."""
    for item in observations:
        if seen.setdefault(item.architecture, item) != item:
            raise IntegrityError(
                f"the architecture {item.architecture.key} has different numbers in two splits; "
                "download the published data again."
            )
    return tuple(seen[item.architecture] for item in observations)


def _space_of(task: str) -> SearchSpace:
    if task not in TASK_SPACES:
        raise UnknownNameError("task", task, TASK_SPACES)
    return spaces.create(TASK_SPACES[task])


def _observation(line: Mapping[str, Any], space: SearchSpace, task: str) -> Observation:
    scratch = _mapping(line.get("scratch"), "scratch")
    lines = scratch.get("arch_info")
    if not isinstance(lines, list) or not all(isinstance(item, str) for item in lines):
        raise InputError("scratch.arch_info is not a list of ten lines; expected the published layout.")
    scores = {name: _named(_mapping(said, name), _METRICS) for name, said in line.items() if name != "scratch"}
    provenance: dict[str, Any] = {**_SOURCE, "task": task}
    if "sockeye_dir" in scratch:
        provenance["published_run"] = "/".join(str(scratch["sockeye_dir"]).split("/")[-2:])
    architecture = Architecture.from_text(space, "\n".join(lines))
    return Observation(architecture, _named(scratch, _METRICS), _named(scratch, _COSTS), scores, provenance)


def _mapping(value: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise InputError(f"{name} is {str(value)[:40]!r}; expected an object, as in the published layout.")
    return value


def _named(values: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Published values under our names; those that are not there are left out."""
    return {ours: values[theirs] for ours, theirs in names.items() if theirs in values}


class _Layout:
    """How `foretell.observations.load` reads it."""

    def tasks(self, folder: Path) -> list[str]:
        """The tasks that a folder holds in this layout; none where it is another."""
        return sorted(find_llmas_tasks(folder))

    def read(self, folder: Path, task: str | None) -> ObservationSet:
        """A folder of this layout."""
        return read_llmas(folder, task)

    def owns(self, line: Mapping[str, Any]) -> bool:
        """Whether a line is of this layout."""
        return "scratch" in line

    def read_file(self, path: Path, task: str | None) -> ObservationSet:
        """One file of this layout."""
        name = task or _task_in_path(path)
        published = read_llmas_file(path, name)
        return ObservationSet(published[0].architecture.space, tuple(published), task=name)


LAYOUT = _Layout()


def _task_in_path(path: Path) -> str:
    """The task that a published file's name or folder names, as in `wmt14ende/test.jsonl`."""
    for task in TASK_SPACES:
        if path.resolve().parent.name == task or path.name.startswith(task):
            return task
    raise InputError(f"{path} is published data of an unknown task; name it with --task ({', '.join(TASK_SPACES)}).")
