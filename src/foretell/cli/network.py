"""What a trained network is used by."""

from __future__ import annotations

from pathlib import Path

from foretell.cli.output import next_step

__all__ = ["next_of_network"]

_USES = {
    "translation": ("It translates", "translate", "No devices found"),
    "language_model": ("It writes on", "generate", "The "),
    "classification": ("It tells classes", "classify", "No devices found"),
}


def next_of_network(task: str, folder: Path) -> None:
    """Name the command that uses the network in a run, or in a folder of `foretell train`.

    Args:
        task: The kind of its task.
        folder: Where it is.
    """
    purpose, command, text = _USES[task]
    next_step(purpose, command, folder, text)
