"""Reading the `result.json` of a run of any kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from foretell.errors import InputError, IntegrityError
from foretell.records import read_json
from foretell.report.result import RunResult, TrialResult
from foretell.report.shrunk.record import ShrunkResult

__all__ = ["read_result"]


def read_result(folder: Path) -> RunResult | TrialResult | ShrunkResult:
    """Read a run's result, of any kind.

    Raises:
        InputError: The folder holds no finished run of one search.
        IntegrityError: The file is not of this version, or damaged.
    """
    path = folder / "result.json"
    if not path.exists():
        raise InputError(f"{folder} holds no finished run; {_what_it_holds(folder)}")
    value = read_json(path)
    said = value.get("kind") if isinstance(value, dict) else None
    kinds: dict[Any, type[RunResult | TrialResult | ShrunkResult]] = {"trials": TrialResult, "shrunk": ShrunkResult}
    kind = kinds.get(said, RunResult)
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise IntegrityError(
            f"{path} is not a result of this version ({place}: {first['msg']}); run the search again."
        ) from None


def _what_it_holds(folder: Path) -> str:
    if (folder / "compare.json").exists():
        return "it holds a comparison of searches, for which `foretell search --compare` prints the table."
    if (folder / "equal-time.json").exists():
        return "it holds a comparison at equal time, for which `foretell search --compare --seconds` prints the table."
    if (folder / "importance.safetensors").exists():
        return f"finish it with `foretell shrink {folder / 'study.yaml'} --out {folder} --resume`."
    if (folder / "study.yaml").exists():
        return "finish it with `foretell search --resume` and the options that it was started with."
    return "give the folder of a finished `foretell search`, such as runs/home-assistant-en-de."
