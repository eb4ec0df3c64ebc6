"""Several limits in one run: a winner for each, everything that is expensive shared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from foretell import __version__
from foretell.errors import InfeasibleError
from foretell.locks import lock_folder
from foretell.records import write_atomic, write_json
from foretell.search.entrants import TooFewEntrantsError
from foretell.study.binding import check_binding
from foretell.study.config import StudyConfig
from foretell.study.device import quick_check
from foretell.study.pipeline import run_study
from foretell.study.preflight import refuse_early
from foretell.study.run import paid_for

__all__ = ["alternative_folders", "run_alternatives"]


def run_alternatives(study: StudyConfig, out: Path | None = None, *, resume: bool = False) -> dict[str, Any]:
    """Find a winner for each of the study's alternatives.

    The supernet, the distilled predictor, latencies, scores and trainings are those of all: each is paid for by the
    first alternative that needs it. Every alternative has a whole run of its own in a folder `1`, `2`, ...; killed, the
    same call with `resume` goes on.

    Args:
        study: With `alternatives`; its `constraints` hold in each of them.
        out: The folder; None is `runs/<name of the study>`.
        resume: Go on with what is in the folder.

    Returns:
        What `alternatives.json` holds (docs/formats.md): for each alternative the result of its run, or why there is
        none.

    Raises:
        InfeasibleError: Nothing keeps any of the alternatives, or too little to race.
        InputError: The folder holds a run, of this study or another.
    """
    space = refuse_early(study, limits=False)
    each = _each(study)
    refused: dict[int, str] = {}
    for number, one in each.items():
        try:
            quick_check(space, one, one.vocabulary)
        except InfeasibleError as error:
            refused[number] = str(error)
    if len(refused) == len(each):
        raise _nothing(len(each), refused[1])
    folder = out or Path("runs") / study.name
    with lock_folder(folder):
        file = folder / "study.yaml"
        if file.exists() and any(paid_for(folder / str(number)) for number in each):
            check_binding(file, study, resume=resume, again="--resume")
        write_atomic(file, study.to_yaml())
        rows = []
        for number, one in each.items():
            scored = tuple(folder / str(before) / "search" / "scores.jsonl" for before in range(1, number))
            row: dict[str, Any] = {"alternative": number, "limits": list(one.constraints)}
            try:
                if number in refused:
                    raise InfeasibleError(refused[number])
                result = run_study(one, folder / str(number), resume=True, scored=scored)
                row |= {"folder": str(number), "result": result}
            except (InfeasibleError, TooFewEntrantsError) as error:
                row |= {"infeasible": str(error)}
            rows.append(row)
        if all("infeasible" in row for row in rows):
            raise _nothing(len(rows), rows[0]["infeasible"])
        whole = {"format": 1, "name": study.name, "alternatives": rows, "software": {"foretell": __version__}}
        write_json(folder / "alternatives.json", whole)
        return whole


def _nothing(count: int, why: str) -> InfeasibleError:
    return InfeasibleError(f"none of {count} alternatives can be kept; the first one: {why}")


def alternative_folders(folder: Path, result: dict[str, Any]) -> list[Path]:
    """The runs of the alternatives that have a winner."""
    return [folder / row["folder"] for row in result["alternatives"] if "folder" in row]


def _each(study: StudyConfig) -> dict[int, StudyConfig]:
    """The study of each alternative, from 1 on."""
    found = {}
    for number, limits in enumerate(study.alternatives, 1):
        changes = {"name": f"{study.name}-{number}", "constraints": (*study.constraints, *limits), "alternatives": ()}
        found[number] = study.model_copy(update=changes)
    return found
