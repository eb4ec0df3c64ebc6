"""What Hugging Face folders of every model type have in common: numbers, safetensors, a licence; no code is run."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from foretell.errors import InputError, IntegrityError
from foretell.records import read_object

__all__ = ["check_header", "licence", "positive", "tensors", "weight_files", "whole_number"]

_PICKLES = ("*.bin", "*.pt", "*.pth")


def positive(config: Mapping[str, Any], name: str, otherwise: float, where: Path) -> float:
    """A number above zero; `otherwise` where there is none."""
    value = otherwise if config.get(name) is None else config[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise IntegrityError(f"{where} has {name} {value!r}; expected a number above 0: restore it.")
    return float(value)


def whole_number(config: Mapping[str, Any], name: str, otherwise: int, where: Path) -> int:
    """A positive whole number; `otherwise` where there is none."""
    value = positive(config, name, otherwise, where)
    if value != int(value):
        raise IntegrityError(f"{where} has {name} {value!r}; expected a positive whole number: restore it.")
    return int(value)


def weight_files(folder: Path) -> list[Path]:
    """The safetensors of a folder, in order; their headers are not looked at.

    Raises:
        InputError: There are none, or not all that the index names.
        IntegrityError: The index is damaged.
    """
    index, whole = folder / "model.safetensors.index.json", folder / "model.safetensors"
    if index.exists():
        told = read_object(index, "weight_map")["weight_map"]
        if not isinstance(told, dict) or not all(isinstance(name, str) for name in told.values()):
            raise IntegrityError(f"{index} does not say which file each tensor is in; get the checkpoint again.")
        names = sorted(set(told.values()))
        if any(Path(name).name != name for name in names):
            raise IntegrityError(f"{index} names files outside of its folder; get the checkpoint again.")
        missing = [name for name in names if not (folder / name).exists()]
        if missing:
            raise InputError(
                f"{folder} lacks {len(missing)} of the {len(names)} shards that its index names: "
                f"{', '.join(missing[:4])}; get them too."
            )
        return [folder / name for name in names]
    if whole.exists():
        return [whole]
    pickles = sorted(path.name for pattern in _PICKLES for path in folder.glob(pattern))
    if pickles:
        raise InputError(
            f"{folder} holds its weights as pickles ({pickles[0]}), which can run code and are never read; give a "
            "checkpoint with safetensors."
        )
    raise InputError(f"{folder} holds no model.safetensors; give the whole folder of a checkpoint.")


def check_header(path: Path) -> None:
    """Refuse a file that is not whole, by what it says of its tensors, before it is read.

    Raises:
        IntegrityError: It is cut or altered.
    """
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > 100 << 20:
                raise ValueError("its header is too long")
            header: dict[str, Any] = json.loads(file.read(length))
        if max(each["data_offsets"][1] for name, each in header.items() if name != "__metadata__") + length + 8 > (
            path.stat().st_size
        ):
            raise ValueError("it is cut")
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise IntegrityError(f"{path} is no whole safetensors file ({error}); get it again.") from error


def tensors(files: Iterable[Path], skip: Collection[str] = ()) -> Iterator[tuple[str, Tensor]]:
    """Every tensor by its name, as float32.

    Args:
        files: Of a checkpoint.
        skip: Names of what is no weight.

    Raises:
        InputError: Weights are quantised.
        IntegrityError: A file cannot be read.
    """
    for path in files:
        try:
            with safe_open(path, framework="pt") as file:
                for name in file.keys():  # noqa: SIM118 - not a mapping
                    if name in skip:
                        continue
                    tensor = file.get_tensor(name)
                    if not tensor.is_floating_point() or tensor.element_size() < 2:
                        raise InputError(
                            f"{path} holds {name} as {tensor.dtype}: its weights are quantised; give the checkpoint "
                            "that they were made from, or a GGUF file, which is dequantised."
                        )
                    yield name, tensor.to(torch.float32)
        except (SafetensorError, OSError) as error:
            raise IntegrityError(f"{path} cannot be read ({error}); get it again.") from error


def licence(folder: Path) -> str | None:
    """What the model card's first lines say."""
    card = folder / "README.md"
    if not card.is_file():
        return None
    head = card.read_text(encoding="utf-8", errors="replace")[:4096].split("\n---", 1)[0]
    found = re.search(r"^license:\s*[\"']?([\w.+-]+)", head, re.MULTILINE)
    return found[1] if found else None
