"""The store of expensive things: where they lie, and waiting for whoever is making one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from foretell.locks import Holder, SharedLock
from foretell.progress import track
from foretell.tasks.translation import cache_folder

__all__ = ["Lock", "claim", "store_folder"]

_LOOK_EVERY = 0.25
"""Seconds between two tries to take what another process holds."""


class Lock(Protocol):
    """A lock that is lost with its holder: by `flock` here, by a lease where several machines share a file system."""

    def take(self) -> bool:
        """Hold it if nobody alive does."""
        ...

    def holder(self) -> Holder | None:
        """Who holds it; None where that cannot be told at the moment."""
        ...

    def release(self) -> None:
        """Let others have it."""
        ...


def store_folder(kind: str, key: str, first: str | None = None) -> Path:
    """Where an expensive thing lives that several runs may need: a supernet, a trained architecture.

    It is under the user's cache folder, named by everything that it depends on, so that no run computes it
    a second time.

    Args:
        kind: Of thing.
        key: Its name.
        first: What the first version called it: where that is there and nothing of the present name is, it is used
            as it stands, for it may be large, and an earlier version at work in it.
    """
    named, before = cache_folder() / kind / key, cache_folder() / kind / (first or key)
    return before if before.is_dir() and not named.is_dir() else named


@contextmanager
def claim(folder: Path, lock: Lock | None = None) -> Iterator[bool]:
    """Hold a folder of the store, once whoever holds it has ended; the display says for whom it waits.

    Inside, look first whether the work is done: another process may have done it. A holder that dies, however it
    dies, is taken over from. Not for a folder that this process, or one that waits for it, holds already.

    Args:
        folder: Of the store; made where it is not there.
        lock: What excludes others; None: the folder's `SharedLock`, which counts on all machines that see it.

    Yields:
        Whether somebody else held it first.

    Raises:
        StorageError: The disk refused.
    """
    lock = lock or SharedLock(folder)
    waited = not lock.take()
    if waited:
        _wait(lock)
    try:
        yield waited
    finally:
        lock.release()


def _wait(lock: Lock) -> None:
    holder = lock.holder()
    title = "waiting" if holder is None else f"waiting for {holder.process}"
    with track(title, 1.0) as meter:
        while not lock.take():
            meter.update(0.0, _told(lock.holder() or holder))
            time.sleep(_LOOK_EVERY)


def _told(holder: Holder | None) -> str:
    """A holder in a few words."""
    if holder is None:
        return "another process"
    since = f", since {holder.since.replace('T', ' ')[:19]}" if holder.since else ""
    host, command = (f" on {holder.host}" if holder.host else ""), (f" ({holder.command})" if holder.command else "")
    return f"process {holder.process}{host}{command}{since}"
