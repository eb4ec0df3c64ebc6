r"""Numbers from replies, by a strict grammar: what does not fit it is an abstention with its reason.

A reply to one question::

    reply  = [label [":" | "="]] number [label | "%"] ["."]     on the first line that is not empty
    label  = the metric's word | "answer" | "prediction" | "score"
    number = [sign] digits ["." digits]                          at most 6 digits before, 8 after the point
           | [sign] digits "," digit [digit]                     a decimal comma; three digits may be thousands

What stands before the end of a block of thinking (``</think>``) is not the reply; one block of code, or a JSON
object with one number in it, is; else the one line that begins with ``Answer:``.

Spaces and Markdown's ``*``, ``_`` and backquotes around the parts are free; what follows on later lines is an
explanation and ignored. No exponents, no words for infinity, no second number on the line:
guessing which of two numbers was meant has poisoned result tables before.

A reply to K questions has one line for each, ``i: number``, each i from 1 to K exactly once.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from foretell.metrics import Metric

__all__ = ["Parsed", "parse_number", "parse_numbers", "spoken", "unfinished"]

_NUMBER = r"[+-]?[0-9]{1,6}(?:\.[0-9]{1,8})?"
_COMMA = r"[+-]?[0-9]{1,6},[0-9]{1,2}"
_THOUGHT = re.compile("</(?:think|thinking|reasoning)>", re.IGNORECASE)
_THINKING = re.compile("<(?:think|thinking|reasoning)>", re.IGNORECASE)
_FENCE = re.compile(r"```[a-z]*\n([^`]*)```", re.IGNORECASE)
_ANSWER = re.compile(r"(?:final\s+)?answer\s*[:=]\s*\**\s*(.*)", re.IGNORECASE)
_ITEM = re.compile(r"\(?([0-9]{1,4})\s*[:.)=-]\s+(.*)|\(?([0-9]{1,4})\s*[:)=]\s*(.*)")


@dataclass(frozen=True)
class Parsed:
    """A number, or why there is none.

    Attributes:
        value: The number, or None.
        reason: Empty with a number, else why the reply counts as an abstention.
    """

    value: float | None
    reason: str = ""


def parse_number(text: str, metric: Metric) -> Parsed:
    """The one number of a reply.

    Args:
        text: The reply's text.
        metric: Its word may stand beside the number, its bounds must hold.
    """
    if unfinished(text) and text.strip():
        return Parsed(None, "the reply ends in the middle of its thinking")
    line = _said(text)
    if not line:
        return Parsed(None, "the reply is empty")
    label = re.escape(metric.word)
    before = rf"(?:(?:predicted\s+|estimated\s+)?{label}\s*(?:score)?|prediction|score)\s*[:=]?\s*\**\s*"
    pattern = rf"(?:{before})?(?:({_NUMBER})|({_COMMA}))\s*(?:{label}|%)?\.?"
    match = re.fullmatch(pattern, line, flags=re.IGNORECASE)
    if match is None:
        return Parsed(None, f"the reply {_short(line)!r} is not one number")
    value = float(match[1] or match[2].replace(",", "."))
    if not metric.low <= value <= metric.high:
        return Parsed(None, f"{value:g} is no {metric.word}; it lies between {metric.low:g} and {metric.high:g}")
    return Parsed(value)


def unfinished(text: str) -> bool:
    """Whether a reply ends before it says anything: it is empty, or a block of thinking that is not closed."""
    return not text.strip() or _THINKING.search(spoken(text)) is not None


def spoken(text: str) -> str:
    """What stands behind a model's thinking."""
    return _THOUGHT.split(text)[-1]


def parse_numbers(text: str, count: int, metric: Metric) -> list[Parsed]:
    """The numbers of a reply to several questions, one result for each question.

    A reply with a wrong number of lines, or a number given twice, is an abstention for all of them: nobody
    can tell which line belongs to which question.
    """
    found: dict[int, Parsed] = {}
    lines = [each for each in map(_plain, text.splitlines()) if each]
    for line in lines:
        match = _ITEM.fullmatch(line)
        if match is None:
            return _all(count, f"the line {_short(line)!r} is not 'number: value'")
        index = int(match[1] or match[3])
        if index in found or not 1 <= index <= count:
            return _all(count, f"the reply answers question {index} twice or was not asked it")
        found[index] = parse_number(match[2] or match[4] or "", metric)
    if len(found) != count:
        return _all(count, f"the reply answers {len(found)} of {count} questions")
    return [found[index] for index in range(1, count + 1)]


def _said(text: str) -> str:
    """The line that is the reply: of a JSON object its one number, else the line after "Answer:", else the first."""
    text = spoken(text)
    blocks: list[str] = _FENCE.findall(text)
    if blocks:
        text = blocks[0] if len(blocks) == 1 else " ".join(" ".join(blocks).split())
    if (number := _of_json(text)) is not None:
        return number
    lines = [each for each in map(_plain, text.splitlines()) if each]
    answers = [match[1] for match in map(_ANSWER.fullmatch, lines) if match]
    if len(answers) == 1:
        return _plain(answers[0])
    return lines[0] if lines else ""


def _of_json(text: str) -> str | None:
    """The one number of a JSON object, as it would be written; None where it is no object with one."""
    stripped = text.strip()
    if not (stripped.startswith("{") and stripped.endswith("}")):
        return None
    try:
        read = json.loads(stripped)
    except (ValueError, RecursionError):
        return None
    values = list(read.values()) if isinstance(read, dict) else []
    numbers = [each for each in values if isinstance(each, int | float) and not isinstance(each, bool)]
    texts = [each for each in values if isinstance(each, str) and re.fullmatch(_NUMBER, each.strip())]
    found = [*map(str, numbers), *texts]
    return found[0] if len(found) == 1 else None


def _all(count: int, reason: str) -> list[Parsed]:
    return [Parsed(None, reason)] * count


def _plain(line: str) -> str:
    # With runs of white space as one space no pattern can be made to try long lines again and again.
    return " ".join(line.split()).strip("*_`").strip()


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:37]}..."
