"""Fitted predictors on disk: what they were told, in JSON, and nothing that could run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from foretell import spaces
from foretell.errors import ForetellError, InputError, IntegrityError, UnknownNameError
from foretell.observations import Observation
from foretell.predictors.base import Predictor
from foretell.predictors.columns import Columns
from foretell.predictors.context import Context
from foretell.predictors.few_shot import FewShot
from foretell.predictors.registry import alone, create
from foretell.records import read_json, write_json
from foretell.spaces import SearchSpace

__all__ = ["load", "savable", "save"]

_FORMAT = 1
_PRICE_OF_MONEY = 3  # see `FewShot.price`


def savable(predictor: Predictor, spelling: str | None = None) -> bool:
    """Whether labels alone make the predictor, and `load` can: inside it is no trained network and no language model.

    Args:
        predictor: Fitted or not.
        spelling: The name that `create` understands, where it is not `predictor.name`.
    """
    # Other packages do not tell the registry what their predictors ask; the price does.
    if not isinstance(predictor, FewShot) or predictor.price >= _PRICE_OF_MONEY:
        return False
    # Names need not show all that is inside, as that of `auto` does not.
    inner = getattr(predictor, "inner", [])
    try:
        registered = alone(spelling or predictor.name)
    except UnknownNameError:
        return False
    return registered and all(map(savable, inner if isinstance(inner, list) else [inner]))


def save(predictor: Predictor, path: Path, *, spelling: str | None = None) -> None:
    """Write a few-shot predictor: its spelling, its labels and the columns it may look up.

    Fitting ten labels takes less than reading a file of coefficients would, so the labels themselves are
    kept: `load` fits again and gets the same numbers.

    Args:
        predictor: Fitted.
        path: Where to.
        spelling: The name that `create` understands, where it is not `predictor.name` (options that the
            name does not show).

    Raises:
        InputError: A predictor with a network or a language model inside, which has its own files.
    """
    if not isinstance(predictor, FewShot) or not savable(predictor, spelling):
        raise InputError(f"{predictor.name} is not fitted on labels alone; it keeps its own files.")
    observations = predictor.save_state()
    write_json(
        path,
        {
            "format": _FORMAT,
            "predictor": spelling or predictor.name,
            "space": predictor.space.name,
            "fingerprint": predictor.space.fingerprint,
            "metric": predictor.metric,
            "seed": predictor.context.seed,
            "vocabulary": predictor.context.vocabulary,
            "observations": [item.to_dict() for item in observations],
            "columns": {
                kind: _plain(getattr(predictor.columns, kind), predictor.space)
                for kind in ("scores", "costs", "own_unit")
            },
        },
    )


def load(path: Path, *, space: SearchSpace | None = None, context: Context | None = None) -> Predictor:
    """Read what `save` wrote and fit it again.

    Args:
        path: The file.
        space: The space, where its name is not one of foretell's own.
        context: For what a file cannot hold, such as a latency model.

    Raises:
        IntegrityError: The file is damaged, of another version, or of a space that has changed since.
    """
    data = read_json(path)
    if not isinstance(data, dict) or data.get("format") != _FORMAT:
        raise IntegrityError(f"{path} is no predictor of format {_FORMAT}; fit and save it again.")
    try:
        return _restored(data, path, space, context or Context())
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        if isinstance(error, ForetellError):
            raise
        raise IntegrityError(f"{path} is no whole predictor ({error!r}); fit and save it again.") from error


def _restored(data: dict[str, Any], path: Path, space: SearchSpace | None, context: Context) -> Predictor:
    space = space or spaces.named(data["space"])
    if space.fingerprint != data["fingerprint"]:
        raise IntegrityError(f"{path} was fitted on another version of the space {space.name}; fit it again.")
    context = replace(
        context,
        space=space,
        metric=str(data["metric"]),
        seed=int(data["seed"]),
        vocabulary=data["vocabulary"],
        columns=Columns(**{kind: _keyed(values, space) for kind, values in data["columns"].items()}),
    )
    name = str(data["predictor"])
    # `save` writes no other. A stranger's file must not name a language model, which would be sent the user's key,
    # nor a folder, which would be read.
    predictor = create(name, context=context) if alone(name) else None
    if predictor is None or not savable(predictor, name):
        raise IntegrityError(f"{path} names the predictor {name}, which no file keeps; fit it here.")
    return predictor.fit([Observation.from_dict(space, item) for item in data["observations"]])


def _plain(columns: Any, space: SearchSpace) -> dict[str, list[list[Any]]]:
    return {
        name: [[space.spelled(np.frombuffer(key, dtype=np.int16)[None])[0], value] for key, value in values.items()]
        for name, values in columns.items()
    }


def _keyed(columns: dict[str, list[list[Any]]], space: SearchSpace) -> dict[str, dict[bytes, float]]:
    return {
        name: {space.read([row]).tobytes(): float(value) for row, value in values} for name, values in columns.items()
    }
