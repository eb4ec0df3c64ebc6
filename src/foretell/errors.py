"""Everything that foretell refuses, as one exception tree.

Each message is one sentence that says what was found, what was expected and what to do. The command line
prints it without a traceback and ends with the class's `exit_code`.
"""

from __future__ import annotations

import difflib
import mmap
import re
from collections.abc import Iterable

from foretell.display import plain, shortened

__all__ = [
    "BudgetReachedError",
    "ForetellError",
    "InfeasibleError",
    "InputError",
    "IntegrityError",
    "InterruptedRunError",
    "RunBusyError",
    "StorageError",
    "UnknownNameError",
    "known_name",
    "sentence",
    "spelt",
]


_LONGEST = 1500  # characters of a sentence
_LONGEST_NAME = 200


class ForetellError(Exception):
    """Base class of all errors raised on purpose by this library.

    Messages quote files, corpora and replies. Shown as text they are one line of bounded length, without what
    a terminal would obey.
    """

    exit_code: int = 1

    def __str__(self) -> str:
        return shortened(plain(super().__str__()), _LONGEST)


class InputError(ForetellError, ValueError):
    """What the user gave (a file, an option, a value) cannot be used."""

    exit_code = 2


class UnknownNameError(InputError):
    """A name that is not one of a known set; the message offers the nearest known one.

    Args:
        kind: What was named, in the singular ("gene", "key", "search space").
        name: The name as it was found.
        known: The names that would have been accepted.
        where: Where it was found, appended to the sentence.
    """

    def __init__(self, kind: str, name: object, known: Iterable[object], where: str = "") -> None:
        names = [str(item) for item in known]
        name = shortened(str(name), _LONGEST_NAME)  # the search for the nearest takes the square of its length
        small = {item.lower(): item for item in reversed(names)}
        close = [small[each] for each in difflib.get_close_matches(name.lower(), small, n=1, cutoff=0.5)]
        place = f" in {where}" if where else ""
        hint = f"did you mean {close[0]!r}?" if close else f"known are: {', '.join(names)}."
        super().__init__(f"unknown {kind} {name!r}{place}; {hint}")
        self.nearest = close[0] if close else None


def spelt(name: str, known: Iterable[str]) -> str:
    """A word as it is spelt among known ones: neither case nor `_` for `-` is a mistake; else the word as it is."""
    names = list(known)
    plainly = {each.casefold().replace("_", "-"): each for each in reversed(names)}
    return name if name in names else plainly.get(name.casefold().replace("_", "-"), name)


def known_name(kind: str, name: str, known: Iterable[str], where: str = "") -> str:
    """The name as it is spelt among known ones; arguments as of `UnknownNameError`.

    Raises:
        UnknownNameError: There is none of that name, whatever its case; the message names the nearest.
    """
    names = list(known)
    found = spelt(name, names)
    if found not in names:
        raise UnknownNameError(kind, name, names, where)
    return found


class IntegrityError(InputError):
    """A file's contents do not match what is recorded of it (hash, format version, truncated data)."""


class InfeasibleError(ForetellError):
    """No architecture meets the constraints; the message names the reachable range."""

    exit_code = 3


class BudgetReachedError(ForetellError):
    """A limit on money, tokens or evaluations was reached; what was paid for is kept."""

    exit_code = 4


class StorageError(ForetellError):
    """The disk refused (full, read-only, gone); everything written before it is intact."""


class RunBusyError(InputError):
    """Another live process works in the same run folder."""


class InterruptedRunError(ForetellError):
    """The user stopped the run; it can be resumed."""

    exit_code = 130


_ROOM = 64 << 20  # bytes without which nothing here can go on
_NO_MEMORY = "(?i)out of memory|bad_alloc|(can't|cannot) (allocate memory|start new thread)"


def sentence(error: Exception) -> str:
    """What to tell a person about any error: its own sentence, want of memory, or a fault of ours."""
    if isinstance(error, ForetellError):
        return str(error)
    # torch says so in a RuntimeError of the CPU, or an OutOfMemoryError of the GPU.
    if isinstance(error, MemoryError) or re.search(_NO_MEMORY, str(error)) or _starved():
        return (
            "there is not enough memory; close other programs or make the task smaller, then run the same command "
            "again to go on (what was finished is kept)."
        )
    return (
        f"unexpected {type(error).__name__}: {error}; this is a fault of foretell: please report it with the "
        "traceback that `foretell --debug ...` shows."
    )


def _starved() -> bool:
    """Whether memory is wanting now: C libraries that get none fail in any way they like, or without a word."""
    try:
        mmap.mmap(-1, _ROOM).close()  # asks for room without using any of it
    except (OSError, MemoryError):
        return True
    return False
