"""Campaigns of short trainings on each executor: how they are called, and what must come out."""

import json
from pathlib import Path
from typing import Any

from tests.faults.commands import Command

LABELS, SLOTS = 12, 3
STUDY = f"""
name: campaign
space: {{name: small, genes: {{layers: [1, 2, 3, 4], width: [8, 16, 32, 64], dropout: [0.0, 0.1]}}}}
metric: {{name: loss, higher_is_better: false}}
objective: {{command: "{{python}} -S train.py {{layers}} {{width}} {{dropout}}"}}
search: {{algorithm: random, trials: {LABELS}, workers: {SLOTS}}}
"""
PROGRAM = """
import sys, time
layers, width, dropout = map(float, sys.argv[1:])
with open("begun", "a") as file:
    file.write(" ".join(sys.argv[1:]) + "\\n")
time.sleep(0.4)
print('{"loss": %.6f}' % (5 - layers / 10 - width / 100 - dropout))
"""


def prepare_campaigns(folder: Path) -> None:
    """Write the files that the campaigns are given."""
    (folder / "train.py").write_text(PROGRAM)
    for name in ("processes", "ray", "slurm"):
        more = ", cluster: local" if name == "slurm" else ""
        executor = f"executor: {{name: {name}, slots: {SLOTS}{more}}}\n"
        (folder / f"campaign-{name}.yaml").write_text(STUDY + executor)


def _result(folder: Path) -> Any:
    """Every label once, in the order of the trials; and the winner."""
    rows = [json.loads(line) for line in (folder / "campaign/observations.jsonl").read_text().splitlines()]
    labels = [(row["provenance"]["trial"], json.dumps(row["architecture"]), row["metrics"]["loss"]) for row in rows]
    return [sorted(labels), json.loads((folder / "campaign/result.json").read_text())["winner"]["architecture"]]


def _campaign(executor: str) -> Command:
    arguments = ("search", f"campaign-{executor}.yaml", "--out", "campaign", "--resume")
    growing = ("campaign/trials.jsonl", "campaign/observations.jsonl")
    return Command(f"search on {executor}", arguments, _result, growing)


CAMPAIGNS = {command.name: command for command in map(_campaign, ("processes", "slurm", "ray"))}
