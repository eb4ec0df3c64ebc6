"""Where labels come from: our own training, the user's program, a Python function, a table; and what runs them."""

from foretell.objectives.base import Fidelities, Objective
from foretell.objectives.command import CommandObjective
from foretell.objectives.executors import (
    Completed,
    Executor,
    Handle,
    InlineExecutor,
    Job,
    ProcessExecutor,
    VirtualExecutor,
    run_jobs,
)
from foretell.objectives.function import FunctionObjective
from foretell.objectives.labelling import label_folder, label_job
from foretell.objectives.scorer import ExternalScorer
from foretell.objectives.settings import CommandSettings, ScorerSettings
from foretell.objectives.store import claim, store_folder
from foretell.objectives.table import TableObjective
from foretell.objectives.trained import TrainedObjective

__all__ = [
    "CommandObjective",
    "CommandSettings",
    "Completed",
    "Executor",
    "ExternalScorer",
    "Fidelities",
    "FunctionObjective",
    "Handle",
    "InlineExecutor",
    "Job",
    "Objective",
    "ProcessExecutor",
    "ScorerSettings",
    "TableObjective",
    "TrainedObjective",
    "VirtualExecutor",
    "claim",
    "label_folder",
    "label_job",
    "run_jobs",
    "store_folder",
]
