"""Trained supernets by their folders: `sandwich:FOLDER`, `neuronwise-mos:FOLDER`."""

from __future__ import annotations

from pathlib import Path

from foretell import spaces
from foretell.errors import ForetellError, InputError, IntegrityError
from foretell.predictors.context import Context
from foretell.predictors.supernet import SupernetPredictor
from foretell.spaces import SearchSpace

__all__ = ["from_folder"]

_TOKENS = 2048
"""Tokens of a validation batch, before it is cut to the caches."""


def from_folder(folder: str, context: Context, *, kind: str) -> SupernetPredictor:
    """The supernet of a folder that `foretell supernet train` has named, on the validation examples kept there.

    Args:
        folder: The folder.
        context: Its space, where it has one, must be the supernet's.
        kind: The kind that the supernet must be of (`foretell.training.KINDS`).

    Raises:
        InputError: There is no supernet, or one of another kind or space.
        IntegrityError: A file is damaged.
    """
    from foretell.training import load_supernet, load_tensors, load_validation

    path = Path(folder).expanduser()
    space = context.space or _space(load_tensors(path / "model.safetensors").about.get("space"), path)
    network, about = load_supernet(path, space, kind=kind)
    try:
        batches = load_validation(path, str(about["task"]), _TOKENS)
        smoothing = float(about["recipe"]["label_smoothing"])
    except (LookupError, TypeError, ValueError, RuntimeError) as error:
        if isinstance(error, ForetellError):
            raise
        raise IntegrityError(f"the supernet in {path} lacks a part ({error!r}); train it again.") from error
    return SupernetPredictor(space, network, batches, smoothing=smoothing, name=f"{kind}:{folder}", device="auto")


def _space(name: object, path: Path) -> SearchSpace:
    if name not in spaces.names():
        raise InputError(f"the checkpoint in {path} is of the space {name}; name the YAML file of that space.")
    return spaces.create(str(name))
