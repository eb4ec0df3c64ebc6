"""What the tables of a study of trials say: every cell as text. No markup here."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from foretell.costs import Constraint
from foretell.display import plain
from foretell.report.headline import Tile
from foretell.report.numbers import amount, count, duration, number
from foretell.report.tables import Table
from foretell.report.trials.plots import cost_title, spelled
from foretell.report.trials.record import LED, TrialRecord

__all__ = [
    "costs",
    "failures",
    "genes",
    "outcome",
    "predictors",
    "provenance",
    "subtitle",
    "tiles",
    "times",
    "trials",
    "trust",
    "verdict",
]

_SHOWN_COSTS = 2


def subtitle(run: TrialRecord) -> str:
    """What was asked, in a line."""
    search, objective = run.result.search, run.study.objective
    told = "a program" if objective.command else "a table" if objective.table else "a Python function"
    chosen = plain(run.chooser)
    if search.algorithm == LED:
        chosen = f"{search.startup} designed, then {chosen}"
    return f"{run.metric.title} of {told}, {run.space.name}; trials: {chosen}"


def verdict(run: TrialRecord) -> tuple[str, bool]:
    """Whether the winner keeps the limits, in a sentence, and as a fact."""
    if not len(run.limits):
        return "No limits were set.", True
    kept = all(_holds(item, run.best.costs.get(item.cost)) for item in run.limits)
    limits = run.result.constraint.replace("<=", " ≤ ").replace(">=", " ≥ ")
    return f"The winner {'keeps' if kept else 'does NOT keep'} {limits}.", kept


def _holds(limit: Constraint, value: float | None) -> bool:
    return value is not None and bool(limit.holds(np.array([value])).all())


def tiles(run: TrialRecord) -> list[Tile]:
    """The metric, what the winner costs, and what it took."""
    metric, done = run.metric, int(run.finished.sum())
    failed, asked = len(run) - done, max(run.result.search.asked, len(run))
    ended = [
        f"{count(failed)} failed" if failed else "",
        f"{count(asked - len(run))} without an answer" if asked > len(run) else "",
    ]
    spent = sum(each.seconds for each in run.result.trials)
    return [
        Tile(
            metric.label.capitalize() if metric.label.islower() else metric.label,
            metric.format(run.values[run.winner]),
            ", ".join(filter(None, (metric.unit, metric.direction, f"trial {run.best.trial}"))),
        ),
        *(_cost(run, name) for name in run.costs[:_SHOWN_COSTS]),
        Tile("Trials", f"{done:,} of {asked:,}", "finished" + "".join(f"; {part}" for part in ended if part)),
        Tile("Training took", duration(spent), f"{duration(spent / len(run))} a trial on average"),
    ]


def _cost(run: TrialRecord, name: str) -> Tile:
    value, limit = run.best.costs.get(name), run.limit(name)
    title = cost_title(name).capitalize()
    if limit is None:
        return Tile(title, amount(value), "of the winner, no limit")
    kept = _holds(limit, value)
    return Tile(title, amount(value), f"limit {limit} {'kept' if kept else 'NOT kept'}", "good" if kept else "bad")


def genes(run: TrialRecord) -> Table:
    """The winner's genes."""
    rows = [[plain(name), spelled(value)] for name, value in run.architectures[run.winner].items()]
    return Table("The winner's genes", ["gene", "value"], rows)


def costs(run: TrialRecord) -> Table:
    """What the winner costs, and the limits on it."""
    rows = []
    for name in dict.fromkeys([*run.limits.cost_names, *run.costs]):
        value = run.best.costs.get(name)
        limits = [item for item in run.limits if item.cost == name]
        kept = all(_holds(item, value) for item in limits)
        met = ("kept" if kept else "NOT kept") if limits else ""
        rows.append([cost_title(name), amount(value), ", ".join(map(str, limits)) or "none", met])
    return Table("Costs and limits", ["cost", "winner", "limit", ""], rows)


def trials(run: TrialRecord, rows: Sequence[int]) -> Table:
    """Every trial."""
    titles = [cost_title(name) for name in run.costs]
    header = ["trial", "how chosen", run.metric.label, *titles, *(plain(g.name) for g in run.space.genes), "", "took"]
    cells = [
        [
            str(run.result.trials[row].trial),
            run.how(row),
            run.metric.format(run.values[row]) if run.finished[row] else "–",
            *(amount(run.result.trials[row].costs.get(name)) for name in run.costs),
            *(spelled(value) for value in run.architectures[row].values()),
            outcome(run, row),
            duration(run.result.trials[row].seconds),
        ]
        for row in rows
    ]
    return Table("All trials" if len(rows) == len(run) else f"{len(rows):,} of {len(run):,} trials", header, cells)


