"""Spaces as people write them, in YAML or as a Python dictionary."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from foretell.errors import InputError, UnknownNameError
from foretell.parsing import read_yaml
from foretell.spaces.family import family, family_names
from foretell.spaces.gene import Gene, Scalar
from foretell.spaces.space import SearchSpace

__all__ = ["from_dict", "genes_from", "load_space", "written"]

_KEYS = ("name", "like", "family", "description", "constants", "backbone", "genes", "costs")
_GENE_KEYS = ("choices", "depth", "description")
_MOST_GENES = 1000


def load_space(path: Path) -> SearchSpace:
    """Read a user's space from a YAML file; see `from_dict`.

    Raises:
        InputError: No such file, not YAML, or a value that makes no sense; one sentence says which.
        UnknownNameError: An unknown key, gene or space.
    """
    return from_dict(read_yaml(path, "the space"), str(path), default_name=path.stem)


def from_dict(data: Any, where: str, *, default_name: str = "mine") -> SearchSpace:
    """The space that a mapping describes.

    Args:
        data: Keys `genes` (names to lists of choices, or to mappings with `choices`, `depth`, `description`),
            `costs` (names to arithmetic expressions), `name`, `description`. A space of a family has `family`, or
            `like` (a space that comes with foretell, whose genes and constants stand where none are given), and
            `constants`.
        where: What is read, for messages.
        default_name: The space's name where none is given.

    Raises:
        InputError: A value that makes no sense; one sentence says which.
        UnknownNameError: An unknown key, gene, family or space.
    """
    if not isinstance(data, Mapping):
        raise InputError(f"{where} holds {type(data).__name__}; expected keys such as name and genes.")
    _check_keys(data, _KEYS, "key", where)
    name, description = str(data.get("name", default_name)), str(data.get("description", ""))
    if "backbone" in data and "like" not in data:
        # Files of the first version name no family: there was one.
        data = {"family": "encoder_decoder", **data}
    if "like" not in data and "family" not in data:
        if "constants" in data:
            raise InputError(f"{where} has constants but no family; name one ({', '.join(family_names())}).")
        genes = genes_from(_mapping(data, "genes", where), where)
        return SearchSpace(genes, name, description, costs=_mapping(data, "costs", where))
    return _of_family(data, where, name, description)


def _of_family(data: Mapping[str, Any], where: str, name: str, description: str) -> SearchSpace:
    from foretell.spaces.registry import create, names

    base = None
    if "like" in data:
        # Known spaces only: a file that is like a file could be like itself.
        _check_keys([data["like"]], tuple(names()), "search space", where)
        base = create(data["like"])
    family_name = str(data.get("family", base.family_name if base else ""))
    _check_keys([family_name], family_names(), "family", where)
    chosen = family(family_name)
    given = {**_mapping(data, "backbone", where), **_mapping(data, "constants", where)}
    known = chosen.described(base.constants) if base is not None else {}
    constants = chosen.constants({**_flat(known), **given}, where)
    choices: dict[str, Sequence[Scalar]] = {gene.name: gene.choices for gene in base.genes} if base else {}
    choices |= {key: _choices(key, values, where) for key, values in _mapping(data, "genes", where).items()}
    if data.get("costs"):
        raise InputError(f"{where} has a family, which counts its costs itself; leave out costs.")
    genes = chosen.genes(choices, constants)
    return SearchSpace(genes, name, description, family=family_name, constants=constants)


def _flat(described: Mapping[str, Any]) -> dict[str, Any]:
    """The constants without the heading that a fingerprint has them under."""
    return {key: value for part in described.values() for key, value in dict(part).items()}


def genes_from(data: Mapping[str, Any], where: str) -> list[Gene]:
    """The genes of a space without a family.

    Raises:
        InputError: None, too many, or one that makes no sense.
        UnknownNameError: An unknown key of a gene.
    """
    if not data:
        raise InputError(f"{where} has no genes; list them with their choices, as in genes: {{layers: [2, 4]}}.")
    if len(data) > _MOST_GENES:
        raise InputError(f"{where} has {len(data):,} genes; expected at most {_MOST_GENES:,}.")
    found = []
    for name, values in data.items():
        if isinstance(values, Mapping):
            _check_keys(values, _GENE_KEYS, f"key of the gene {name}", where)
            depth = values.get("depth")
            about = str(values.get("description", ""))
            choices = _choices(name, values.get("choices"), where)
            found.append(Gene(str(name), tuple(choices), about, None if depth is None else str(depth)))
        else:
            found.append(Gene(str(name), tuple(_choices(name, values, where))))
    return found


def written(space: SearchSpace) -> dict[str, Any]:
    """What `from_dict` reads, as JSON values."""
    data: dict[str, Any] = {"name": space.name}
    if space.description:
        data["description"] = space.description
    if space.family is not None:
        data |= {"family": space.family_name, "constants": _flat(space.family.described(space.constants))}
        return data | {"genes": {gene.name: list(gene.choices) for gene in space.genes}}
    data["genes"] = {gene.name: _gene(gene) for gene in space.genes}
    costs = {name: expression.text for name, expression in space.expressions.items()}
    return data | ({"costs": costs} if costs else {})


def _gene(gene: Gene) -> Any:
    about = {"description": gene.description, "depth": gene.depth}
    more = {key: value for key, value in about.items() if value}
    return {"choices": list(gene.choices), **more} if more else list(gene.choices)


def _check_keys(given: Iterable[Any], known: Iterable[str], kind: str, where: str) -> None:
    known = list(known)
    for key in given:
        if key not in known:
            raise UnknownNameError(kind, str(key), known, where)


def _mapping(data: Mapping[str, Any], key: str, where: str) -> dict[str, Any]:
    value = data.get(key) or {}
    if not isinstance(value, Mapping):
        raise InputError(f"{where}: {key} is {type(value).__name__}; expected names and values.")
    return dict(value)


def _choices(name: object, values: Any, where: str) -> list[Scalar]:
    items = list(values) if isinstance(values, (list, tuple)) else [values]
    if not items or not all(isinstance(item, Scalar) for item in items):
        raise InputError(f"{where}: gene {name} is {values!r}; expected a list of numbers or words such as [4, 2].")
    return items
