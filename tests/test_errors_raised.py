"""Each exception class of ours is met by a user in some way: here is the shortest, with its sentence and exit code."""

import errno
import importlib
import os
import pkgutil
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import pytest

import foretell
from foretell.cli import main
from foretell.errors import (
    BudgetReachedError,
    ForetellError,
    InfeasibleError,
    InputError,
    IntegrityError,
    InterruptedRunError,
    RunBusyError,
    StorageError,
    UnknownNameError,
)
from foretell.llm.model import LanguageModelError
from foretell.locks import lock_folder
from foretell.predictors.labels import EqualLabelsError, TooFewLabelsError
from foretell.records import storage
from foretell.search.entrants import TooFewEntrantsError
from foretell.training.distributed import RankLostError
from foretell.training.loop import DivergedError


@dataclass(frozen=True)
class Case:
    """A way to provoke an error.

    Attributes:
        provoke: Does it in a folder: the arguments of a command that fails so, or None where it has raised itself.
        sentence: What the message must say.
        exit_code: What the command line would end with.
    """

    provoke: Callable[[Path], list[str] | None]
    sentence: str
    exit_code: int


def _killed_worker(folder: Path) -> None:
    from foretell.objectives import Job, run_jobs

    run_jobs([Job("doomed", os._exit, {"status": 9})])


def _damaged_samples(folder: Path) -> list[str]:
    (folder / "latency.jsonl").write_text('{"key": "k"}\n')
    return ["latency", "fit", str(folder / "latency.jsonl")]


def _infeasible(folder: Path) -> None:
    import numpy as np

    from foretell import spaces
    from foretell.costs import Constraints, CostModel

    costs = CostModel(spaces.create("small-seq2seq"))
    Constraints.parse(["params<=1K"]).check_feasible(costs, np.random.default_rng(0))


def _no_budget(folder: Path) -> None:
    from foretell.llm import Budget
    from foretell.llm.api import ApiModel
    from foretell.llm.model import Request

    model = ApiModel("m", "http://127.0.0.1:9")
    Budget(model, None, max_tokens=10).admit(Request("a prefix", "a query"))


def _full_disk(folder: Path) -> None:
    with storage(folder / "labels.jsonl"):
        raise OSError(errno.ENOSPC, "no room")


def _busy_folder(folder: Path) -> list[str]:
    lock = lock_folder(folder / "run")
    lock.__enter__()
    _OPEN.append(lock)
    return ["train", "--observe", "1", "--out", str(folder / "run")]


def _interrupted(folder: Path) -> None:
    from foretell.cli.interrupt import interruptible

    with interruptible(lambda: "interrupted; what was finished is kept."):
        signal.raise_signal(signal.SIGINT)


def _diverged(folder: Path) -> None:
    from foretell import spaces
    from foretell.tasks.translation import ParallelCorpus, Task
    from foretell.training import Recipe, train_from_scratch
    from tests.toy import pairs

    found = pairs(120)
    task = Task.of(ParallelCorpus("en", "de", found[:100], found[100:110], found[110:]), 64, folder / "cache")
    recipe = Recipe(updates=20, warmup=0, validate_every=5, learning_rate=1e30, clip_norm=0, max_tokens=64)
    train_from_scratch(spaces.create("small-seq2seq").smallest(), task, recipe, folder / "run", seed=0)


def _lonely_rank(folder: Path) -> None:
    """What gloo says when a process has gone; tests/training/test_processes.py has real ones."""
    import torch

    from foretell.training.distributed import Ranks

    with mock.patch("torch.distributed.all_reduce", side_effect=RuntimeError("Connection closed by peer")):
        Ranks(0, 2).sum(torch.zeros(1))


def _no_probabilities(folder: Path) -> None:
    from foretell.llm.api import ApiModel

    ApiModel("m", "http://127.0.0.1:9").score("a prefix", ["a continuation"])


def _one_label(folder: Path) -> list[str]:
    from foretell import spaces
    from foretell.observations import Observation, write_observations

    write_observations(
        folder / "one.jsonl", [Observation(spaces.create("small-seq2seq").smallest(), {"valid_bleu": 9.0})]
    )
    file = str(folder / "one.jsonl")
    return ["predict", "--predictor", "ridge", "--observations", file, "--architectures", file]


