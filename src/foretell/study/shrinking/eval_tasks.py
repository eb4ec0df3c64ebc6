"""Tasks of lm-eval's as further metrics."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from foretell.errors import InputError
from foretell.families.decoder.network import LanguageModel
from foretell.records import fingerprint
from foretell.study.shrinking.judging import kept
from foretell.tasks.language_model.pretrained import PretrainedTokenizer

__all__ = ["EvalTasks"]


class EvalTasks:
    """Tasks that a study judges by beside its text.

    Args:
        names: Of lm-eval's, or YAML files.
        limit: Of examples of each; None: all.

    Raises:
        InputError: lm-eval is not installed, or there is no such task.
    """

    def __init__(self, names: Sequence[str], limit: int | None) -> None:
        try:
            from foretell.study.shrinking.eval_model import find_tasks, task_scores
        except ImportError:
            raise InputError("tasks of lm-eval need that package; pip install 'foretell[lm-eval]'.") from None
        self.names, self.limit, self._scores = tuple(names), limit, task_scores
        self.fingerprint = fingerprint([find_tasks(names), limit, version("lm_eval")])

    def scores(self, network: LanguageModel, tokenizer: PretrainedTokenizer, path: Path, key: str) -> dict[str, float]:
        """What a network comes to: `TASK/METRIC`.

        Args:
            network: In evaluation mode, on the CPU.
            tokenizer: Its own.
            path: Where it is kept.
            key: Names the network.

        Raises:
            InputError: A task cannot be had.
        """
        return kept(
            path,
            fingerprint([self.fingerprint, key]),
            lambda: self._scores(network, tokenizer, self.names, self.limit),
        )
