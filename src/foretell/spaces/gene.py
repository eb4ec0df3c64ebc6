"""One decision of a search space: what may be chosen, where, and what it means."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from foretell.errors import InputError

__all__ = ["Gene", "attended_layers"]


@dataclass(frozen=True)
class Gene:
    """A named categorical choice, made once (global) or once a layer.

    Attributes:
        name: The gene's name, as in HAT's configuration files (REFERENCE 1.4, without the suffix).
        choices: The admissible values, in the order in which they are sampled. The first one also stands
            in the canonical form of layers that are not active.
        description: What the gene means, in a sentence; prompts and `foretell spaces show` print it.
        depth: For a gene with one value a layer, the name of the global gene that says how many layers
            are active; None for a global gene.
        attends: For an arbitrary-attention gene (values -1, 1, 2: the last one, two, three layers), the
            name of the depth gene of the stack attended to. Attention to more layers than are active is
            attention to all active ones.
    """

    name: str
    choices: tuple[int, ...]
    description: str
    depth: str | None = None
    attends: str | None = None

    def __post_init__(self) -> None:
        if not self.choices or len(set(self.choices)) != len(self.choices):
            raise InputError(
                f"gene {self.name} has the choices {list(self.choices)}; expected at least one, none of them twice."
            )
        if not all(-(2**15) <= value < 2**15 for value in self.choices):
            raise InputError(f"gene {self.name} has the choices {list(self.choices)}; each must fit 16 bits.")
        if self.attends is None and min(self.choices) < 1:
            raise InputError(f"gene {self.name} has the choices {list(self.choices)}; expected positive integers.")
        if self.attends is not None and not set(self.choices) <= {-1, 1, 2}:
            raise InputError(f"gene {self.name} has the choices {list(self.choices)}; expected some of -1, 1, 2.")

    def nearest(self, value: float) -> int:
        """The admissible value closest to `value`."""
        return min(self.choices, key=lambda choice: abs(choice - value))


def attended_layers(values: npt.NDArray[np.integer]) -> npt.NDArray[np.int16]:
    """How many encoder layers the arbitrary-attention values -1, 1, 2 attend to: 1, 2, 3 (REFERENCE 0)."""
    return np.where(values < 0, 1, values + 1).astype(np.int16)