def outcome(run: TrialRecord, row: int) -> str:
    """How a trial ended, in two words."""
    if not run.finished[row]:
        return "NOT finished"
    trial = run.result.trials[row]
    if not trial.kept:
        return "NOT kept: a limit"
    if row == run.winner:
        return "winner"
    if run.result.front is not None and trial.trial in run.result.front.trials:
        return "on the front"
    return "" if trial.fidelity == 1 else f"trained {trial.fidelity:.3%}".replace(".000", "")


def failures(run: TrialRecord, rows: Sequence[int]) -> Table | None:
    """Why trials have no value; None where all have one."""
    cells = [[f"trial {run.result.trials[row].trial}", run.reason(row)] for row in rows if not run.finished[row]]
    note = "A failed trial is no label: predictors have not learnt from it, and it is not tried again."
    return Table("Failed trials", ["trial", "why"], cells, note) if cells else None


def trust(run: TrialRecord) -> str:
    """How far the predictor that chose can be believed, in a sentence or two."""
    rows = {row.predictor: row for row in run.result.trust}
    own, trivial = rows.get(run.result.search.predictor), rows.get("constant")
    if not rows:
        return "No predictors were judged: there are too few finished trials, or all values are alike."
    if own is None:
        return "No predictor chose these trials; the rows say how well simple ones would have known their values."
    name = plain(own.predictor)
    order = f"The order that it puts them in has Kendall's tau {number(own.kendall_tau)}: 1 is theirs, 0 is chance."
    if own.mae is None or trivial is None or trivial.mae is None:
        return f"{name} scores unseen trials in a unit of its own. {order}"
    error = f"{name} misses the {run.metric.label} of trials that it has not seen by {own.mae:.3g} on average"
    said = f"always saying their mean misses by {trivial.mae:.3g}"
    better = sum(row.kendall_tau < own.kendall_tau for row in rows.values() if row is not own)
    if own.mae < trivial.mae and better == len(rows) - 1:
        end = "It beats every simple row below."
    else:
        end = "It does not beat every simple row below: take what it says of other architectures as a guess."
    return f"{error}; {said}. {order} {end}"


def predictors(run: TrialRecord) -> Table | None:
    """The table of predictors; None where nothing was judged."""
    if not run.result.trust:
        return None
    cells = [
        [plain(row.predictor), "–" if row.mae is None else f"{row.mae:.3g}", number(row.kendall_tau)]
        for row in run.result.trust
    ]
    note = (
        f"Each finished trial was predicted from the others. MAE in {run.metric.title}; tau is Kendall's tau-b. "
        "constant, params and flops are the trivial rows: a predictor that does not beat them is not worth its price."
    )
    return Table("Predictors, each on trials unseen", ["predictor", "MAE", "tau"], cells, note)


def times(run: TrialRecord) -> Table:
    """What the trainings took."""
    seconds = np.array([each.seconds for each in run.result.trials])
    parts = {"finished": run.finished, "failed": ~run.finished}
    rows = [
        [name, count(int(mask.sum())), duration(float(seconds[mask].sum())), duration(float(seconds[mask].mean()))]
        for name, mask in parts.items()
        if mask.any()
    ]
    note = (
        "Seconds of the trainings, added up: trials that ran side by side took less by the clock, values from a table "
        "took none, and what the predictor took is not in it."
    )
    if "llm" in run.result.search.predictor:
        note += " What calls of the language model cost is in the ledger (foretell llm ledger)."
    return Table("Training time", ["trials", "how many", "all together", "each"], rows, note)


def provenance(run: TrialRecord) -> Table:
    """Seeds, versions and fingerprints."""
    search = run.result.search
    software = ", ".join(f"{plain(name)} {plain(version)}" for name, version in run.result.software.items())
    rows = [
        ["seeds", f"search {search.seed}, training {run.study.objective.seed}"],
        ["space", f"{run.space.name}, {len(run.space.genes)} genes"],
        ["fingerprint of the space", run.space.fingerprint],
        ["metric", f"{run.metric.key}: {run.metric.sentence}"],
        ["predictor", plain(search.predictor)],
        ["software", software],
    ]
    return Table("Provenance", ["what", "value"], [row for row in rows if row[1]])
