"""What a study says of where its jobs run."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from foretell.errors import InputError, known_name
from foretell.objectives.settings import seconds

__all__ = ["EXECUTORS", "ExecutorSettings", "Resources"]

EXECUTORS = ("processes", "ray", "slurm")
_ONLY = {
    "address": ("ray",),
    "supernet_processes": ("ray",),
    "partition": ("slurm",),
    "account": ("slurm",),
    "time_limit": ("slurm",),
    "setup": ("slurm",),
    "options": ("slurm",),
    "cluster": ("slurm",),
    "retries": ("ray", "slurm"),
}
"""Whom a setting means something to, where that is not everybody."""
_BYTES = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


class Resources(BaseModel):
    """What one job gets.

    Attributes:
        cpu: Cores, and threads that it computes with: labels are the same bit for bit under the same number.
        gpu: Devices; a half is half a device. On processes and Ray.
        memory: Bytes, or a number with KB, MB, GB, TB (in powers of 1024, as Slurm counts); None: not asked for.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    cpu: int = Field(default=1, ge=1)
    gpu: float = Field(default=0, ge=0)
    memory: int | None = Field(default=None, ge=1)

    @field_validator("memory", mode="before")
    @classmethod
    def _bytes(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)B?", value.strip().upper())
        if found is None:
            raise InputError(f"{value!r} is no amount of memory; expected a number with MB or GB, such as 8GB.")
        return int(float(found[1]) * _BYTES[found[2]])

    @field_validator("gpu")
    @classmethod
    def _whole_or_part(cls, value: float) -> float:
        if value > 1 and not value.is_integer():
            raise InputError(f"a job cannot have {value:g} GPUs; expected a whole number, or a part below 1.")
        return value

    def __str__(self) -> str:
        told = {"cpu": self.cpu, "gpu": f"{self.gpu:g}" if self.gpu else None, "memory": self.memory}
        return ", ".join(f"{name}: {value}" for name, value in told.items() if value is not None)


class ExecutorSettings(BaseModel):
    """Where trainings run. A word alone (`executor: ray`) is the name.

    Attributes:
        name: "processes" of this machine, "ray" or "slurm".
        slots: Jobs at the same time; None: as many as there are resources for, on Slurm 16.
        resources: Of one job.
        retries: So many times a job is begun again that was lost with its machine and had got no further.
        address: Of a Ray cluster's head, "HOST:PORT"; empty: `RAY_ADDRESS`, a cluster on this machine, or one that is
            started here for as long as the command runs; "local" is the last.
        supernet_processes: So many train a supernet together on Ray, each on the resources of a job.
        partition: Of Slurm.
        account: Of Slurm.
        time_limit: Of a Slurm job: seconds, or "4h". A training that needs longer goes on in another.
        setup: Lines of shell before a Slurm job ("module load cuda").
        options: Of `sbatch`, by its long names: `{qos: high}`.
        cluster: "local": submitit's stand-in for Slurm on this machine, to try a study out.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: str = "processes"
    slots: int | None = Field(default=None, ge=1)
    resources: Resources = Resources()
    retries: int = Field(default=3, ge=0)
    address: str = ""
    supernet_processes: int = Field(default=1, ge=1)
    partition: str = ""
    account: str = ""
    time_limit: float = 86400.0
    setup: tuple[str, ...] = ()
    options: dict[str, str | int] = Field(default_factory=dict)
    cluster: Literal["slurm", "local"] = "slurm"

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        return known_name("executor", name, EXECUTORS)

    @model_validator(mode="after")
    def _meant(self) -> ExecutorSettings:
        for key, names in _ONLY.items():
            usual = type(self).model_fields[key].get_default(call_default_factory=True)
            if self.name not in names and getattr(self, key) != usual:
                raise InputError(f"{key} means nothing to the executor {self.name}; leave it out.")
        return self

    @field_validator("time_limit", mode="before")
    @classmethod
    def _time(cls, value: Any) -> Any:
        return seconds(value)

    def named(self, name: str | None) -> ExecutorSettings:
        """These settings for another executor, as far as they mean something to it; None: these.

        Raises:
            UnknownNameError: There is no such executor.
        """
        chosen = self.name if name is None else known_name("executor", name, EXECUTORS)
        if chosen == self.name:
            return self
        return ExecutorSettings.model_validate({"name": chosen, "slots": self.slots, "resources": self.resources})
