"""What runs jobs: this process, several of this machine, or either of them by a virtual clock."""

from foretell.objectives.executors.base import Completed, Executor, Handle, Job
from foretell.objectives.executors.inline import InlineExecutor
from foretell.objectives.executors.processes import ProcessExecutor, run_jobs
from foretell.objectives.executors.virtual import VirtualExecutor

__all__ = ["Completed", "Executor", "Handle", "InlineExecutor", "Job", "ProcessExecutor", "VirtualExecutor", "run_jobs"]
