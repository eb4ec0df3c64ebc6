"""What the display shows of jobs that run elsewhere."""

from __future__ import annotations

from contextlib import ExitStack

from foretell.progress import Meter, track

__all__ = ["JobRow"]


class JobRow:
    """What the display shows of one job: the piece of work that it is at.

    Attributes:
        share: How far it is, from 0 to 1; it never falls.
    """

    def __init__(self, job: str) -> None:
        self.job, self.title, self.share = job, "", 0.0
        self._meter: Meter | None = None
        self._shown = ExitStack()

    def show(self, title: str, share: float, note: str) -> None:
        """Take a report of the job."""
        if title != self.title or self._meter is None:
            label = self.job if self._meter is None else f"{self.job}: {title}"
            self._shown.close()
            self.title, self._meter = title, self._shown.enter_context(track(label, 1.0))
        # Its first piece of work is training, beside which translating takes no time.
        self.share = max(self.share, share)
        self._meter.update(share, note)

    def close(self) -> None:
        """The job has ended."""
        self.share = 1.0
        self._shown.close()
