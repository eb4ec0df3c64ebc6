"""What gives labels: one protocol, whoever trains."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field, model_validator

from foretell.errors import InputError
from foretell.observations import Observation
from foretell.spaces import Architecture

__all__ = ["Fidelities", "Objective"]


class Fidelities(BaseModel):
    """How far an objective can train.

    Attributes:
        unit: What training is counted in, in the plural ("updates", "epochs"); empty where there is only the full
            training.
        full: The amount of the full training. Where it is a whole number above 1, all amounts are whole.
        continued: Whether a small training goes on to a larger one, in the same folder, instead of beginning anew.

    Raises:
        InputError: An amount without a unit.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    unit: str = ""
    full: float = Field(default=1.0, gt=0)
    continued: bool = False

    @model_validator(mode="after")
    def _counted(self) -> Fidelities:
        if not self.unit and (self.full != 1 or self.continued):
            raise InputError("a fidelity has no unit; say what training is counted in, such as unit: epochs.")
        return self

    def amount(self, share: float) -> int | float:
        """A share of the full training in the unit: whole where the full amount is, and then at least 1.

        Raises:
            InputError: The share is not above 0 and at most 1, or below 1 where there is only the full training.
        """
        if not 0 < share <= 1:
            raise InputError(f"the fidelity is {share!r}; expected a share above 0 and at most 1.")
        if share < 1 and not self.unit:
            raise InputError(
                f"the fidelity is {share!r}, but this objective has only the full training; declare its fidelities, "
                "or ask for 1."
            )
        if self.full > 1 and self.full.is_integer():
            return max(1, round(share * self.full))
        amount = share * self.full
        return int(amount) if amount.is_integer() else amount

    def nearest(self, share: float) -> float:
        """The share that is really trained where this one is asked for, and that its label tells.

        Raises:
            InputError: As `amount`.
        """
        return self.amount(share) / self.full


@runtime_checkable
class Objective(Protocol):
    """Gives architectures their labels.

    Attributes:
        metrics: The metrics that every label has, the first the one that is meant where none is named.
        fingerprint: Names everything that labels depend on apart from architecture, seed and fidelity.
        fidelities: How far it can train.
    """

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of metrics."""
        ...

    @property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits."""
        ...

    @property
    def fidelities(self) -> Fidelities:
        """Unit and amount of the full training."""
        ...

    def label(self, architecture: Architecture, *, seed: int, fidelity: float, folder: Path) -> Observation:
        """Train an architecture, or look it up, and tell what came out.

        Interrupted or killed, it loses at most what it had not yet written to the folder, and leaves no process.

        Args:
            architecture: What to train.
            seed: Of everything random in it; `provenance["seed"]` of the label.
            fidelity: How far, as a share of the full training; the label tells `fidelities.nearest` of it.
            folder: For this architecture and seed alone (`foretell.objectives.label_folder`). Where fidelities are
                continued, a larger one is asked for in the folder of the smaller.

        Returns:
            The label. What cannot be trained has none: `failed` says why, and there are no metrics.

        Raises:
            InputError: A fidelity that the objective does not have, or something that fails for every architecture.
            ForetellError: A fault of the machine: the disk is full, for example.
        """
        ...
