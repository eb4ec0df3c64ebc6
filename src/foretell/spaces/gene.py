"""One decision of a search space: what may be chosen, where, and what it means."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from foretell.errors import InputError

__all__ = ["Gene", "Scalar"]

Scalar = int | float | str | bool
"""What a choice may be: a number, a word, or yes and no."""

_MOST_CHOICES = 2**15
_LARGEST = 2**53


@dataclass(frozen=True)
class Gene:
    """A named categorical choice, made once (global) or once a layer.

    Attributes:
        name: The gene's name.
        choices: The admissible values, in the order in which they are sampled: all numbers, all words, or true
            and false. The first one also stands in the canonical form of layers that are not active.
        description: What the gene means, in a sentence; prompts and `foretell spaces show` print it.
        depth: For a gene with one value a layer, the name of the global gene that says how many layers
            are active; None for a global gene.
        bound: The name of a global gene above whose value this one means nothing more: attention to more
            layers than there are is attention to all of them. None where nothing bounds it.
        counts: What each choice counts as, where that is not the value itself (HAT's -1, 1, 2 are one, two and
            three layers); None: the values.

    Raises:
        InputError: No choices, one of them twice, words among numbers, or a number that is not finite.
    """

    name: str
    choices: tuple[Scalar, ...]
    description: str = ""
    depth: str | None = None
    bound: str | None = None
    counts: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if not self.name or not isinstance(self.name, str):
            raise InputError(f"a gene has the name {self.name!r}; expected a word.")
        for choice in self.choices:
            if not isinstance(choice, Scalar):
                raise InputError(f"gene {self.name} has the choice {choice!r}; expected numbers or words.")
        if not self.choices or len(set(self.choices)) != len(self.choices):
            raise InputError(
                f"gene {self.name} has the choices {list(self.choices)}; expected at least one, none of them twice."
            )
        if len(self.choices) >= _MOST_CHOICES:
            raise InputError(f"gene {self.name} has {len(self.choices):,} choices; expected fewer than 32,768.")
        kinds = {"yes-no" if isinstance(c, bool) else "word" if isinstance(c, str) else "number" for c in self.choices}
        if len(kinds) > 1:
            raise InputError(
                f"gene {self.name} mixes words and numbers ({list(self.choices)}); write all of them as numbers, or "
                'all in quotes as words ("4").'
            )
        if kinds == {"number"} and not all(abs(c) < _LARGEST for c in self.choices):  # type: ignore[arg-type]
            raise InputError(
                f"gene {self.name} has the choices {list(self.choices)}; expected numbers below 2**53 (9e15)."
            )

    @property
    def ordered(self) -> bool:
        """Whether its choices are numbers, so that more and less mean something."""
        return not isinstance(self.choices[0], (str, bool))

    @cached_property
    def numbers(self) -> npt.NDArray[np.float64]:
        """What each choice counts as, `float64 [choices]`; for words, their places 0, 1, 2, ..."""
        if self.counts is not None:
            return np.array(self.counts, dtype=np.float64)
        return np.array(self.choices if self.ordered else range(len(self.choices)), dtype=np.float64)

    @cached_property
    def values(self) -> npt.NDArray[Any]:
        """The choices as an array `[choices]`: of integers where all are, of floats, or of objects."""
        if all(isinstance(choice, int) and not isinstance(choice, bool) for choice in self.choices):
            return np.array(self.choices, dtype=np.int64)
        return np.array(self.choices, dtype=np.float64 if self.ordered else np.object_)

    def place(self, value: object) -> int | None:
        """The place of a value among the choices; None where it is not one of them.

        A number may be written otherwise (1.0 for 1), a word may not: "1" is no 1, and 1 no True.
        """
        for place, choice in enumerate(self.choices):
            same_kind = isinstance(value, type(choice)) or (self.ordered and isinstance(value, (int, float)))
            if same_kind and isinstance(value, bool) == isinstance(choice, bool) and value == choice:
                return place
        return None

    def nearest(self, value: object) -> Scalar:
        """The admissible value closest to `value`."""
        if self.ordered and isinstance(value, (int, float)):
            return min(self.choices, key=lambda choice: abs(float(choice) - value))
        near = difflib.get_close_matches(str(value), list(map(str, self.choices)), n=1, cutoff=0.0)
        return next((choice for choice in self.choices if [str(choice)] == near), self.choices[0])

    def meanings(self, bound: float) -> list[int]:
        """For each choice, the least choice that means the same where the gene is bounded by `bound`."""
        reach = np.minimum(self.numbers, bound)
        by_size: Sequence[int] = np.argsort(self.numbers, kind="stable").tolist()
        return [next(i for i in by_size if reach[i] == reach[place]) for place in range(len(self.choices))]
