"""Labels as jobs: where an architecture's files lie, and labelling it in another process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from foretell.objectives.base import Objective
from foretell.objectives.executors import Job
from foretell.objectives.table import TableObjective
from foretell.spaces import Architecture

__all__ = ["label_folder", "label_job"]


def label_folder(base: Path, objective: Objective, architecture: Architecture, seed: int, fidelity: float) -> Path:
    """Where an objective keeps its files of an architecture.

    Trainings that can be continued have one folder for all fidelities, others one each.
    """
    share = objective.fidelities.nearest(fidelity)
    beside = "" if share == 1 or objective.fidelities.continued else f"-{objective.fidelities.amount(share):g}"
    return base / f"{architecture.key}-{seed}{beside}"


def label_job(
    objective: Objective, architecture: Architecture, *, seed: int, fidelity: float, folder: Path, title: str = ""
) -> Job:
    """Give an architecture its label by an executor; the result is `Observation.to_dict`.

    Args:
        objective: Gives the label. For another process it is copied, which a function inside a function cannot be.
        architecture: What to label.
        seed: See `Objective.label`.
        fidelity: See `Objective.label`.
        folder: See `Objective.label`.
        title: What the progress display calls it; the architecture's key by default.
    """
    folder = folder.resolve()  # wherever the job runs
    values = {"objective": objective, "architecture": architecture, "seed": seed, "fidelity": fidelity}
    key = f"{objective.fingerprint} {architecture.key} {seed} {fidelity} {folder}"
    arguments = {**values, "folder": folder}
    short = isinstance(objective, TableObjective)
    return Job(title or architecture.key, _label, arguments, key, short=short, folder=None if short else folder)


def _label(
    objective: Objective, architecture: Architecture, seed: int, fidelity: float, folder: Path
) -> dict[str, Any]:
    return objective.label(architecture, seed=seed, fidelity=fidelity, folder=folder).to_dict()
