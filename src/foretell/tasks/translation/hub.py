"""Translation data sets of the Hugging Face hub, with the splits they are published with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foretell.errors import InputError
from foretell.tasks.cleaning import GroupedPair
from foretell.tasks.translation.raw import RawCorpus

__all__ = ["load_data_set", "read_hub"]

_SPLITS = ("train", "validation", "test")


def read_hub(dataset: str, subset: str | None, source: str, target: str) -> RawCorpus:
    """Download a data set whose rows have a `translation` (language to text), such as wmt14.

    Raises:
        InputError: The extra is not installed, the data set cannot be loaded, a split is missing, or its rows
            do not hold the two languages.
    """
    name, loaded = load_data_set(dataset, subset)
    missing = [split for split in _SPLITS if split not in loaded]
    if missing:
        raise InputError(f"the data set {name} has no split {missing[0]!r}; it has {', '.join(loaded)}.")
    train, valid, test = (_pairs(loaded[split], source, target, name) for split in _SPLITS)
    info = loaded["train"].info
    provenance = {
        "name": f"hub:{name}",
        "version": str(info.version) if info.version else None,
        "sha256": None,
        "licence": info.license or None,
        "attribution": info.citation or None,
    }
    return RawCorpus(train, provenance, valid=valid, test=test)


def load_data_set(dataset: str, subset: str | None) -> tuple[str, Mapping[str, Any]]:
    """What a data set is called, and its rows by split.

    Raises:
        InputError: The extra is not installed, or the data set cannot be loaded.
    """
    try:
        import datasets
    except ImportError as error:
        raise InputError(
            "corpora of the hub need the `datasets` package, which is not installed; run `pip install 'foretell[hub]'`."
        ) from error
    name = f"{dataset}/{subset}" if subset else dataset
    try:
        loaded = datasets.load_dataset(dataset, subset)
    except Exception as error:  # the library raises dozens of kinds, of several packages
        reason = str(error).strip().split("\n")[0]
        raise InputError(
            f"the data set {name} could not be loaded ({reason}); check its name, subset and the network."
        ) from error
    return name, loaded


def _pairs(rows: Any, source: str, target: str, name: str) -> list[GroupedPair]:
    pairs = []
    for number, row in enumerate(rows):
        texts = row.get("translation")
        if not isinstance(texts, Mapping) or source not in texts or target not in texts:
            found = ", ".join(texts) if isinstance(texts, Mapping) else f"the columns {', '.join(row)}"
            raise InputError(
                f"row {number} of the data set {name} holds {found}, expected a `translation` with "
                f"{source!r} and {target!r}; choose another subset."
            )
        pairs.append(GroupedPair(str(number), texts[source], texts[target]))
    return pairs
