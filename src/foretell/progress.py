"""Telling a person what is running and how long is left; silent unless a front end asks for it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cached_property
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

__all__ = ["Meter", "ProgressStyle", "forward_progress", "show_progress", "stage", "track"]

ProgressStyle = Literal["bar", "lines", "quiet"]

_LINE_EVERY = 10.0
"""Seconds between two lines in a log."""
_TITLE_WIDTH, _BAR_WIDTH, _OTHER_WIDTH = 20, 12, 20
"""Columns of a row; what is left of the terminal's width is for the note."""


class Meter(Protocol):
    """What a running piece of work reports to."""

    def update(self, done: float, note: str = "", *, at_once: bool = False) -> None:
        """Say how far the work is.

        Args:
            done: Units finished so far, of the total that `track` was given.
            note: A few words to stand beside the bar ("4,300 tokens/s").
            at_once: Whoever hears of it must do so now, however short ago the last report was: a checkpoint was
                written that may have to be sent away.
        """
        ...


class _Display(Protocol):
    """How progress is shown."""

    def open(self, work: _Work) -> None: ...

    def refresh(self, work: _Work) -> None: ...

    def close(self, work: _Work) -> None: ...

    def stage(self, title: str, seconds: float | None) -> None: ...


class _Work:
    """One piece of running work: how far it is, how fast it goes, how long is left.

    Speed counts from the first report, not from nothing: what is resumed begins in the middle.
    """

    def __init__(self, display: _Display, title: str, total: float, unit: str) -> None:
        self.display, self.title, self.total, self.unit = display, title, total, unit
        self.done, self.note = 0.0, ""
        self._first: tuple[float, float] | None = None
        self._speed = 0.0

    def update(self, done: float, note: str = "", *, at_once: bool = False) -> None:
        now = time.monotonic()
        self.done, self.note = done, note
        if self._first is None:
            self._first = (now, done)
        elif now > self._first[0]:
            self._speed = (done - self._first[1]) / (now - self._first[0])
        self.display.refresh(self)

    @property
    def left(self) -> str:
        """Time left, or nothing while that cannot be told."""
        return f"{_clock((self.total - self.done) / self._speed)} left" if self._speed > 0 else ""

    @property
    def remark(self) -> str:
        """The rate, if the work is counted in units, and what the work says of itself."""
        return ", ".join(filter(None, [_rate(self._speed, self.unit), self.note]))


def _clock(seconds: float) -> str:
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"


def _rate(speed: float, unit: str) -> str:
    if not unit or speed <= 0:
        return ""
    return f"{speed:,.{0 if speed >= 10 else 1}f} {unit}/s" if speed >= 0.1 else f"{60 * speed:.1f} {unit}/min"


class _Lines:
    """For logs and pipes: each stage and each piece of work once, then one line every ten seconds for all that runs."""

    def __init__(self) -> None:
        self._running: list[_Work] = []
        self._last = 0.0

    def open(self, work: _Work) -> None:
        self._running.append(work)
        self._say(f"{work.title} ...")

    def close(self, work: _Work) -> None:
        self._running.remove(work)

    def refresh(self, work: _Work) -> None:
        if time.monotonic() - self._last >= _LINE_EVERY:
            self._say("; ".join(map(self._told, self._running)))

    def stage(self, title: str, seconds: float | None) -> None:
        self._say(f"stage {title} ..." if seconds is None else f"stage {title}: {seconds:.1f} s")

    def _say(self, line: str) -> None:
        self._last = time.monotonic()
        print(line, file=sys.stderr, flush=True)

    @staticmethod
    def _told(work: _Work) -> str:
        return ", ".join(filter(None, [f"{work.title} {work.done / work.total:.0%}", work.left, work.remark]))


