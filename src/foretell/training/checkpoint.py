"""Networks and whole training states on disk: safetensors, replaced atomically, keyed by what they depend on."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from foretell.errors import ForetellError, InputError, IntegrityError
from foretell.families.base import Network, restore
from foretell.parsing import parse_json
from foretell.records import write_atomic

__all__ = [
    "Checkpoint",
    "DamagedCheckpointWarning",
    "load_intact",
    "load_network",
    "load_own",
    "load_tensors",
    "save_network",
    "save_tensors",
    "weights_digest",
]

FORMAT_VERSION = "1"
_HEADER = {"format", "sha256", "about", "about_sha256"}


class DamagedCheckpointWarning(UserWarning):
    """A checkpoint does not match its checksum; what it held is computed again from an earlier one."""


@dataclass(frozen=True)
class Checkpoint:
    """Named tensors and what is known about them."""

    tensors: dict[str, Tensor]
    about: dict[str, Any]

    def part(self, prefix: str) -> dict[str, Tensor]:
        """The tensors under a prefix, without it."""
        return {name.removeprefix(prefix): t for name, t in self.tensors.items() if name.startswith(prefix)}


def _digest(tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _text_digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def save_tensors(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """Write tensors and a JSON-able description, atomically, with a checksum; the same ones give the same bytes.

    Raises:
        StorageError: The disk is full, read-only or not permitted.
    """
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps(about)
    header = {"format": FORMAT_VERSION, "sha256": _digest(plain), "about": text, "about_sha256": _text_digest(text)}
    write_atomic(path, _in_order(save(plain, metadata=header)))


def _in_order(data: bytes) -> bytes:
    """A safetensors file with sorted metadata, whose order is random otherwise."""
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at a multiple of eight bytes
    return len(text).to_bytes(8, "little") + text + data[end:]


def load_tensors(path: Path) -> Checkpoint:
    """Read what `save_tensors` wrote.

    Raises:
        InputError: There is no such file.
        IntegrityError: The file is cut, altered, or of another format version.
    """
    if not path.exists():
        raise InputError(f"the checkpoint {path} does not exist; train it first or check the path.")
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError, ValueError) as error:
        raise IntegrityError(f"the checkpoint {path} cannot be read ({error}); delete it and train again.") from error
    _check_format(header, path)
    try:
        about = parse_json(header["about"])
        told = _text_digest(header["about"])
        # Older files have no checksum of their description.
        described = header.get("about_sha256", told) == told and set(header) <= _HEADER
        matches = header.get("sha256") == _digest(tensors) and described and isinstance(about, dict)
    except (KeyError, ValueError, RuntimeError, TypeError):  # no JSON, or tensors of a kind that has no bytes
        matches = False
    if not matches:
        raise IntegrityError(f"the checkpoint {path} does not match its checksum; delete it and train again.")
    return Checkpoint(tensors, about)


def _check_format(header: Mapping[str, str], path: Path) -> None:
    if header.get("format") != FORMAT_VERSION:
        raise IntegrityError(
            f"{path} has the format version {header.get('format')}, expected {FORMAT_VERSION}; "
            "it was not written by this version of foretell."
        )


def weights_digest(path: Path) -> str:
    """The hash of a checkpoint's tensors, as written in it: equal weights, equal hashes, whatever the file's bytes.

    Args:
        path: A `model.safetensors`, or the folder that holds one.

    Raises:
        InputError: There is no such file.
        IntegrityError: The file is cut or altered, or not of this version of foretell.
    """
    path = path / "model.safetensors" if path.is_dir() else path
    if not path.is_file():
        raise InputError(f"the checkpoint {path} does not exist; give the folder that `foretell supernet train` names.")
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
    except (SafetensorError, OSError, ValueError) as error:
        raise IntegrityError(f"the checkpoint {path} cannot be read ({error}); delete it and train again.") from error
    _check_format(header, path)
    if "sha256" not in header:
        raise IntegrityError(f"the checkpoint {path} has no checksum; delete it and train again.")
    return header["sha256"]


def load_intact(path: Path) -> Checkpoint | None:
    """Read what `save_tensors` wrote; None where there is nothing, or nothing that can be trusted.

    Warns:
        DamagedCheckpointWarning: The file is cut or altered.
    """
    if not path.exists():
        return None
    try:
        return load_tensors(path)
    except IntegrityError as error:
        warnings.warn(f"{error} It is not used.", DamagedCheckpointWarning, stacklevel=2)
        return None


def load_own(path: Path, *keys: str) -> Checkpoint | None:
    """As `load_intact`, but also None where another training run, one of none of these keys, has left the file.

    Warns:
        DamagedCheckpointWarning: The file is cut or altered.
    """
    found = load_intact(path)
    return found if found is not None and found.about.get("key") in keys else None


def save_network(path: Path, network: Network, about: Mapping[str, Any]) -> None:
    """Write a network with its family and configuration, so that `load_network` needs nothing else."""
    save_tensors(path, network.state_dict(), {**about, "family": network.family, "network": network.config()})


def load_network(path: Path) -> tuple[Network, dict[str, Any]]:
    """A network in evaluation mode on the CPU, and what was written beside it.

    Raises:
        InputError: There is no such file, or it holds no network.
        IntegrityError: The file is damaged.
    """
    checkpoint = load_tensors(path)
    if "network" not in checkpoint.about:
        raise InputError(f"{path} holds no network; give a model.safetensors that foretell has written.")
    family, config = checkpoint.about.get("family"), checkpoint.about["network"]
    try:
        # First without memory: the description may be of another, much larger network than the tensors.
        with torch.device("meta"):
            described = restore(family, config).state_dict()
        if {name: t.shape for name, t in described.items()} != {
            name: t.shape for name, t in checkpoint.tensors.items()
        }:
            raise ValueError("its tensors are of another network than it says")
        network = restore(family, config)
        network.load_state_dict(checkpoint.tensors)
    except (RuntimeError, TypeError, ValueError, AttributeError, LookupError, ArithmeticError) as error:
        if isinstance(error, ForetellError):
            raise
        raise IntegrityError(f"the checkpoint {path} holds no network ({error}); delete it and train again.") from error
    return network.eval(), checkpoint.about
