"""What language models were asked, where a run's teacher is one."""

from __future__ import annotations

import re
from dataclasses import dataclass

from foretell.errors import InputError
from foretell.llm import Ledger, Totals, default_ledger
from foretell.report.result import RunResult
from foretell.study import StudyConfig
from foretell.study.config import EMBEDDED

__all__ = ["ModelCalls", "calls_of"]

_ASKS = re.compile(r"\bllm\b")


@dataclass(frozen=True)
class ModelCalls:
    """Calls of one model, of all runs that share the ledger.

    Attributes:
        model: Endpoint and model.
        totals: Calls, tokens, money and time.
        retries: Calls that asked again after a reply that could not be used.
    """

    model: str
    totals: Totals
    retries: int


def calls_of(study: StudyConfig, result: RunResult) -> tuple[ModelCalls, ...]:
    """The ledger's sums by model if the run's teacher asks a language model, else nothing.

    Only an embedded model is named by the study; of other teachers all models of the ledger are summed up.

    Raises:
        InputError: It does, and there is no ledger on this machine.
    """
    teacher = result.teacher.name if result.teacher is not None else study.distilled.teacher
    if "distilled" not in result.search.schedule or not _ASKS.search(teacher):
        return ()
    path = default_ledger()
    if not path.exists():
        raise InputError(f"the teacher {teacher} asks a language model, but its ledger is not on this machine.")
    ledger = Ledger(path)
    try:
        again = ledger.retries()
        found = [
            (end, model, ModelCalls(f"{end}#{model}", totals, again.get((end, model), 0)))
            for end, model, totals in ledger.by_model()
        ]
    finally:
        ledger.close()
    if study.distilled.teacher == EMBEDDED:
        found = [each for each in found if f"{each[0]}:{each[1]}" == study.distilled.llm] or found
    return tuple(calls for _, _, calls in found)