class _Bars:
    """For terminals: a live row for each piece of work, which goes with it, and a line for each stage, which stays.

    The terminal is taken over only while something runs, so that results are printed on an ordinary one.
    """

    def __init__(self) -> None:
        self._rows: dict[_Work, TaskID] = {}
        self._last: dict[_Work, float] = {}

    @cached_property
    def _progress(self) -> Progress:
        return _rich_progress()

    def open(self, work: _Work) -> None:
        if not self._rows:
            self._progress.start()
        self._rows[work] = self._progress.add_task(work.title, total=work.total, left="", remark="")

    def close(self, work: _Work) -> None:
        self._last.pop(work, None)
        self._progress.remove_task(self._rows.pop(work))
        if not self._rows:
            self._progress.stop()

    def refresh(self, work: _Work) -> None:
        now = time.monotonic()
        if now - self._last.get(work, 0.0) >= 0.1:
            self._last[work] = now
            self._progress.update(self._rows[work], completed=work.done, left=work.left, remark=work.remark)

    def stage(self, title: str, seconds: float | None) -> None:
        if seconds is not None:
            self._progress.console.print(f"{title:<{_TITLE_WIDTH}}{seconds:8.1f} s", highlight=False)


def _rich_progress() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn
    from rich.table import Column

    console = Console(stderr=True)
    width = max(1, console.width - _TITLE_WIDTH - _BAR_WIDTH - _OTHER_WIDTH)
    titles = Column(width=_TITLE_WIDTH, no_wrap=True, overflow="ellipsis")
    remarks = Column(max_width=width, no_wrap=True, overflow="ellipsis")
    return Progress(
        TextColumn("{task.description}", markup=False, table_column=titles),
        BarColumn(bar_width=_BAR_WIDTH),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[left]}", table_column=Column(min_width=9, no_wrap=True)),
        TextColumn("{task.fields[remark]}", markup=False, table_column=remarks),
        console=console,
        transient=True,
        redirect_stdout=False,
    )


class _Forwarding:
    """Hands reports to a function, five times a second and those that must not wait: a worker's link to its parent."""

    def __init__(self, send: Callable[[str, float, str], None], title: str, total: float) -> None:
        self.send, self.title, self.total = send, title, total
        self.last = 0.0

    def update(self, done: float, note: str = "", *, at_once: bool = False) -> None:
        now = time.monotonic()
        if at_once or now - self.last >= 0.2:
            self.last = now
            self.send(self.title, done / self.total, note)


class _Silent:
    def update(self, done: float, note: str = "", *, at_once: bool = False) -> None:
        pass


_display: ContextVar[_Display | None] = ContextVar("foretell-progress-display", default=None)
_send: ContextVar[Callable[[str, float, str], None] | None] = ContextVar("foretell-progress-send", default=None)


def forward_progress(send: Callable[[str, float, str], None]) -> None:
    """From now on hand every report in this context to `send(title, share done, note)` and show nothing."""
    _send.set(send)


@contextmanager
def show_progress(style: ProgressStyle) -> Iterator[None]:
    """Show the progress of everything that runs inside the block, on standard error.

    Args:
        style: "bar" draws live bars, "lines" prints a line now and then, "quiet" prints nothing.
    """
    displays: dict[str, Callable[[], _Display]] = {"bar": _Bars, "lines": _Lines}
    token = _display.set(displays[style]() if style in displays else None)
    try:
        yield
    finally:
        _display.reset(token)


@contextmanager
def stage(title: str) -> Iterator[None]:
    """Name the part of a long job that the block is; when it has ended well, what it took is told.

    Args:
        title: One or two words ("supernet").
    """
    display, start = _display.get(), time.perf_counter()
    if display is not None:
        display.stage(title, None)
    yield
    if display is not None:
        display.stage(title, time.perf_counter() - start)


@contextmanager
def track(title: str, total: float, unit: str = "") -> Iterator[Meter]:
    """Report one piece of work for as long as the block runs.

    Args:
        title: What is running, in a few words.
        total: How many units of work there are.
        unit: What they are called, in the plural; with it the rate is shown ("8.1 sentences/s").
    """
    display, send = _display.get(), _send.get()
    if send is not None:
        yield _Forwarding(send, title, total)
    elif display is not None:
        work = _Work(display, title, total, unit)
        display.open(work)
        try:
            yield work
        finally:
            display.close(work)
    else:
        yield _Silent()
