"""Where labels come from: our own training, the user's program, a Python function, a table; and what runs them."""

from foretell.objectives.base import Fidelities, Objective
from foretell.objectives.command import CommandObjective
from foretell.objectives.executors import (
    EXECUTORS,
    Completed,
    Executor,
    ExecutorSettings,
    Handle,
    InlineExecutor,
    Job,
    ProcessExecutor,
    Resources,
    VirtualExecutor,
    make_executor,
    run_jobs,
)
from foretell.objectives.function import FunctionObjective
from foretell.objectives.labelling import label_folder, label_job
from foretell.objectives.scorer import ExternalScorer
from foretell.objectives.settings import CommandSettings, ScorerSettings
from foretell.objectives.store import claim, store_folder
from foretell.objectives.table import TableObjective, said_by_table
from foretell.objectives.trained import TrainedObjective

__all__ = [
    "EXECUTORS",
    "CommandObjective",
    "CommandSettings",
    "Completed",
    "Executor",
    "ExecutorSettings",
    "ExternalScorer",
    "Fidelities",
    "FunctionObjective",
    "Handle",
    "InlineExecutor",
    "Job",
    "Objective",
    "ProcessExecutor",
    "Resources",
    "ScorerSettings",
    "TableObjective",
    "TrainedObjective",
    "VirtualExecutor",
    "claim",
    "label_folder",
    "label_job",
    "make_executor",
    "run_jobs",
    "said_by_table",
    "store_folder",
]
