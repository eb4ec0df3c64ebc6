"""Text from outside (files, corpora, replies) as a terminal and a log may show it: one line, nothing to obey."""

from __future__ import annotations

__all__ = ["one_line", "plain", "shortened"]

_JOINERS = "\u200c\u200d"  # invisible, but words of Persian, Hindi and others are wrong without them


def plain(text: str) -> str:
    """Text without what a terminal would obey: control and direction-changing characters become spaces."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() or sign in _JOINERS else " " for sign in text)


def one_line(text: str) -> str:
    """Text without control characters and line breaks, every run of white space one space."""
    return " ".join(plain(text).split())


def shortened(text: str, most: int) -> str:
    """At most `most` characters: the middle gives way, so that beginning and end can still be read."""
    if len(text) <= most:
        return text
    tail = most // 3
    return f"{text[: most - tail - 5]} ... {text[-tail:]}"
