"""A shrunk model ready to be set into the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from foretell.display import plain
from foretell.report.headline import Tile
from foretell.report.numbers import amount, duration, number, short
from foretell.report.plot import Panel, Plot, Series, plot_table
from foretell.report.shrunk.record import Candidate, ShrunkRecord
from foretell.report.tables import Table
from foretell.report.taken import repeat_command

__all__ = ["ShrunkView"]

_JUDGED = {
    "language_model": ("bits_per_byte", "bits a byte", 4),
    "classification": ("accuracy", "accuracy, %", 1),
}
"""What a task is judged by first: metric, title and digits."""
_COSTS = {"parameters": "parameters", "memory_bytes": "memory, bytes", "flops": "FLOPs"}
_NO_PART = ("parent", "smaller")
"""Models that are no part under the limits."""
_STAR, _GROUND, _HEALED = 4, 0, 2


class ShrunkView:
    """What the templates ask of a shrunk model.

    Args:
        record: The run.
        number: 0, 1, ... on this page.
    """

    template: ClassVar[str] = "shrunk.html.jinja"
    contents: ClassVar[Mapping[str, str]] = {
        "": "Found",
        "-rows": "Against what",
        "-layers": "What is left",
        "-cost": "Cost",
        "-provenance": "Provenance",
    }

    def __init__(self, record: ShrunkRecord, number: int = 0) -> None:
        self.record, self.number, self.prefix = record, number, f"run{number}"
        self.metric, self.title, self.digits = _JUDGED[record.result.task]

    def _value(self, each: Candidate, *, healed: bool) -> float:
        told = each.metrics.after if healed else each.metrics.before
        return float("nan") if told is None else told.get(self.metric, float("nan"))

    # ---- figures and tables

    @property
    def subtitle(self) -> str:
        """What was asked, in a line."""
        told = self.record.result
        healed = f"{told.healing:,} updates of healing" if told.healing else "not healed"
        return f"{plain(told.model)} under {plain(', '.join(told.constraints))}; {healed}"

    @property
    def verdict(self) -> str:
        """The winner against the best of what it must beat, in a sentence."""
        healed = self.record.result.healing > 0
        own = self._value(self.record.result.winner, healed=healed)
        rest = {n: self._value(e, healed=healed) for n, e in self.record.result.baselines.items() if n not in _NO_PART}
        known = {name: value for name, value in rest.items() if np.isfinite(value)}
        if not known:
            return "Nothing else keeps the limits."
        sign = -1 if self.metric == "bits_per_byte" else 1
        name = max(known, key=lambda each: sign * known[each])
        ahead = sign * (own - known[name]) > 0
        said = f"{number(own, self.digits)} {self.title} against {number(known[name], self.digits)} of {plain(name)}"
        return f"The winner is {'ahead of' if ahead else 'NOT ahead of'} the best plain choice: {said}."

    @property
    def tiles(self) -> list[Tile]:
        """The metric, the size, and what it took."""
        told, parent = self.record.result, self.record.parent
        best = self._value(told.winner, healed=told.healing > 0)
        whole = number(self._value(parent, healed=False), self.digits)
        size, before = told.winner.costs["parameters"], parent.costs["parameters"]
        return [
            Tile(self.title.capitalize(), number(best, self.digits), f"the whole model: {whole}"),
            Tile("Parameters", short(size), f"{size / before:.0%} of {short(before)}"),
            Tile("Layers", str(len(told.winner.layers)), f"of {len(parent.layers)}"),
            Tile("It took", duration(sum(told.seconds.values())), ""),
        ]

    @property
    def candidates(self) -> Table:
        """The winner and what it must beat, by every metric."""
        rows = []
        names = [name for name in self.record.result.winner.metrics.before if not name.endswith("_stderr")]
        for name, each in self.record.candidates.items():
            after = each.metrics.after or {}
            cells = [name, amount(each.costs.get("parameters"))]
            for metric in names:
                cells += [number(each.metrics.before.get(metric), 4), number(after.get(metric), 4)]
            rows.append([*cells, plain(each.about)])
        for name, metrics in self.record.result.references.items():
            told = [number(metrics.get(metric), 4) if at == 0 else "–" for metric in names for at in (0, 1)]
            rows.append([plain(name), amount(metrics.get("parameters")), *told, "does without the model"])
        titles = [text for name in names for text in (plain(name.replace("_", " ")), "healed")]
        return Table("The winner, and what it must beat", ["model", "parameters", *titles, "what it is"], rows)

    @property
    def costs(self) -> Table:
        """What the winner costs, beside the parent."""
        own, whole = self.record.result.winner.costs, self.record.parent.costs
        rows = [
            [_COSTS.get(name, plain(name.replace("_", " "))), amount(value), amount(whole.get(name))]
            for name, value in own.items()
        ]
        return Table("What it costs", ["cost", "winner", "the whole model"], rows)

    @property
    def times(self) -> Table:
        """What each stage took."""
        return Table(
            "Time", ["stage", "took"], [[plain(n), duration(s)] for n, s in self.record.result.seconds.items()]
        )

    @property
    def provenance(self) -> Table:
        """Limits, files and versions."""
        told = self.record.result
        rows = [
            ["limits", ", ".join(map(plain, told.limits))],
            *(
                [f"exported as {plain(target)}", ", ".join(map(plain, paths))]
                for target, paths in told.exported.items()
            ),
            ["software", ", ".join(f"{plain(name)} {plain(version)}" for name, version in told.software.items())],
        ]
        return Table("Provenance", ["what", "value"], rows)

    # ---- plots

    @cached_property
    def against_size(self) -> Plot:
        """The metric against parameters, before healing and after."""
        each = self.record.candidates
        x = np.array([one.costs["parameters"] for one in each.values()])
        before = np.array([self._value(one, healed=False) for one in each.values()])
        after = np.array([self._value(one, healed=True) for one in each.values()])
        series = [Series("as it is", x, before, colour=_GROUND)]
        if np.isfinite(after).any():
            series.append(Series("healed", x, after, colour=_HEALED, symbol="diamond", size=9))
        best = after if np.isfinite(after[0]) else before
        series.append(Series("winner", x[:1], best[:1], colour=_STAR, symbol="star", size=15))
        return Plot(
            name="against-size",
            title=f"{self.title.capitalize()} against size",
            about="Each mark is a model of the table; the one furthest right is the whole.",
            alt=f"{len(each)} models by {self.title} and parameters.",
            panels=[Panel("", "parameters", self.title, series)],
            header=["model", "parameters", self.title, "healed"],
            rows=[
                [name, amount(size), number(first, self.digits), number(then, self.digits)]
                for name, size, first, then in zip(each, x.tolist(), before.tolist(), after.tolist(), strict=True)
            ],
        )

    @cached_property
    def by_layer(self) -> Plot:
        """Heads and neurons that are left of each layer, as shares of the whole."""
        whole = {each.layer: each for each in self.record.parent.layers}
        left = {each.layer: each for each in self.record.result.winner.layers}
        places = np.array(sorted(whole), dtype=np.float64)

        def share(name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
            kept = [
                getattr(left[n], name) / max(getattr(whole[n], name), 1) if n in left else 0.0 for n in sorted(whole)
            ]
            return 100.0 * np.array(kept)

        heads, neurons = share("heads"), share("ffn")
        return Plot(
            name="by-layer",
            title="What is left of each layer",
            about="Shares of the whole model's heads and neurons; a layer without any is gone.",
            alt=f"{len(left)} of {len(whole)} layers are left.",
            panels=[
                Panel("Attention heads", "layer", "left, %", [Series("heads", places, heads, kind="bars")], whole=True),
                Panel(
                    "Feed-forward neurons",
                    "layer",
                    "left, %",
                    [Series("neurons", places, neurons, kind="bars", colour=1)],
                    whole=True,
                ),
            ],
            header=["layer", "heads, %", "neurons, %"],
            rows=[
                [f"{place:.0f}", f"{one:.0f}", f"{two:.0f}"]
                for place, one, two in zip(places, heads, neurons, strict=True)
            ],
        )

    @property
    def plots(self) -> list[Plot]:
        """All of them."""
        return [self.against_size, self.by_layer]

    @cached_property
    def plot_tables(self) -> dict[str, tuple[Sequence[str], Sequence[Sequence[str]]]]:
        """Each plot as a table, by the plot's name."""
        return {plot.name: plot_table(plot) for plot in self.plots}

    def architectures(self) -> dict[str, Any]:
        """None: what is left of a layer stands in the plot."""
        return {"space": None, "genes": [], "keys": [], "rows": [], "columns": [], "front": [], "first": None}

    # ---- to take away

    @property
    def command(self) -> str:
        """What repeats the run."""
        return repeat_command(self.record.folder, "shrink")

    @property
    def study(self) -> str:
        """The whole study as YAML."""
        return self.record.study
