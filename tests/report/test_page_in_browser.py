"""The page of a real run in a real browser, opened from the disk with the network gone."""

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe

from foretell import spaces
from foretell.report import read_run, write_page
from foretell.study.architectures import read_architectures
from tests.report.browser import chromium, drawn, opened
from tests.report.conftest import HOSTILE, write_run

pytestmark = pytest.mark.network

SPACE = spaces.create("small-seq2seq")
MARKS = ".scatterlayer .point, .barlayer .point"


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def page(browser, finished):
    with opened(browser, finished / "report.html") as shown:
        yield shown
        # Whatever the tests did on it: nothing complained, and nothing was asked of any network.
        assert shown.said == []
        assert shown.asked == []


def clipboard(page):
    return page.evaluate("navigator.clipboard.readText()")


def architecture_of(text, tmp_path):
    """What `foretell train` makes of a copied text."""
    path = tmp_path / "architecture.yaml"
    path.write_text(text, encoding="utf-8")
    return read_architectures(path, SPACE)[0]


def middle_of_a_mark(page, plot):
    """Where the last mark of a plot's first panel is: the winner's star, in the plot of all architectures."""
    place = page.locator(f"#run0-{plot}-0 .scatterlayer .point").last
    place.scroll_into_view_if_needed()
    box = place.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_it_is_one_file_of_at_most_six_megabytes(finished):
    assert (finished / "report.html").stat().st_size <= 6_000_000


def test_every_plot_is_drawn(page):
    plots = page.locator("figure.plot")
    assert plots.count() == 6
    for place in range(plots.count()):
        assert plots.nth(place).locator(MARKS).count() > 20


def test_hovering_shows_the_genes(page, finished):
    page.mouse.move(*middle_of_a_mark(page, "pareto"))
    label = page.locator("#run0-pareto-0 .hoverlayer .hovertext")
    label.wait_for()
    text = label.text_content()
    for name in read_run(finished).winner:
        assert name in text


def test_a_click_copies_what_foretell_train_accepts(page, finished, tmp_path):
    page.mouse.click(*middle_of_a_mark(page, "pareto"))
    page.get_by_text("YAML copied.").wait_for()
    record = read_run(finished)
    copied, winner = (record.seen.row(each) for each in (architecture_of(clipboard(page), tmp_path), record.winner))
    # Another mark may lie on the winner's: where latencies differ by less than the mark is wide, either is hit.
    for values in (record.seen.costs[record.seen.abscissa], record.seen.scores[record.judge]):
        assert abs(values[copied] - values[winner]) < 0.03 * np.ptp(values[np.isfinite(values)])


def test_every_architecture_of_the_front_is_copied_with_the_keyboard(page, finished, tmp_path):
    record = read_run(finished)
    figure = page.locator("#run0-pareto")
    figure.locator("summary").press("Enter")
    front = record.seen.front(record.judge)
    buttons = figure.locator("button.copy")
    assert buttons.count() == len(front)
    for place, row in enumerate(front[:3]):
        buttons.nth(place).press("Enter")
        page.get_by_text("YAML copied.").wait_for()
        assert architecture_of(clipboard(page), tmp_path) == record.space.architecture(record.seen.population[row])


def test_the_inspector_walks_along_the_front(page, finished, tmp_path):
    record = read_run(finished)
    inspector = page.locator(".inspector")
    for _ in record.seen.front(record.judge):
        inspector.get_by_text("Cheaper on the front").press("Enter")
    assert (
        inspector.locator(".which").inner_text().endswith(f"1 of {len(record.seen.front(record.judge))} on the front")
    )
    inspector.get_by_text("Copy YAML").press("Enter")
    cheapest = record.seen.population[record.seen.front(record.judge)[0]]
    assert architecture_of(clipboard(page), tmp_path) == record.space.architecture(cheapest)


def test_the_winner_and_the_command_are_copied(page, finished, tmp_path):
    page.get_by_text("Copy the winner as YAML").click()
    assert architecture_of(clipboard(page), tmp_path) == read_run(finished).winner
    page.get_by_text("Copy the commands").click()
    assert "foretell search repeat.yaml" in clipboard(page)


def test_a_line_of_the_corpus_is_text(page):
    """No dialog is opened either: the fixture's list of what was said stays empty."""
    sentences = page.get_by_role("region", name="What the winner makes of test examples")
    assert sentences.locator("tbody th").first.inner_text().startswith(HOSTILE)
    assert page.locator("tbody script").count() == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_serious_keeps_anybody_out(browser, finished, theme, width):
    with opened(browser, finished / "report.html", width=width, theme=theme) as shown:
        for summary in shown.locator("summary").all():
            summary.click()
        found = Axe().run(shown).response["violations"]
        serious = [(each["id"], [node["html"][:120] for node in each["nodes"][:3]]) for each in found
                   if each["impact"] in ("serious", "critical")]  # fmt: skip
        assert serious == []
        assert shown.evaluate("document.documentElement.scrollWidth") == width
        assert shown.said == []


def test_the_theme_is_the_devices_until_the_button_says_otherwise(browser, finished):
    with opened(browser, finished / "report.html", theme="dark") as shown:
        ground = "getComputedStyle(document.body).backgroundColor"
        mark = "getComputedStyle(document.querySelector('#run0-evaluations-0 .point')).fill"
        before = shown.evaluate(ground), shown.evaluate(mark)
        button = shown.get_by_role("button", name="Dark")
        assert button.get_attribute("aria-pressed") == "true"
        button.press("Enter")
        drawn(shown)
        after = shown.evaluate(ground), shown.evaluate(mark)
        assert button.get_attribute("aria-pressed") == "false"
        assert before[0] != after[0]
        assert before[1] != after[1]


def test_the_first_thing_the_keyboard_reaches_skips_to_the_report(browser, finished):
    with opened(browser, finished / "report.html") as shown:
        shown.keyboard.press("Tab")
        assert shown.evaluate("document.activeElement.textContent") == "Skip to the report"


def test_two_runs_share_a_page(browser, tmp_path):
    records = [read_run(write_run(tmp_path / name, name, seed)) for name, seed in (("one", 1), ("two", 2))]
    with opened(browser, write_page(records, tmp_path / "both.html")) as shown:
        assert shown.get_by_role("heading", name="Side by side").count() == 1
        assert shown.locator("figure.plot").count() == 2 + 2 * 3
        assert shown.said == []


def test_names_from_files_are_text_in_plots_as_well(browser, tmp_path):
    """Plotly obeys tags and links in its labels; a name of a predictor shall not be one."""
    folder = write_run(tmp_path / "run")
    result = folder / "result.json"
    result.write_text(result.read_text().replace("supernet", "<b>bold</b>"))
    with opened(browser, write_page([read_run(folder)], tmp_path / "page.html")) as shown:
        assert "<b>bold</b>" in shown.locator("#run0-scores-0").text_content()
        assert shown.locator("#run0-scores-0 [style*='font-weight: bold']").count() == 0
        assert shown.said == []
