"""What a teacher's scores depend on beside its spelling; the name of its student tells all of it."""

from __future__ import annotations

from pathlib import Path

from foretell.llm.models import model_file
from foretell.predictors.llm import Llm
from foretell.predictors.registry import parsed
from foretell.predictors.spelling import Spelling
from foretell.records import fingerprint, read_object
from foretell.study.config import StudyConfig
from foretell.study.jobs import supernet_names
from foretell.study.prompting import corpus_title
from foretell.training import KINDS
from foretell.training.checkpoint import weights_digest

__all__ = ["model_bytes", "teacher_inputs"]


def teacher_inputs(study: StudyConfig, *, first: bool = False) -> list[str]:
    """Names of the networks, models and tasks behind the study's teacher, whatever its spelling leaves open.

    Args:
        study: Says which teacher.
        first: As the first version named them, where it could.

    Raises:
        InputError: The spelling cannot be read, or a file that it names does not exist.
        IntegrityError: A checkpoint that it names is damaged.
    """
    teacher = study.distilled.teacher
    if teacher == "supernet":
        now, before = supernet_names(study, study.make_task())
        return [before if first and before is not None else now]
    # The title, whoever teaches: every predictor may read the context's task.
    return [corpus_title(study), *_behind(parsed(teacher))]


def model_bytes(model: str) -> list[str]:
    """The hash of a local model's file, where a path names it; known names stand for pinned hashes already."""
    kind, _, name = model.partition(":")
    return [model_file(name)[1]] if kind == "local" and name.endswith(".gguf") else []


def _behind(spelling: Spelling) -> list[str]:
    named = str(spelling.options.get("model", ""))
    found: list[str] = []
    if spelling.name == "llm":
        model = Llm(model=named).model  # the environment names it where the spelling does not
        found = [model, *model_bytes(model)]
    elif named:
        found = model_bytes(f"local:{named.removeprefix('local:')}")
    elif spelling.name in KINDS and spelling.text is not None:
        found = [weights_digest(Path(spelling.text).expanduser() / "model.safetensors")]
    elif spelling.name == "student" and spelling.text is not None:
        found = [fingerprint(read_object(Path(spelling.text).expanduser() / "distilled.json"))]  # weights included
    return found + [each for inner in spelling.inner for each in _behind(inner)]
