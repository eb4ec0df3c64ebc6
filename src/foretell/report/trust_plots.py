"""The plots that answer "can I trust it?": the paper's Figures 2, 4 and 5 on anyone's labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from foretell.evaluation import Discordance
from foretell.report.plot import Guide, Panel, Plot, Series, Symbol
from foretell.report.trust import LEVEL, HeldOut, Trust
from foretell.spaces import Architecture

__all__ = ["discordant_cdf", "discordant_histogram", "predicted_against_true"]

_SYMBOLS: tuple[Symbol, ...] = ("circle", "square", "diamond", "triangle-up", "cross", "star")
_FAR = 3


def predicted_against_true(judged: Mapping[str, Trust]) -> Plot:
    """Held-out predictions over labels (the paper's Figure 2).

    Args:
        judged: By task. One task has a panel for each predictor, several have a panel each.
    """
    several = len(judged) > 1
    panels = []
    extent = _extent(judged)
    for task, trust in judged.items():
        looks = {row.predictor: number % len(_SYMBOLS) for number, row in enumerate(trust.evaluation.rows)}
        series = {name: _scatter(name, looks[name], held) for name, held in trust.held_out.items()}
        panels += (
            [_panel(task, trust.axis, extent, *series.values())]
            if several
            else [_panel(name, trust.axis, extent, each) for name, each in series.items()]
        )
    names = list(dict.fromkeys(name for trust in judged.values() for name in trust.held_out))
    return Plot(
        name="predicted-against-true",
        title="Predicted against true",
        about="Each mark is an architecture that the predictor had not seen; bars are its "
        f"{LEVEL * 100:.0f} % intervals, averaged over the splits that hold it out. On the diagonal a prediction is "
        "right; a slope that is too flat means that the predictor hedges. All panels show one range; a bar that leaves "
        "it is longer than it looks.",
        alt=_errors(judged),
        panels=panels,
        header=[*(["task"] if several else []), "architecture", "true", *names],
        rows=[
            [*([task] if several else []), *row] for task, trust in judged.items() for row in _opinions(trust, names)
        ],
    )


def _opinions(trust: Trust, names: Sequence[str]) -> list[list[str]]:
    """One row an architecture: its label, and what each predictor said of it, with the interval."""
    said: dict[Architecture, dict[str, str]] = {}
    for name, held in trust.held_out.items():
        for architecture, true, mean, low, high in zip(
            held.architectures, held.truth, held.mean, held.low, held.high, strict=True
        ):
            wide = f" ({low:.1f} to {high:.1f})" if high > low else ""
            said.setdefault(architecture, {"true": f"{true:.2f}"})[name] = f"{mean:.2f}{wide}"
    return [[each.key, *(row.get(name, "–") for name in ("true", *names))] for each, row in said.items()]


def _scatter(name: str, number: int, held: HeldOut) -> Series:
    wide = bool((held.high > held.low).any())
    return Series(
        name,
        held.truth,
        held.mean,
        colour=number,
        symbol=_SYMBOLS[number],
        low=held.low if wide else None,
        high=held.high if wide else None,
    )


def _panel(title: str, metric: str, extent: tuple[float, float], *series: Series) -> Panel:
    diagonal = Guide("right", "diagonal")
    return Panel(title, f"trained from scratch: {metric}", "predicted", series, guides=[diagonal], both=extent)


def _extent(judged: Mapping[str, Trust]) -> tuple[float, float]:
    """One range for all panels, so that they can be compared; it holds all marks, but not every interval's end."""
    parts = [each for trust in judged.values() for held in trust.held_out.values() for each in (held.truth, held.mean)]
    values = np.concatenate(parts) if parts else np.array([0.0, 1.0])
    air = 0.05 * (float(np.ptp(values)) or 1.0)
    return float(values.min()) - air, float(values.max()) + air


def _errors(judged: Mapping[str, Trust]) -> str:
    parts = [
        f"{name} {_at(task, judged)}misses by {np.abs(held.mean - held.truth).mean():.2f} on average"
        for task, trust in judged.items()
        for name, held in trust.held_out.items()
    ]
    labels = " and ".join(dict.fromkeys(trust.label for trust in judged.values()))
    return f"Scatter of predicted over true {labels}: {', '.join(parts)}."


def _at(task: str, judged: Mapping[str, Trust]) -> str:
    return f"on {task} " if len(judged) > 1 else ""


def discordant_histogram(judged: Mapping[str, Trust]) -> Plot:
    """Wrongly ordered pairs by how far apart they truly are (the paper's Figure 4)."""
    return Plot(
        name="discordant-histogram",
        title="Which pairs are put in the wrong order",
        about="Mistakes between neighbours in the true ranking (left) cost little; mistakes between architectures far "
        "apart (right) mislead a search. All splits together. Two architectures with the same score are no wrong pair; "
        "a predictor without wrong pairs is not drawn.",
        alt=_mistakes(judged),
        panels=[
            _distances(task if len(judged) > 1 else "", "pairs in the wrong order", _histogram(trust))
            for task, trust in judged.items()
        ],
    )


def discordant_cdf(judged: Mapping[str, Trust]) -> Plot:
    """Share of the wrongly ordered pairs up to each distance (the paper's Figure 5)."""
    return Plot(
        name="discordant-cdf",
        title="How far apart the wrong pairs are",
        about="The same pairs, added up from the left: a curve that rises early is a predictor whose mistakes are all "
        "between neighbours.",
        alt=_mistakes(judged),
        panels=[
            _distances(task if len(judged) > 1 else "", "share of all wrong pairs", _cdf(trust))
            for task, trust in judged.items()
        ],
    )


def _distances(title: str, y: str, series: Sequence[Series]) -> Panel:
    return Panel(title, "distance of the true ranks", y, series, whole=True)


def _histogram(trust: Trust) -> list[Series]:
    return [
        Series(name, wrong.distance.astype(float), wrong.count.astype(float), kind="bars", colour=number)
        for name, (number, wrong) in _discordances(trust).items()
    ]


def _cdf(trust: Trust) -> list[Series]:
    return [
        Series(name, wrong.distance.astype(float), wrong.cdf, kind="line", colour=number, symbol=_SYMBOLS[number])
        for name, (number, wrong) in _discordances(trust).items()
    ]


def _discordances(trust: Trust) -> dict[str, tuple[int, Discordance]]:
    """Of the predictors that put any pair in the wrong order; with the number of their look, one for all plots."""
    found = {}
    for number, row in enumerate(trust.evaluation.rows):
        wrong = row.discordance()
        if wrong is not None and wrong.count.any():
            found[row.predictor] = (number % len(_SYMBOLS), wrong)
    return found


def _mistakes(judged: Mapping[str, Trust]) -> str:
    parts = []
    for task, trust in judged.items():
        for name, (_, wrong) in _discordances(trust).items():
            total, near = int(wrong.count.sum()), int(wrong.count[:_FAR].sum())
            parts.append(f"{name} {_at(task, judged)}{total}, of which {near} at most {_FAR} ranks apart")
    return "Pairs in the wrong order: " + "; ".join(parts) + "."
