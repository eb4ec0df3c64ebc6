"""Which device to compute on, and in which precision."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from foretell.errors import InputError

__all__ = ["Precision", "choose_device", "fast_precision", "resolve_precision"]


def choose_device(name: str = "auto") -> torch.device:
    """The device of that name; "auto" takes a GPU where there is one, each process under `torchrun` its own.

    Raises:
        InputError: There is no such device on this machine.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda":
        name = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InputError(f"{name!r} is not a device; give auto, cpu, cuda or cuda:N.") from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise InputError(f"the device {name} is not there; this machine has {torch.cuda.device_count()} GPUs.")
    return device


def resolve_precision(name: str, device: str | torch.device = "auto") -> str:
    """What "auto" comes to on a device: bf16 on GPUs that have it, fp32 elsewhere; other names stay.

    Raises:
        InputError: There is no such device on this machine.
    """
    if name != "auto":
        return name
    where = device if isinstance(device, torch.device) else choose_device(device)
    return "bf16" if where.type == "cuda" and torch.cuda.is_bf16_supported() else "fp32"


def fast_precision(device: str | torch.device = "auto") -> str:
    """The precision that large networks run fastest in: bf16 on GPUs and processors that compute in it, else fp32.

    Unlike "auto" it takes bf16 on a CPU that has instructions for it (AVX-512 BF16 or AMX), where matrix products are
    two to three times as fast; results then depend on the processor.

    Raises:
        InputError: There is no such device on this machine.
    """
    where = device if isinstance(device, torch.device) else choose_device(device)
    if where.type != "cpu":
        return resolve_precision("auto", where)
    has = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()  # no public name for it
    return "bf16" if has else "fp32"


class Precision:
    """Automatic mixed precision: fp32 as it is, bf16 by autocast, fp16 by autocast with a loss scale.

    Args:
        name: "auto", "fp32", "bf16" or "fp16".
        device: Where the network is.
    """

    def __init__(self, name: str, device: torch.device) -> None:
        name = resolve_precision(name, device)
        self.device = device
        self.dtype = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}[name]
        # As HAT: fp16 with a dynamic loss scale from 2^7.
        self.scaler = torch.amp.GradScaler(device.type, init_scale=2.0**7) if name == "fp16" else None

    def autocast(self) -> AbstractContextManager[Any]:
        """The context of a forward pass."""
        return nullcontext() if self.dtype is None else torch.autocast(self.device.type, self.dtype)

    def backward(self, loss: Tensor) -> None:
        """Accumulate gradients."""
        (loss if self.scaler is None else self.scaler.scale(loss)).backward()  # type: ignore[no-untyped-call]

    def step(self, optimiser: torch.optim.Optimizer, parameters: Sequence[Tensor], clip_norm: float) -> None:
        """Clip, update and forget the gradients."""
        if self.scaler is not None:
            self.scaler.unscale_(optimiser)
        if clip_norm:
            torch.nn.utils.clip_grad_norm_(parameters, clip_norm)
        if self.scaler is None:
            optimiser.step()
        else:
            self.scaler.step(optimiser)
            self.scaler.update()
        optimiser.zero_grad(set_to_none=True)

    def state(self) -> dict[str, Tensor]:
        """What a resumed run needs to know."""
        if self.scaler is None:
            return {}
        return {name: torch.tensor(float(value)) for name, value in self.scaler.state_dict().items()}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Take over the state of an earlier sitting."""
        if self.scaler is not None and state:
            values: dict[str, Any] = {name: float(tensor) for name, tensor in state.items()}
            values["growth_interval"] = int(values["growth_interval"])
            values["_growth_tracker"] = int(values["_growth_tracker"])
            self.scaler.load_state_dict(values)
