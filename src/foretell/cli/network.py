"""What comes after a run: the command that uses what it has trained."""

from __future__ import annotations

from pathlib import Path

from foretell.cli.output import next_step

__all__ = ["next_of_comparison", "next_of_network", "next_of_run", "next_of_trials"]

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


def next_of_comparison(best: Path, study: Path | None, space: str | None) -> None:
    """Name the command that trains what the best search of a comparison has found.

    Args:
        best: The file of that search.
        study: The file that the comparison was of; None: the default study.
        space: The space that the command line named instead of the study's.
    """
    given = [*(["--study", study] if study else []), *(["--space", space] if space else [])]
    next_step("The best winner is trained, or had from the store, by", "train", best, *given)


def next_of_trials(folder: Path) -> None:
    """Name the command that learns from the trials of a study whose objective is the user's."""
    next_step("What a predictor says of the winner", "predict", "--observations", folder, "--architectures", folder)


def next_of_run(run: Path) -> None:
    """Name the command that goes on from a finished run of any kind, from a trained network or a pretrained model.

    Raises:
        InputError: There is nothing of that kind.
    """
    from foretell.study import TrialStudyConfig, read_study
    from foretell.study.shrinking import read_shrink
    from foretell.study.shrinking.sources import pretrained_of
    from foretell.study.use import trained_network
    from foretell.tasks import task_kind, task_kinds
    from foretell.tasks.classification import Classifier

    study = run / "study.yaml"
    if (run / "importance.safetensors").exists():
        next_of_network(read_shrink(study).task, run)
    elif study.is_file():
        chosen = read_study(study)
        next_of_trials(run) if isinstance(chosen, TrialStudyConfig) else next_of_network(chosen.task, run)
    elif pretrained_of(run) is not None:
        next_of_network("language_model", run)
    else:
        network = trained_network(run)
        of_family = (kind for kind in task_kinds() if network.family in task_kind(kind).families)
        next_of_network("classification" if isinstance(network, Classifier) else next(of_family), run)
