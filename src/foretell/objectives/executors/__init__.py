"""What runs jobs: this process, or several of this machine."""

from foretell.objectives.executors.base import Completed, Executor, Handle, Job
from foretell.objectives.executors.inline import InlineExecutor
from foretell.objectives.executors.processes import ProcessExecutor, run_jobs

__all__ = ["Completed", "Executor", "Handle", "InlineExecutor", "Job", "ProcessExecutor", "run_jobs"]
