"""How a language model writes architectures down: one line each, a grammar that allows nothing else, a JSON schema.

A line has the values of all genes, those of layers in brackets: `96, 2, [256, 128], gelu`. A gene of layers stands
behind the gene that counts them, so that a grammar knows how many there are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from foretell.spaces import Architecture, Gene, Scalar, SearchSpace

__all__ = ["SEPARATOR", "as_json", "as_line", "grammar", "in_order", "schema"]

SEPARATOR = " | "
"""Between a score and its line."""
_PLAIN = re.compile(r"[\w.+/-]+")  # what no reader takes for a delimiter


def in_order(space: SearchSpace) -> list[Gene]:
    """The genes as they are written: those of layers behind the one that counts them."""
    genes: list[Gene] = []
    for gene in space.genes:
        if gene.depth is None:
            genes += [gene, *(each for each in space.genes if each.depth == gene.name)]
    return genes


def as_line(architecture: Architecture) -> str:
    """One line, without its end."""
    parts = []
    for gene in in_order(architecture.space):
        value = architecture[gene.name]
        parts.append(_word(value) if gene.depth is None else f"[{', '.join(map(_word, value))}]")
    return ", ".join(parts)


def as_json(architecture: Architecture) -> str:
    """One JSON object on a line, as `schema` describes it."""
    values = architecture.to_dict()
    return json.dumps({gene.name: values[gene.name] for gene in in_order(architecture.space)}, ensure_ascii=False)


def grammar(space: SearchSpace, count: int, start: str) -> str:
    """GBNF, as llama.cpp has it, of so many lines, each an architecture of the space.

    Args:
        space: The space.
        count: Lines.
        start: Before each, such as a score.
    """
    genes = in_order(space)
    rules = [f"g{number} ::= {_any(gene.choices)}" for number, gene in enumerate(genes)]
    parts: list[str] = []
    for number, gene in enumerate(genes):
        layers = [place for place, each in enumerate(genes) if each.depth == gene.name]
        if layers:
            ways = [_counted(choice, layers) for choice in gene.choices]
            rules.append(f"d{number} ::= {' | '.join(ways)}")
        if gene.depth is None:
            parts.append(f"d{number}" if layers else f"g{number}")
    line = f" {_text(', ')} ".join(parts)
    return "\n".join([f"root ::= line{{{count}}}", f"line ::= {_text(start)} {line} {_text(chr(10))}", *rules, ""])


def _counted(choice: Scalar, layers: Sequence[int]) -> str:
    """So many layers, and as many values of each gene of theirs."""
    parts = [_text(_word(choice))]
    for place in layers:
        values = f" {_text(', ')} ".join([f"g{place}"] * int(choice))
        parts.append(f"{_text(', [')} {values} {_text(']')}")
    return " ".join(parts)


def _any(choices: Sequence[Scalar]) -> str:
    return " | ".join(_text(_word(choice)) for choice in choices)


def _text(text: str) -> str:
    """A literal; JSON's escapes are GBNF's."""
    return json.dumps(text, ensure_ascii=False)


def _word(value: Scalar) -> str:
    text = str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def schema(space: SearchSpace) -> dict[str, Any]:
    """JSON schema of a list of architectures, with no more than strict servers know."""
    genes = in_order(space)
    properties: dict[str, Any] = {}
    for gene in genes:
        one = {"enum": list(gene.choices)}
        properties[gene.name] = one if gene.depth is None else {"type": "array", "items": one}
    return _object({"architectures": {"type": "array", "items": _object(properties)}})


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
