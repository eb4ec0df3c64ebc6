"""What runs jobs: this process, several of this machine, other machines, or any of them by a virtual clock."""

from foretell.objectives.executors.base import Completed, Executor, Handle, Job
from foretell.objectives.executors.choice import make_executor
from foretell.objectives.executors.inline import InlineExecutor
from foretell.objectives.executors.processes import ProcessExecutor
from foretell.objectives.executors.run import run_jobs
from foretell.objectives.executors.settings import EXECUTORS, ExecutorSettings, Resources
from foretell.objectives.executors.virtual import VirtualExecutor

__all__ = [
    "EXECUTORS",
    "Completed",
    "Executor",
    "ExecutorSettings",
    "Handle",
    "InlineExecutor",
    "Job",
    "ProcessExecutor",
    "Resources",
    "VirtualExecutor",
    "make_executor",
    "run_jobs",
]