def _equal_labels(folder: Path) -> list[str]:
    from foretell import spaces
    from foretell.observations import Observation, write_observations

    space = spaces.create("small-seq2seq")
    pair = (space.smallest(), space.largest())
    write_observations(folder / "same.jsonl", [Observation(each, {"valid_bleu": 9.0}) for each in pair])
    file = str(folder / "same.jsonl")
    return ["predict", "--predictor", "ridge", "--observations", file, "--architectures", file]


def _few_entrants(folder: Path) -> None:
    import numpy as np

    from foretell.costs import Constraints, CostModel
    from foretell.search.entrants import candidates_under, draw_entrants
    from foretell.spaces import SearchSpace

    space, rng = SearchSpace({"width": [8, 16]}), np.random.default_rng(0)
    draw_entrants(space, candidates_under(CostModel(space), Constraints(), None, rng), 3, rng)


CASES: dict[type[ForetellError], Case] = {
    ForetellError: Case(_killed_worker, "the process of 'doomed' was killed .* run the same command with --resume", 1),
    InputError: Case(
        lambda _: ["latency", "measure", "--width", "2"], "the width 2 is not between 0 and 1; 0.05 stops", 2
    ),
    UnknownNameError: Case(lambda _: ["spaces", "show", "smal-seq2seq"], "did you mean 'small-seq2seq'", 2),
    IntegrityError: Case(_damaged_samples, r"latency\.jsonl does not hold latency samples .*; see docs/formats\.md", 2),
    InfeasibleError: Case(_infeasible, r"params<=1K", 3),
    BudgetReachedError: Case(_no_budget, "the next call could pass --max-tokens 10: .* raise the limit", 4),
    StorageError: Case(_full_disk, "cannot write .*: the disk is full; make room", 1),
    RunBusyError: Case(_busy_folder, f"is in use by process {os.getpid()}; wait for it to end or choose another", 2),
    InterruptedRunError: Case(_interrupted, "interrupted; what was finished is kept", 130),
    DivergedError: Case(_diverged, r"at update \d+", 1),
    RankLostError: Case(_lonely_rank, "another of the 2 processes .*; what was saved is kept: start all of them", 1),
    LanguageModelError: Case(_no_probabilities, "answers messages; only raw completion can score a text", 1),
    EqualLabelsError: Case(_equal_labels, r"all 2 labels \(valid_bleu\) are 9, so ridge has nothing to learn", 2),
    TooFewEntrantsError: Case(_few_entrants, "the race has 3 entrants, but only 2 .*; ask for fewer entrants", 2),
    TooFewLabelsError: Case(_one_label, "ridge needs at least 2 labelled architectures, found 1: label more", 2),
}

_OPEN: list[object] = []
_TRAINS = {DivergedError, ForetellError, RankLostError}


def _classes() -> set[type[ForetellError]]:
    """All subclasses that any module of foretell defines."""
    for module in pkgutil.walk_packages(foretell.__path__, "foretell."):
        if module.name.endswith("__main__"):
            continue
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError as error:
            # Libraries that come as extras.
            if not module.name.startswith("foretell.integrations.") and error.name != "lm_eval":
                raise
    found = {ForetellError}
    while new := {sub for known in found for sub in known.__subclasses__()} - found:
        found |= new
    return {each for each in found if each.__module__.startswith("foretell.")}


def test_every_class_has_its_case():
    missing = {each.__qualname__ for each in _classes() - set(CASES)}
    assert not missing, "an exception class without a way to meet it: add one to CASES"


@pytest.mark.parametrize(
    "kind", [pytest.param(each, marks=pytest.mark.network) if each in _TRAINS else each for each in CASES]
)
def test_each_class_is_raised_with_its_sentence(
    kind: type[ForetellError], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FORETELL_CACHE", str(tmp_path / "cache"))
    case = CASES[kind]
    arguments = None

    def meet() -> None:
        nonlocal arguments
        arguments = case.provoke(tmp_path)
        if arguments is not None:
            main(["--debug", *arguments])

    with pytest.raises(kind, match=case.sentence) as caught:
        meet()
    assert type(caught.value) is kind, "the class itself and none below it"
    assert kind.exit_code == case.exit_code
    sentence = str(caught.value)
    assert sentence.isprintable()
    assert sentence[-1] in ".?"
    if arguments is not None:
        capsys.readouterr()
        assert main(arguments) == case.exit_code
        assert f"foretell: {sentence}" in capsys.readouterr().err
    while _OPEN:
        _OPEN.pop().__exit__(None, None, None)  # type: ignore[attr-defined]
