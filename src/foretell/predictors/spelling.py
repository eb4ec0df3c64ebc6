"""How predictors are spelt: `ridge(features=hat, strength=1)`, `calibrated:column:HAT`, `stacked(X,Y)`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from foretell.errors import InputError

__all__ = ["Spelling", "parse", "split_names"]

_DEEPEST = 50

Value = str | int | float | bool


@dataclass(frozen=True)
class Spelling:
    """A predictor's name, taken apart.

    Attributes:
        name: The registered name.
        text: What follows the colon of a name that takes plain text, as `HAT` in `column:HAT`.
        inner: The predictors inside.
        options: Named options.
    """

    name: str
    text: str | None = None
    inner: tuple[Spelling, ...] = ()
    options: dict[str, Value] = field(default_factory=dict)

    def __str__(self) -> str:
        if self.text is not None:
            return f"{self.name}:{self.text}"
        if len(self.inner) == 1 and not self.options:
            return f"{self.name}:{self.inner[0]}"
        parts = [*map(str, self.inner), *(f"{key}={value}" for key, value in self.options.items())]
        return f"{self.name}({', '.join(parts)})" if parts else self.name


def split_names(text: str) -> list[str]:
    """Cut a list at commas that are not inside parentheses: "a,b(c,d)" becomes "a" and "b(c,d)".

    Raises:
        InputError: Parentheses that do not match.
    """
    parts, depth, start = [], 0, 0
    for index, sign in enumerate(text):
        depth += (sign == "(") - (sign == ")")
        if depth < 0:
            break
        if sign == "," and depth == 0:
            parts.append(text[start:index])
            start = index + 1
    if depth != 0:
        raise InputError(f"the parentheses in {text!r} do not match; correct them.")
    return [part.strip() for part in [*parts, text[start:]] if part.strip()]


def parse(text: str, textual: Collection[str]) -> Spelling:
    """Take a predictor's name apart.

    Args:
        text: As people write it.
        textual: The names whose argument is plain text and no predictor.

    Raises:
        InputError: It cannot be read; the message shows two spellings that can.
    """
    if text.count(":") + text.count("(") > _DEEPEST:
        raise InputError(f"the predictor {text[:40]!r}... has more than {_DEEPEST} others inside; leave some out.")
    text = text.strip()
    head, colon, rest = text.partition(":")
    if colon and "(" not in head:
        if head in textual:
            return Spelling(head, text=rest.strip())
        return Spelling(head.strip(), inner=(parse(rest, textual),))
    name, bracket, arguments = text.partition("(")
    if not name or (bracket and not arguments.endswith(")")):
        raise InputError(
            f"cannot read the predictor {text!r}; expected a name such as ridge(features=hat, strength=1) or "
            "calibrated:column:HAT."
        )
    inner, options = [], {}
    for part in split_names(arguments[:-1]) if bracket else ():
        key, equals, value = part.partition("=")
        if equals and key.strip().replace("_", "").isalnum():
            options[key.strip()] = _value(value.strip())
        else:
            inner.append(parse(part, textual))
    return Spelling(name.strip(), inner=tuple(inner), options=options)


def _value(text: str) -> Value:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
