"""A language model of foretell's under the tasks of EleutherAI's lm-eval (extra `[lm-eval]`).

Tasks are named as lm-eval names them, or are YAML files of the user's. Of such a file tags that would run code are
refused, and data sets are read without code of theirs; but lm-eval fills in its templates without a sandbox, so only
files that one trusts should be given.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
from lm_eval import simple_evaluate
from lm_eval.api.model import TemplateLM
from lm_eval.tasks import TaskManager
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window

from foretell.errors import InputError, UnknownNameError
from foretell.families.decoder.network import LanguageModel
from foretell.parsing import read_yaml
from foretell.tasks.language_model.pretrained import PretrainedTokenizer

__all__ = ["EvaluatedModel", "find_tasks", "task_scores"]

_AT_ONCE = 8
"""Sequences of one length that are read together."""
_LONGEST = 256
"""Tokens that are written where a task does not say."""


class EvaluatedModel(TemplateLM):  # type: ignore[misc]
    """See lm-eval's `LM`.

    Args:
        network: In evaluation mode.
        tokenizer: Its own.
    """

    def __init__(self, network: LanguageModel, tokenizer: PretrainedTokenizer) -> None:
        super().__init__()
        self.network, self.pieces = network, tokenizer

    @property
    def eot_token_id(self) -> int:
        """The mark between texts, which empty contexts are."""
        return self.pieces.separator

    def tok_encode(self, string: str, add_special_tokens: bool | None = None, **_: Any) -> list[int]:
        """Token ids, without marks."""
        return self.pieces.encode([string])[0]

    @torch.inference_mode()
    def _loglikelihood_tokens(
        self, requests: list[tuple[Any, list[int], list[int]]], **_: Any
    ) -> list[tuple[float, bool]]:
        context = self.network.backbone.context
        rows = [(before + after)[-(context + 1) :] for _, before, after in requests]
        asked = [min(len(after), len(row) - 1) for (_, _, after), row in zip(requests, rows, strict=True)]
        found: list[tuple[float, bool]] = [(0.0, True)] * len(rows)
        order = sorted(range(len(rows)), key=lambda at: len(rows[at]))
        while order:
            length = len(rows[order[0]])
            some = [at for at in order[:_AT_ONCE] if len(rows[at]) == length]
            order = order[len(some) :]
            tokens = torch.tensor([rows[at] for at in some])
            said = self.network(tokens[:, :-1]).float().log_softmax(-1)
            for logs, row, at in zip(said, tokens, some, strict=True):
                logs, wanted = logs[len(logs) - asked[at] :], row[len(row) - asked[at] :]
                total = float(logs.gather(1, wanted[:, None]).sum())
                found[at] = (total, bool((logs.argmax(1) == wanted).all()))
        return found

    def loglikelihood_rolling(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[float]:
        """Nats of whole texts, in windows of the context."""
        totals = []
        for request in requests:
            windows = get_rolling_token_windows(
                self.tok_encode(request.args[0]), self.prefix_token_id, self.network.backbone.context, 1
            )
            parts = [("", *make_disjoint_window(window)) for window in windows]
            totals.append(sum(total for total, _ in self._loglikelihood_tokens(parts)))
        return totals

    def generate_until(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[str]:
        """The likeliest text, up to the first of the words that end it."""
        return [self._written(*request.args) for request in requests]

    def _written(self, prompt: str, told: dict[str, Any]) -> str:
        until, context = told.get("until") or [], self.network.backbone.context
        most = min(int(told.get("max_gen_toks", _LONGEST)), context // 2)
        ids = self.pieces.prompt(prompt)[-(context - most) :]
        (made,) = self.network.write(ids, most, temperature=0.0, never=(), end=self.pieces.end)
        text = self.pieces.decode([made])[0]
        for word in [until] if isinstance(until, str) else until:
            text = text.split(word)[0] if word else text
        return text


@cache
def _manager(*, named: bool) -> TaskManager:
    """Knows all tasks by name, for which it reads thousands of files; or none."""
    return TaskManager(include_defaults=named)


def find_tasks(names: Sequence[str]) -> list[str | dict[str, Any]]:
    """Tasks by name, or from YAML files.

    Raises:
        UnknownNameError: lm-eval has no task of that name.
        InputError: A file is not to be read, or is no task.
    """
    found: list[str | dict[str, Any]] = []
    known: set[str] = set()
    for name in names:
        path = Path(name).expanduser()
        if path.suffix in (".yaml", ".yml"):
            told = read_yaml(path, "the task")
            if not isinstance(told, dict) or "task" not in told:
                raise InputError(f"{path} is no task of lm-eval's; it has to be a mapping with the key task.")
            found.append(told)
            continue
        known = known or set(_manager(named=True).all_tasks)
        if name not in known:
            raise UnknownNameError("task", name, known, "lm-eval")
        found.append(name)
    return found


def task_scores(
    network: LanguageModel, tokenizer: PretrainedTokenizer, names: Sequence[str], limit: int | None
) -> dict[str, float]:
    """What a model comes to on tasks: `TASK/METRIC`, and `TASK/METRIC_stderr` where lm-eval tells it.

    Args:
        network: In evaluation mode, on the CPU.
        tokenizer: Its own.
        names: See `find_tasks`.
        limit: Of examples of each task; None: all.

    Raises:
        InputError: A task cannot be had, as without a network its data set cannot.
    """
    tasks = find_tasks(names)
    try:
        told = simple_evaluate(
            EvaluatedModel(network, tokenizer),
            tasks=tasks,
            limit=limit,
            log_samples=False,
            bootstrap_iters=0,
            task_manager=_manager(named=any(isinstance(each, str) for each in tasks)),
        )
    except Exception as error:  # a data set that cannot be had, a task that is wrong: the user must hear it
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise InputError(f"the tasks {', '.join(names)} cannot be run ({reason}); name others.") from error
    found: dict[str, float] = {}
    for task, metrics in ({} if told is None else told["results"]).items():
        for name, value in metrics.items():
            metric = name.split(",")[0]
            if "," in name and isinstance(value, int | float):
                found[f"{task}/{metric}"] = float(value)
    return found
