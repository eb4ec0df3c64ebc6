"""What Ctrl-C does: the first time a command ends in order, the second time at once; either way with one sentence."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from foretell.errors import InterruptedRunError

__all__ = ["how_to_go_on", "interruptible"]


class _Interrupt(SystemExit):
    """What the handler raises: no `except Exception` on the way takes it for a fault of its own, nor does asyncio."""


@contextmanager
def interruptible(sentence: Callable[[], str]) -> Iterator[None]:
    """Turn the first SIGINT inside the block into an `InterruptedRunError`, and the second into the end of the process.

    Ending at once is safe: all that is finished is on the disk before anything else begins. After an
    interruption the second handler stays, for the process is about to end and may still be waiting for a
    thread; else the handler from before is put back.

    Args:
        sentence: What to tell; asked for only when needed.
    """
    before = signal.getsignal(signal.SIGINT)

    def first(*_: object) -> NoReturn:
        signal.signal(signal.SIGINT, second)
        warnings.simplefilter("ignore")  # what is cut off here and there has nothing to add to the one sentence
        raise _Interrupt(InterruptedRunError.exit_code)

    def second(*_: object) -> NoReturn:
        # The order of things is given up here: no buffers, no clean-up. Workers end with their parent's pipe.
        if not told:
            os.write(2, f"\nforetell: {sentence()}\n".encode())
        if sys.stderr.isatty():
            os.write(2, b"\x1b[?25h")  # a live display had hidden the cursor
        os._exit(InterruptedRunError.exit_code)

    told = False
    signal.signal(signal.SIGINT, first)
    try:
        yield
    except _Interrupt:
        print(f"foretell: {sentence()}", file=sys.stderr, flush=True)
        told = True
        raise InterruptedRunError(sentence()) from None
    finally:
        if signal.getsignal(signal.SIGINT) is first:
            signal.signal(signal.SIGINT, before)


def how_to_go_on(command: Any, arguments: Sequence[str]) -> str:
    """One sentence that says what an interrupted command leaves and how to go on.

    Args:
        command: The whole command line (click's group).
        arguments: What was called.
    """
    found = command
    for word in arguments:
        found = getattr(found, "commands", {}).get(word, found)
    resumable = any("--resume" in getattr(option, "opts", ()) for option in found.params)
    again = [*arguments, *(["--resume"] if resumable and "--resume" not in arguments else [])]
    return f"interrupted; what was finished is kept; go on with: {shlex.join(['foretell', *again])}"
