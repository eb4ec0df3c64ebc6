r"""Numbers from replies, by a strict grammar: what does not fit it is an abstention with its reason.

A reply to one question::

    reply  = [label [":" | "=" | "is"]] number [label | "%" | "points"] ["."]     on the first line that is not empty
    label  = the metric's word or key | "answer" | "prediction" | "score" | "estimate" | "result" | "output", with
             "the", "valid", "final" and the like before it
    number = [sign] digits ["." digits]                          at most 6 digits before, 8 after the point
           | [sign] digits "," digit [digit]                     a decimal comma; three digits may be thousands

What stands before the end of a block of thinking (``</think>``, ``[/THINK]`` and the like) is not the reply; one block
of code, ``<answer>`` or ``\boxed{}`` is, or a JSON object with one number in it or one under a label; else the one
line that begins with ``Answer:``, or the line after it; else, where the first line holds no number, the one line
that is a label with its number, or a number that stands alone on the last line of a reply without any other. Marks of
a chat's format (``<|im_end|>``) are nothing.

Spaces, quotes, dollar signs, the marks of headings, lists and quotations, and Markdown's ``*``, ``_`` and backquotes
around the parts are free, letters and digits may be wide; what follows on later lines is an explanation and ignored.
No exponents, no words for infinity, no second number on the line:
guessing which of two numbers was meant has poisoned result tables before.

A reply to K questions has one line for each, ``i: number``, each i from 1 to K exactly once.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from foretell.metrics import Metric

__all__ = ["Parsed", "parse_number", "parse_numbers", "spoken", "unfinished"]

_UNFINISHED = "the reply ends in the middle of its thinking"
_NUMBER = r"[+-]?[0-9]{1,6}(?:\.[0-9]{1,8})?"
_COMMA = r"[+-]?[0-9]{1,6},[0-9]{1,2}"
_THOUGHT = re.compile(
    r"</(?:think|thinking|thought|reasoning)>|\[/THINK\]|◁/think▷|<\|channel\|>final<\|message\|>", re.IGNORECASE
)
_THINKING = re.compile(
    r"<(?:think|thinking|thought|reasoning)>|\[THINK\]|◁think▷|<\|channel\|>analysis<\|message\|>", re.IGNORECASE
)
_MARKS = re.compile(r"<\|[a-z_]{1,20}\|>|</?s>|<eos>|<end_of_turn>", re.IGNORECASE)
_TAGS = "answer|final_answer|score|prediction|estimate|result|output|bleu|chrf"
_FRAMED = re.compile(rf"<(?P<tag>{_TAGS})>([^<]*)</(?P=tag)>|\\boxed\{{([^{{}}]*)\}}", re.IGNORECASE)
_FENCE = re.compile(r"```[a-z]*\n([^`]*)```", re.IGNORECASE)
_ANSWER = re.compile(r"(?:(?:my|the)\s+)?(?:final\s+)?answer(?:[\s*]*(?:[:=]|\bis\b)[\s*]*(.*))?", re.IGNORECASE)
_WIDE = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)}  # as typed with Chinese and Japanese keyboards
_LIST = re.compile(r"(?:[-+•] |#+ |> )+")
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
        return Parsed(None, _UNFINISHED)
    label = f"(?:{re.escape(metric.word)}|{re.escape(metric.key)})"
    polite = r"(?:(?:sure|okay|ok|certainly|of course)\s*[,.!:]\s*)?(?:here(?:\s+is|['’]s)\s+)?"
    kind = r"(?:(?:the|my|final|predicted|estimated|expected|valid|validation|test)\s+){0,3}"
    word = "answer|prediction|score|estimate|result|output|assistant"
    said = rf"i\s+(?:would\s+)?(?:predict|estimate|expect)\s+(?:an?\s+|the\s+)?(?:{kind}{label}\s*(?:score\s+)?of\b)?"
    named = rf"{kind}(?:{label}\s*(?:score)?|{word})[*_`]*\s*(?:[:=]|\bis\b)?"
    before = rf"{polite}(?:(?:{named}|{said})\s*[*_`$\"]*\s*)?"
    number = rf"(?:({_NUMBER})|({_COMMA}))\s*(?:(?:{label})?\s*(?:points)?|%)[*_`$\"]*\.?"
    grammar = re.compile(f"(?P<label>{before}){number}", re.IGNORECASE)
    line = _said(text, metric, grammar)
    if not line:
        return Parsed(None, "the reply is empty")
    match = grammar.fullmatch(line)
    if match is None:
        return Parsed(None, f"the reply {_short(line)!r} is not one number")
    value = float(match[2] or match[3].replace(",", "."))
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
    if unfinished(text) and text.strip():
        return _all(count, _UNFINISHED)
    text = _MARKS.sub("", spoken(text)).translate(_WIDE)
    blocks: list[str] = _FENCE.findall(text)
    found: dict[int, Parsed] = {}
    lines = [each for each in map(_plain, (blocks[0] if len(blocks) == 1 else text).splitlines()) if each]
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


def _said(text: str, metric: Metric, grammar: re.Pattern[str]) -> str:
    """The line that is the reply: of a JSON object its one number, else that of the answer, else the first."""
    text = _MARKS.sub("", spoken(text)).translate(_WIDE)
    framed = [first or second for _, first, second in _FRAMED.findall(text)]
    if len(framed) == 1:
        return _plain(framed[0])
    blocks: list[str] = _FENCE.findall(text)
    if blocks:
        text = blocks[0] if len(blocks) == 1 else " ".join(" ".join(blocks).split())
    if (number := _of_json(text, metric)) is not None:
        return number
    lines = [each for each in map(_plain, text.splitlines()) if each]
    if metric.low >= 0:  # else the mark of a list may be a sign
        lines = [_plain(_LIST.sub("", each, count=1)) for each in lines]
    below = [*lines[1:], ""]
    answers = [match[1] or below[at] for at, match in enumerate(map(_ANSWER.fullmatch, lines)) if match]
    if answers:  # of several nobody knows which is meant
        return _plain(" ".join(answers))
    if not lines or grammar.fullmatch(lines[0]):
        return lines[0] if lines else ""
    labelled = [each for each in lines if (match := grammar.fullmatch(each)) and match["label"]]
    alone = grammar.fullmatch(lines[-1]) and not re.search(r"\d", " ".join(lines[:-1]))
    return labelled[0] if len(labelled) == 1 else lines[-1] if alone and not labelled else lines[0]


def _of_json(text: str, metric: Metric) -> str | None:
    """The one number of a JSON object, or under a label, as it would be written; None where there is no such."""
    stripped = text.strip()
    if not stripped.startswith(("{", "[")):
        return None
    try:
        read = json.loads(stripped)
    except (ValueError, RecursionError):
        return None
    while isinstance(read, dict | list) and len(read) == 1:  # {"result": {"bleu": 25.3}}, [{"bleu": 25.3}]
        inner = read[0] if isinstance(read, list) else next(iter(read.values()))
        if not isinstance(inner, dict | list):
            break
        read = inner
    if not isinstance(read, dict):
        return None
    labels = (metric.key, metric.word.lower(), "answer", "prediction", "predicted", "score", "value")
    named = [each for key, each in read.items() if str(key).lower() in labels]
    values = named if len(named) == 1 else list(read.values())
    numbers = [each for each in values if isinstance(each, int | float) and not isinstance(each, bool)]
    texts = [each for each in values if isinstance(each, str) and re.fullmatch(f"{_NUMBER}|{_COMMA}", each.strip())]
    found = [*map(str, numbers), *texts]
    return found[0] if len(found) == 1 else None


def _all(count: int, reason: str) -> list[Parsed]:
    return [Parsed(None, reason)] * count


def _plain(line: str) -> str:
    # With runs of white space as one space no pattern can be made to try long lines again and again.
    return " ".join(line.split()).strip("*_`$\"'“”„ ").strip()


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:37]}..."
