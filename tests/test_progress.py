import io
import re
from types import SimpleNamespace

import pytest
from rich.console import Console

from foretell import progress
from foretell.progress import forward_progress, show_progress, stage, track

WIDE = 80


@pytest.fixture
def clock(monkeypatch):
    """A clock that only moves when told to."""

    class Clock:
        now = 100.0

        def __call__(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=clock, perf_counter=clock))
    return clock


@pytest.fixture
def terminal(monkeypatch):
    """What a terminal of 80 columns was sent."""
    sent = io.StringIO()

    def console(**_):
        return Console(file=sent, force_terminal=True, width=WIDE, color_system=None, legacy_windows=False)

    monkeypatch.setattr("rich.console.Console", console)
    return lambda: re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", sent.getvalue()).replace("\r", "\n").splitlines()


def draw():
    """Bars are drawn ten times a second; this is one of them."""
    progress._display.get()._progress.refresh()


def test_nothing_is_shown_unless_asked_for(capsys):
    with track("working", 3) as meter:
        meter.update(1)
    with show_progress("quiet"), stage("all"), track("working", 3) as meter:
        meter.update(1)
    assert capsys.readouterr() == ("", "")


def test_a_log_gets_one_line_in_ten_seconds_with_rate_and_time_left(clock, capsys):
    with show_progress("lines"), track("scoring", 1000, "architectures") as meter:
        for second in range(1, 26):
            clock.now += 1
            meter.update(8 * second, "best 5.471")
    assert capsys.readouterr().err.splitlines() == [
        "scoring ...",
        "scoring 8%, 1:55 left, 8.0 architectures/s, best 5.471",
        "scoring 16%, 1:45 left, 8.0 architectures/s, best 5.471",
    ]


def test_a_line_tells_of_all_that_runs(clock, capsys):
    with show_progress("lines"), track("supernet", 100) as one, track("smallest", 100) as other:
        one.update(10)
        clock.now += 5
        other.update(50, "9,000 tokens/s")
        clock.now += 5
        one.update(20)
    assert capsys.readouterr().err.splitlines()[-1] == "supernet 20%, 1:20 left; smallest 50%, 9,000 tokens/s"


def test_what_was_done_in_an_earlier_sitting_is_not_taken_for_speed(clock, capsys):
    with show_progress("lines"), track("training", 4000, "updates") as meter:
        meter.update(3000)
        clock.now += 10
        meter.update(3010)
    assert capsys.readouterr().err.splitlines()[-1] == "training 75%, 16:30 left, 1.0 updates/s"


def test_slow_work_is_told_by_the_minute_and_long_work_by_the_hour(clock, capsys):
    with show_progress("lines"), track("asking", 100, "calls") as meter:
        meter.update(0)
        clock.now += 60
        meter.update(1)
    assert capsys.readouterr().err.splitlines()[-1] == "asking 1%, 1:39:00 left, 1.0 calls/min"


def test_stages_are_named_and_timed(clock, capsys):
    with show_progress("lines"), stage("supernet"):
        clock.now += 426.9
    assert capsys.readouterr().err.splitlines() == ["stage supernet ...", "stage supernet: 426.9 s"]


def test_a_stage_that_fails_is_not_said_to_have_ended(clock, capsys):
    with pytest.raises(ZeroDivisionError), show_progress("lines"), stage("supernet"):
        raise ZeroDivisionError
    assert capsys.readouterr().err.splitlines() == ["stage supernet ..."]


def test_bars_have_title_share_time_left_and_rate_within_the_terminal(clock, terminal):
    with show_progress("bar"), stage("search"):
        with track("translating validation sentences", 1000, "sentences") as meter:
            for second in range(1, 30):
                clock.now += 1
                meter.update(30 * second, "a note that is longer than any terminal of the eighties was wide")
            draw()
        clock.now += 10
    shown = terminal()
    (best, *_) = [line for line in shown if "left" in line]
    assert re.match(r"translating validat… .*%  ?\d+:\d\d left *30 sentences/s, ", best), best
    assert max(map(len, shown)) <= WIDE
    assert shown[-1].split() == ["search", "39.0", "s"]


def test_the_terminal_is_left_alone_while_nothing_runs(terminal):
    with show_progress("bar"):
        assert terminal() == []


def test_a_title_is_text_and_not_markup(terminal):
    with show_progress("bar"), track("[red]hot", 2) as meter:
        meter.update(1, "[bold]x")
        draw()
    assert any("[red]hot" in line and "[bold]x" in line for line in terminal())


def handed_on(clock, updates, **options):
    """What a worker tells its parent of so many updates, a hundredth of a second each: title, share, note."""
    told = []
    token = progress._send.set(None)
    try:
        forward_progress(lambda *report: told.append(report))
        with show_progress("bar"), track("training", 200) as meter:
            for update in range(1, updates + 1):
                clock.now += 0.01
                meter.update(update, "fast", **{name: update == at for name, at in options.items()})
    finally:
        progress._send.reset(token)
    return told


def test_a_worker_hands_its_reports_on_at_most_five_times_a_second(clock):
    told = handed_on(clock, 100)
    assert {title for title, _, _ in told} == {"training"}
    assert 4 <= len(told) <= 6
    assert told[0][1] < told[-1][1] <= 0.5


def test_a_report_that_must_not_wait_is_handed_on_at_once(clock):
    assert [share for _, share, _ in handed_on(clock, 4, at_once=3)] == [1 / 200, 3 / 200]
