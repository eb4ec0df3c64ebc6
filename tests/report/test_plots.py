import json

import numpy as np
import pytest

from foretell.observations import ObservationSet
from foretell.report import comparison_plots, plots_of, read_run, run_plots, write_figures
from foretell.report.interactive import plotly_figures
from foretell.report.plot import PALETTE, Guide, Panel, Plot, Series, plot_table
from foretell.report.trust import judge
from foretell.testing import make_observations
from tests.report.conftest import SPACE, write_run


def by_name(plots):
    return {plot.name: plot for plot in plots}


def labelled(n, seed=0):
    return ObservationSet(SPACE, tuple(make_observations(SPACE, n, seed)))


def test_the_search_is_drawn_as_it_went(record):
    panel = by_name(run_plots(record))["scores"].panels[0]
    history = record.result.search.history
    best = next(series for series in panel.series if series.name == "supernet: best")
    assert best.y.tolist() == [each.best for each in history if each.predictor == "supernet"]
    assert best.right
    assert [(band.name, band.start, band.end) for band in panel.bands] == [
        ("distilled", 0.5, 6.5),
        ("supernet", 6.5, 12.5),
    ]


def test_evaluations_add_up_over_predictors(record):
    asked, computed = by_name(run_plots(record))["evaluations"].panels[0].series
    search = record.result.search
    # The last count of the history is taken before the finalists are asked for.
    assert asked.y[-1] <= sum(search.evaluations_asked.values())
    assert computed.y[-1] == sum(search.evaluations_distinct.values())
    assert np.all(np.diff(asked.y) > 0)
    assert np.all(computed.y <= asked.y)


def test_all_that_was_seen_is_drawn_and_can_be_named(record):
    panels = by_name(run_plots(record))["pareto"].panels
    assert [panel.title for panel in panels] == ["scored by supernet, which decided", "scored by distilled"]
    for name, panel in zip(("supernet", "distilled"), panels, strict=True):
        everything = panel.series[0]
        assert everything.keys.tolist() == record.seen.scored(name).tolist()
        winner = panel.series[-1]
        if name == "supernet":
            assert record.space.architecture(record.seen.population[winner.keys[0]]) == record.winner


def test_wrong_pairs_are_those_of_the_evaluation():
    trust = judge(labelled(24), "mine", ["regression"])
    plots = by_name(plots_of({"mine": trust}))
    for series in plots["discordant-histogram"].panels[0].series:
        assert series.y.tolist() == trust.evaluation.row(series.name).discordance().count.tolist()
    for series in plots["discordant-cdf"].panels[0].series:
        assert np.all(np.diff(series.y) >= 0)
        assert series.y[-1] == pytest.approx(1)


def test_several_tasks_have_a_panel_each_and_one_task_a_panel_for_each_predictor():
    one, two = (judge(labelled(20, seed), "mine", ["regression"]) for seed in (0, 1))
    assert [panel.title for panel in plots_of({"a": one, "b": two})[0].panels] == ["a", "b"]
    small = plots_of({"a": one})[0]
    assert [panel.title for panel in small.panels] == list(one.held_out)
    assert len({panel.both for panel in small.panels}) == 1
    assert not small.legend


def test_the_same_look_means_the_same_predictor_in_every_plot():
    trust = judge(labelled(24), "mine", ["regression"])
    looks = {}
    for plot in plots_of({"mine": trust}):
        for panel in plot.panels:
            for series in panel.series:
                assert looks.setdefault(series.name, series.colour) == series.colour


def test_every_plot_has_a_text_and_a_table(record):
    for plot in run_plots(record):
        assert plot.alt.endswith(".")
        assert plot.about.endswith(".")
        header, rows = plot_table(plot)
        assert rows
        assert all(len(row) == len(header) for row in rows)


def test_plotly_gets_every_mark_and_no_markup(record):
    for plot in run_plots(record):
        figures = plotly_figures(plot)
        assert len(figures) == len(plot.panels)
        json.dumps(figures, allow_nan=False)
    hostile = "<a href='x'>%{x}</a>"
    panel = Panel(
        hostile, hostile, hostile, [Series(hostile, np.zeros(1), np.ones(1))], guides=[Guide(hostile, "vertical")]
    )
    text = json.dumps(plotly_figures(Plot("n", "t", "a.", "a.", [panel])))
    assert "<a" not in text
    assert "%{x}</a>" not in text
    assert "&lt;a" in text


def test_colours_differ_between_light_and_dark():
    assert len({light for light, _ in PALETTE}) == len(PALETTE)
    assert all(light != dark for light, dark in PALETTE)


def test_figures_are_files_and_the_same_every_time(record, tmp_path):
    plots = [plot for plot in run_plots(record) if plot.name in ("pareto", "discordant-histogram")]
    written = write_figures(plots, tmp_path / "one")
    assert {path.name for path in written} == {f"{plot.name}.{kind}" for plot in plots for kind in ("svg", "png")}
    write_figures(plots, tmp_path / "two")
    for path in written:
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
        start = path.read_bytes()[:200]
        assert b"<?xml" in start or start.startswith(b"\x89PNG")


def test_a_name_is_not_a_formula(tmp_path):
    panel = Panel("$x^2$", "$", "_{", [Series("$\\frac", np.arange(2.0), np.arange(2.0))])
    assert len(write_figures([Plot("odd", "t", "a.", "a.", [panel])], tmp_path)) == 2


def test_several_runs_are_drawn_over_each_other(tmp_path):
    records = [read_run(write_run(tmp_path / str(seed), "same", seed)) for seed in (1, 2)]
    plots = by_name(comparison_plots(records))
    names = [series.name for series in plots["compare-scores"].panels[0].series]
    assert len(set(names)) == 2
    assert all(name.startswith("same (") for name in names)
    assert "compare-fronts" in plots


def test_the_table_of_predictions_has_a_row_for_each_architecture():
    trust = judge(labelled(24), "mine", ["regression"])
    plot = plots_of({"mine": trust})[0]
    assert list(plot.header) == ["architecture", "true", "constant", "params", "flops", "depth", "regression"]
    assert len(plot.rows) == 24
    held = trust.held_out["regression"]
    (row,) = (row for row in plot.rows if row[0] == held.architectures[0].key)
    assert row[1] == f"{held.truth[0]:.2f}"
    assert row[-1] == f"{held.mean[0]:.2f} ({held.low[0]:.1f} to {held.high[0]:.1f})"
