"""Training one architecture of the user's from scratch, outside a search."""

from __future__ import annotations

from pathlib import Path

from foretell import spaces
from foretell.costs import CostModel
from foretell.errors import InputError
from foretell.objectives import run_jobs
from foretell.observations import Observation
from foretell.study.architectures import read_architectures
from foretell.study.campaign import with_costs
from foretell.study.config import StudyConfig
from foretell.study.jobs import keep_trained, scratch_job
from foretell.study.run import open_run
from foretell.tasks.translation import Task

__all__ = ["train_one"]


def train_one(
    study: StudyConfig, path: Path, out: Path, *, resume: bool = False, inherit: Path | None = None
) -> Observation:
    """Train the architecture of a YAML file from scratch, or from the weights that it has in a supernet.

    Args:
        study: Corpus, space and recipe.
        path: Gene names and values.
        out: Gets `model.safetensors`, `vocabulary.model`, `architecture.yaml` and `observation.json`.
        resume: Go on with what is in the folder.
        inherit: A supernet's checkpoint or folder.

    Raises:
        InputError: The file describes no architecture of the study's space, or the checkpoint is of another space.
    """
    from foretell.training import load_supernet

    space = spaces.create(study.space)
    found = read_architectures(path, space)
    if len(found) != 1:
        raise InputError(f"{path} holds {len(found)} architectures; give one, or use --observe.")
    if inherit is not None:
        load_supernet(inherit, space)  # refused before anything is written
    with open_run(study, out, resume=resume):
        task = Task.prepare(study.corpus, study.vocabulary)
        (result,) = run_jobs([scratch_job(study, found[0], study.train.seed, "training", inherit=inherit)])
        keep_trained(study, task, found[0], out, inherit)
    return with_costs(Observation.from_dict(space, result), CostModel(space, vocabulary=len(task.vocabulary)))
