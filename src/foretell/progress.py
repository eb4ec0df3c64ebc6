"""Telling a person what is running and how long is left; silent unless a front end asks for it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["Meter", "ProgressStyle", "forward_progress", "show_progress", "track"]

ProgressStyle = Literal["bar", "lines", "quiet"]


class Meter(Protocol):
    """What a running piece of work reports to."""

    def update(self, done: float, note: str = "") -> None:
        """Say how far the work is.

        Args:
            done: Units finished so far, of the total that `track` was given.
            note: A few words to stand beside the bar ("4,300 tokens/s").
        """
        ...


class _Silent:
    def update(self, done: float, note: str = "") -> None:
        pass


class _Lines:
    """One line at the start, then at most one every ten seconds: for logs and pipes."""

    def __init__(self, title: str, total: float) -> None:
        self.title, self.total = title, total
        self.start = self.last = time.monotonic()
        print(f"{title} ...", file=sys.stderr, flush=True)

    def update(self, done: float, note: str = "") -> None:
        now = time.monotonic()
        if now - self.last < 10:
            return
        self.last = now
        left = (now - self.start) * (self.total - done) / done if done else float("nan")
        print(f"{self.title}: {done / self.total:.0%}, {left:.0f} s left {note}", file=sys.stderr, flush=True)


class _Bar:
    """One row of a live display."""

    def __init__(self, progress: Progress, title: str, total: float) -> None:
        self.progress = progress
        self.task = progress.add_task(title, total=total, note="")
        self.last = 0.0

    def update(self, done: float, note: str = "") -> None:
        now = time.monotonic()
        if now - self.last >= 0.1:
            self.last = now
            self.progress.update(self.task, completed=done, note=note)


class _Forwarding:
    """Hands every report to a function, at most five times a second: a worker's link to its parent."""

    def __init__(self, send: Callable[[str, float, str], None], title: str, total: float) -> None:
        self.send, self.title, self.total = send, title, total
        self.last = 0.0

    def update(self, done: float, note: str = "") -> None:
        now = time.monotonic()
        if now - self.last >= 0.2:
            self.last = now
            self.send(self.title, done / self.total, note)


_style: ContextVar[ProgressStyle] = ContextVar("foretell-progress-style", default="quiet")
_live: ContextVar[Progress | None] = ContextVar("foretell-progress-live", default=None)
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
    token = _style.set(style)
    try:
        if style == "bar":
            with _display() as live:
                inner = _live.set(live)
                try:
                    yield
                finally:
                    _live.reset(inner)
        else:
            yield
    finally:
        _style.reset(token)


def _display() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[note]}"),
        console=Console(stderr=True),
        transient=True,
    )


@contextmanager
def track(title: str, total: float) -> Iterator[Meter]:
    """Report one piece of work for as long as the block runs.

    Args:
        title: What is running, in a few words.
        total: How many units of work there are.
    """
    style, live, send = _style.get(), _live.get(), _send.get()
    if send is not None:
        yield _Forwarding(send, title, total)
    elif style == "lines":
        yield _Lines(title, total)
    elif live is not None:
        bar = _Bar(live, title, total)
        try:
            yield bar
        finally:
            live.remove_task(bar.task)
    else:
        yield _Silent()
