"""Making a study of trials, going on with one, and running one to its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from foretell.errors import InputError
from foretell.locks import lock_folder
from foretell.objectives import make_executor
from foretell.records import read_jsonl, write_atomic
from foretell.spaces import SearchSpace
from foretell.study.binding import refuse_another
from foretell.study.files import read_study
from foretell.study.preflight import refuse_trials_early
from foretell.study.run import paid_for
from foretell.study.trial_config import TrialStudyConfig, trial_study_from
from foretell.study.trials import LABELS, OBSERVATIONS_FILE, STUDY_FILE, TRIALS_FILE, Study

__all__ = ["create_study", "load_study", "open_study", "run_trials"]

_STARTUP = 6


def create_study(
    space: SearchSpace | Mapping[str, Any],
    *,
    metric: str | Mapping[str, Any] = "value",
    direction: Literal["minimize", "maximize"] | None = None,
    storage: str | Path | None = None,
    study_name: str | None = None,
    objective: Mapping[str, Any] | None = None,
    constraints: Sequence[str] = (),
    costs: Sequence[str] = (),
    algorithm: str = "predictor",
    predictor: str = "regression",
    startup: int | None = None,
    seed: int = 1,
    trials: int | None = None,
    race: Mapping[str, Any] | None = None,
    propose: Mapping[str, Any] | None = None,
    initial: str | Path | Sequence[Mapping[str, Any]] | None = None,
    load_if_exists: bool = False,
) -> Study:
    """Make a study, in the words of Optuna.

    Example:
        >>> space = foretell.SearchSpace({"layers": [2, 4, 6], "activation": ["gelu", "silu"]})
        >>> study = foretell.create_study(space, metric="val_loss", direction="minimize")
        >>> study.optimize(train, n_trials=20)

    Args:
        space: What may be chosen.
        metric: What is to become good, by name, or declared as in a study file.
        direction: "minimize" or "maximize"; None: the metric's own, where it is a known one.
        storage: The study's folder; None: `runs/<study_name>`.
        study_name: Its name; None: the folder's.
        objective: As in a study file (`{"command": ...}`); None: `optimize` is handed a function.
        constraints: Limits such as "params<=150k".
        costs: What the objective tells besides the metric; limits may name them.
        algorithm: Chooses trials: "predictor", "random", "evolution", ... (`foretell.search.algorithms`).
        predictor: Of the algorithm "predictor": chooses trials after the first `startup`, by its upper confidence.
        startup: Trials chosen by design before; None: six.
        seed: Of everything random in the choice.
        trials: How many `optimize` trains where it is not told; None: sixteen.
        race: After the trials let architectures race, as in a study file (`foretell.search.Race`); None: no race.
        propose: The language model that proposes, as in a study file (`foretell.search.Propose`); None: no other than
            the default one of the algorithms "llm" and "genius".
        initial: Architectures that are tried first: a file or run that holds some, or a list of them (`Architecture`,
            or a mapping of genes); None: none.
        load_if_exists: Go on with a study that is in the folder already.

    Raises:
        InputError: The folder holds a study and `load_if_exists` is false, or another study; a metric that is
            declared in two directions.
    """
    folder = Path(storage) if storage is not None else Path("runs") / (study_name or "mine")
    declared: dict[str, Any] = dict(metric) if isinstance(metric, Mapping) else {"name": metric}
    if direction is not None:
        if direction not in ("minimize", "maximize"):
            raise InputError(f"the direction is {direction!r}; expected minimize or maximize.")
        if declared.setdefault("higher_is_better", direction == "maximize") != (direction == "maximize"):
            raise InputError(f"the metric {declared.get('name')} is declared in two directions; keep one of them.")
    begin = str(initial) if isinstance(initial, (str, Path)) else initial and [dict(each) for each in initial]
    described = space.to_dict() if isinstance(space, SearchSpace) else dict(space)
    if not isinstance(space, SearchSpace) and "genes" not in described:
        described = {"genes": described}
    data = {
        "name": study_name or folder.name or "mine",
        "space": described,
        "metric": declared,
        "objective": {**(objective or {"function": "given to optimize"}), **({"costs": list(costs)} if costs else {})},
        "constraints": list(constraints),
        "search": {
            **{"algorithm": algorithm, "predictor": predictor, "startup": startup or _STARTUP, "seed": seed},
            **{
                name: value
                for name, value in (("trials", trials), ("race", race), ("propose", propose), ("initial", begin))
                if value is not None
            },
        },
    }
    config = trial_study_from(data, "create_study")
    return open_study(config, folder, resume=load_if_exists, again="load_if_exists=True")


def load_study(storage: str | Path) -> Study:
    """A study that was made before, by Python or the command line.

    Raises:
        InputError: The folder holds none.
    """
    folder = Path(storage)
    if not (folder / STUDY_FILE).exists():
        raise InputError(f"{folder} holds no study; expected {STUDY_FILE}: check the path, or create_study.")
    config = read_study(folder / STUDY_FILE)
    if not isinstance(config, TrialStudyConfig):
        raise InputError(f"{folder} holds a study that trains by itself; go on with `foretell search --resume`.")
    return Study(config, folder)


def open_study(config: TrialStudyConfig, folder: Path, *, resume: bool, again: str) -> Study:
    """A study in its folder, new or gone on with.

    Args:
        config: What is studied.
        folder: Its folder.
        resume: Go on with what is there.
        again: How the caller says so, for the message.

    Raises:
        InputError: The folder holds a study and `resume` is false, or another study.
    """
    config, file = config.written_out(), folder / STUDY_FILE
    begun = read_study(file) if file.exists() and _is_paid(folder) else None
    if begun is None:
        _forget(folder)
    else:
        if not resume:
            raise InputError(f"{folder} holds a study already; go on with it by {again}, or choose another folder.")
        if not isinstance(begun, TrialStudyConfig):
            raise InputError(f"{folder} holds a run of a study that trains by itself; choose another folder.")
        before = _as_long_as(begun, config).model_dump(mode="json")
        refuse_another(folder, before, config.model_dump(mode="json"), "trials")
        # More trials may be asked for; the design stays the one that was begun.
        same = begun.search.trials == config.search.trials
        startup = {"startup": begun.search.startup if same else begun.search.designed}
        config = config.model_copy(update={"search": config.search.model_copy(update=startup)})
    with lock_folder(folder):
        write_atomic(file, config.to_yaml())
    return Study(config, folder)


def _is_paid(folder: Path) -> bool:
    """Whether something in the folder was paid for: a trial that is under way, or one that did not just fail."""
    trials, told = folder / TRIALS_FILE, folder / OBSERVATIONS_FILE
    if not trials.exists():
        return bool(set(paid_for(folder)) - {LABELS})
    failed = sum(bool(row.get("failed")) for row in read_jsonl(told)) if told.exists() else 0
    return len(list(read_jsonl(trials))) > failed


def _forget(folder: Path) -> None:
    """Clear away trials that all failed, so that the corrected study begins anew; their logs stay."""
    with lock_folder(folder):
        for name in (TRIALS_FILE, OBSERVATIONS_FILE):
            (folder / name).unlink(missing_ok=True)


def _as_long_as(begun: TrialStudyConfig, asked: TrialStudyConfig) -> TrialStudyConfig:
    """A study as it was begun, with as many trials and workers as are asked for now.

    Once it has been made longer, it says how many trials were designed; whoever asks again need not.
    """
    wanted = {"trials": asked.search.trials, "workers": asked.search.workers}
    if asked.search.startup is None:
        wanted["startup"] = None
    return begun.model_copy(update={"search": begun.search.model_copy(update=wanted)})


def run_trials(config: TrialStudyConfig, out: Path | None = None, *, resume: bool = False) -> dict[str, Any]:
    """Run a study of trials, or the rest of it: `search.workers` trials at a time, on the study's executor.

    After a crash or an interruption the same call with `resume` ends where the run would have ended; what is lost is
    the trials that were being trained.

    Args:
        config: What is studied.
        out: The run's folder; None is `runs/<name of the study>`.
        resume: Go on with what is in the folder.

    Returns:
        What `result.json` holds (docs/formats.md).

    Raises:
        InfeasibleError: No architecture keeps the limits, or none that was tried does.
        InputError: Every trial failed; the sentence says why the last one did.
    """
    folder = out or Path("runs") / config.name
    objective = refuse_trials_early(config)
    study = open_study(config, folder, resume=resume, again="--resume")
    study.optimize(objective, executor=make_executor(config.executor, folder, slots=config.search.workers))
    told = study.observations
    if told and all(item.failed for item in told):
        raise InputError(f"all {len(told)} trials of {config.name} failed, the last one because {told[-1].failed}")
    return study.finish()
