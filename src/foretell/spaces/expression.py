"""Arithmetic over genes, as users write costs: read by a parser of our own, never evaluated as Python."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from foretell.errors import InputError, UnknownNameError
from foretell.spaces.gene import Gene

if TYPE_CHECKING:
    from foretell.spaces.space import Population, SearchSpace

__all__ = ["Expression"]

_Values = Any  # an array [n] of numbers or of words, or one of either

_MOST_CHARACTERS = 2000
_MOST_POWER = 16

_BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_COMPARE: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


class Expression:
    """A cost as arithmetic over genes: `+ - * / // % **`, parentheses, comparisons, and `A if B else C`.

    A global gene stands for its value, a per-layer gene for the sum over its active layers (of numbers only). A
    comparison is 1 where it holds and 0 elsewhere, so that `(mixer == "gru") * width` counts for one word.
    Hyphens in a gene's name are written as underscores.

    Args:
        text: The expression.
        genes: What it may name.
        name: What it computes, for messages.

    Raises:
        InputError: It is no arithmetic: a call, an attribute, a list, a word outside a comparison.
        UnknownNameError: A name that is no gene; the message names the nearest.
    """

    def __init__(self, text: str, genes: Sequence[Gene], name: str) -> None:
        self.text, self.name = str(text), name
        self._genes = {gene.name.replace("-", "_"): gene for gene in genes}
        try:
            if len(self.text) > _MOST_CHARACTERS:
                raise ValueError(f"it has more than {_MOST_CHARACTERS:,} characters")
            self._tree = ast.parse(self.text, mode="eval").body
            self._check(self._tree, compared=False)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"the cost {name} is {self.text[:80]!r}, which is no arithmetic ({error}).") from error

    def __call__(self, space: SearchSpace, population: Population) -> npt.NDArray[np.float64]:
        """Its value for each row of a population `int16 [n, columns]`, `float64 [n]`.

        Raises:
            InputError: A value is no finite number (a division by zero, say).
        """
        active = space.active(population)
        named: dict[str, _Values] = {}
        for written, gene in self._genes.items():
            columns = space.columns(gene.name)
            if gene.depth is not None:
                named[written] = (space.numbers(population, gene.name) * active[:, columns]).sum(axis=1)
            elif gene.ordered:
                named[written] = space.numbers(population, gene.name)[:, 0]
            else:
                named[written] = gene.values.take(population[:, columns.start])
        with np.errstate(all="ignore"):
            try:
                found = np.asarray(self._value(self._tree, named), dtype=np.float64)
            except (ArithmeticError, TypeError, ValueError):
                found = np.array(np.nan)
        if not np.isfinite(found).all():
            raise InputError(f"the cost {self.name} ({self.text}) is no finite number for some architectures.")
        return np.broadcast_to(found, (len(population),)).copy()

    def _check(self, node: ast.expr, *, compared: bool) -> None:
        """Refuse everything but arithmetic; words may stand where they are `compared`, and nowhere else."""
        match node:
            case ast.BinOp(left, op, right) if type(op) in _BINARY:
                self._check(left, compared=False)
                self._check(right, compared=False)
                if isinstance(op, ast.Pow) and not (
                    isinstance(right, ast.Constant)
                    and isinstance(right.value, (int, float))
                    and abs(right.value) <= _MOST_POWER
                ):
                    raise self._no("a power that is not a plain number up to 16")
            case ast.UnaryOp(ast.USub() | ast.UAdd(), operand):
                self._check(operand, compared=False)
            case ast.Compare(left, [op], [right]) if type(op) in _COMPARE:
                self._check(left, compared=True)
                self._check(right, compared=True)
            case ast.IfExp(test, body, orelse):
                for part in (test, body, orelse):
                    self._check(part, compared=False)
            case ast.Constant(value) if isinstance(value, (int, float)) and not isinstance(value, bool):
                pass
            case ast.Constant(value) if compared and isinstance(value, (str, bool)):
                pass
            case ast.Name(name):
                self._check_name(name, compared)
            case _:
                raise self._no(_called(node))

    def _check_name(self, name: str, compared: bool) -> None:
        if name not in self._genes:
            raise UnknownNameError("gene", name, self._genes, f"the cost {self.name} ({self.text})")
        gene = self._genes[name]
        if not gene.ordered and (gene.depth is not None or not compared):
            raise self._no(f"the gene of words {name} outside a comparison such as {name} == '{gene.choices[0]}'")

    def _no(self, what: str) -> InputError:
        return InputError(
            f"the cost {self.name} is {self.text[:80]!r}, which holds {what}; expected numbers, genes, + - * / // % "
            "**, parentheses, comparisons and A if B else C."
        )

    def _value(self, node: ast.expr, named: Mapping[str, _Values]) -> _Values:
        match node:
            case ast.BinOp(left, op, right):
                return _BINARY[type(op)](self._value(left, named), self._value(right, named))
            case ast.UnaryOp(op, operand):
                value = self._value(operand, named)
                return -value if isinstance(op, ast.USub) else value
            case ast.Compare(left, [op], [right]):
                return np.asarray(
                    _COMPARE[type(op)](self._value(left, named), self._value(right, named)), dtype=np.float64
                )
            case ast.IfExp(test, body, orelse):
                chosen = np.asarray(self._value(test, named)) != 0
                return np.where(chosen, self._value(body, named), self._value(orelse, named))
            case ast.Constant(value):
                return value if isinstance(value, (str, bool)) else float(value)  # type: ignore[arg-type]
            case ast.Name(name):
                return named[name]
        raise self._no(_called(node))


def _called(node: ast.expr) -> str:
    words = {"Call": "a call", "Attribute": "an attribute", "Subscript": "a subscript", "Constant": "a word"}
    return words.get(type(node).__name__, f"a {type(node).__name__.lower()}")
