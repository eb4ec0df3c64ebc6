"""The spaces that come with foretell, and those that a user writes in YAML."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

from foretell.errors import InputError, UnknownNameError
from foretell.parsing import read_yaml
from foretell.spaces.space import SearchSpace
from foretell.spaces.transformer import FAMILY, Backbone, transformer_genes

__all__ = ["create", "load_space", "named", "names"]

# A population has a column for each gene of each layer, and costs are 64-bit integers.
_MOST_LAYERS = 256
_LARGEST = 2**24

# REFERENCE 6.3: the published divisors of HAT's latency predictor, the same for all four tasks.
_LATENCY_NORM = (640.0, 6.0, 2048.0, 6.0, 640.0, 6.0, 2048.0, 6.0, 6.0, 2.0)


def _hat(ffn: tuple[int, ...], heads: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    """HAT's choice lists (REFERENCE 1.1)."""
    return {
        "encoder-embed-dim": (640, 512),
        "encoder-layer-num": (6,),
        "encoder-ffn-embed-dim-all": ffn,
        "encoder-self-attention-heads-all": heads,
        "decoder-embed-dim": (640, 512),
        "decoder-layer-num": (6, 5, 4, 3, 2, 1),
        "decoder-ffn-embed-dim-all": ffn,
        "decoder-self-attention-heads-all": heads,
        "decoder-ende-attention-heads-all": heads,
        "decoder-arbitrary-ende-attn-all": (-1, 1, 2),
    }


def _hat_wmt(name: str, task: str, vocabulary: int) -> SearchSpace:
    genes = transformer_genes(_hat((3072, 2048, 1024), (8, 4)), 512)
    backbone = Backbone(512, "post", "shared", sentence_length=30, vocabulary=vocabulary)
    return SearchSpace(name, genes, backbone, f"HAT's space for {task}", _LATENCY_NORM)


def _hat_iwslt() -> SearchSpace:
    genes = transformer_genes(_hat((2048, 1024, 512), (4, 2)), 512)
    # The dictionaries of IWSLT'14 are separate and their sizes unpublished (REFERENCE 1.5); 10 k is the
    # size of the joint byte-pair encoding that they come from.
    backbone = Backbone(512, "post", "separate", sentence_length=23, vocabulary=10000)
    return SearchSpace("hat-iwslt14-de-en", genes, backbone, "HAT's space for IWSLT'14 De-En", _LATENCY_NORM)


_SMALL: dict[str, tuple[int, ...]] = {
    "encoder-embed-dim": (96, 64, 32),
    "encoder-layer-num": (4, 3, 2, 1),
    "encoder-ffn-embed-dim-all": (256, 128, 64),
    "encoder-self-attention-heads-all": (4, 2),
    "decoder-embed-dim": (96, 64, 32),
    "decoder-layer-num": (4, 3, 2, 1),
    "decoder-ffn-embed-dim-all": (256, 128, 64),
    "decoder-self-attention-heads-all": (4, 2),
    "decoder-ende-attention-heads-all": (4, 2),
    "decoder-arbitrary-ende-attn-all": (-1, 1, 2),
}


def _small_seq2seq() -> SearchSpace:
    backbone = Backbone(64, "pre", "shared", sentence_length=10, vocabulary=2000)
    description = "HAT's genes at a size that two CPU cores train in minutes"
    return SearchSpace("small-seq2seq", transformer_genes(_SMALL, backbone.qkv_dim), backbone, description)


_SPACES: dict[str, Callable[[], SearchSpace]] = {
    "small-seq2seq": _small_seq2seq,
    "hat-wmt14-en-de": lambda: _hat_wmt("hat-wmt14-en-de", "WMT'14 En-De", 32768),
    "hat-wmt14-en-fr": lambda: _hat_wmt("hat-wmt14-en-fr", "WMT'14 En-Fr", 44512),
    "hat-wmt19-en-de": lambda: _hat_wmt("hat-wmt19-en-de", "WMT'19 En-De", 49600),
    "hat-iwslt14-de-en": _hat_iwslt,
}


def names() -> list[str]:
    """The names that `create` knows."""
    return list(_SPACES)


@cache
def create(name: str) -> SearchSpace:
    """The space of that name, or the one described by the YAML file of that path.

    Raises:
        UnknownNameError: Neither a known space nor an existing file; the message names the nearest.
        InputError: The file does not describe a space.
    """
    if name in _SPACES:
        return _SPACES[name]()
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        return load_space(path)
    raise UnknownNameError("search space", name, _SPACES)


def named(name: object) -> SearchSpace:
    """The space of that name that comes with foretell: what a data file may name, without opening another file.

    Raises:
        UnknownNameError: There is none; the message names the nearest.
    """
    if name not in names():
        raise UnknownNameError("search space", name, _SPACES)
    return create(str(name))


def load_space(path: Path) -> SearchSpace:
    """Read a user's space: keys `name`, `like` (a known space), `description`, `backbone`, `genes`.

    Genes and backbone values that are not given are those of `like`.

    Raises:
        InputError: No such file, not YAML, or a value that makes no sense; one sentence says which.
        UnknownNameError: An unknown key, gene or space.
    """
    data = read_yaml(path, "the space")
    if not isinstance(data, dict):
        raise InputError(f"{path} holds {type(data).__name__}; expected the keys name, like, backbone and genes.")
    _check_keys(data, ("name", "like", "description", "backbone", "genes"), "key", path)
    if "like" in data:
        # Known spaces only: a file that is like a file could be like itself.
        _check_keys([data["like"]], tuple(_SPACES), "search space", path)
    base = create(data["like"]) if "like" in data else None
    given_backbone = _mapping(data, "backbone", path)
    given_genes = _mapping(data, "genes", path)
    _check_keys(given_backbone, Backbone.__dataclass_fields__, "backbone key", path)
    _check_keys(given_genes, FAMILY, "gene", path)
    backbone = _backbone({**(vars(base.backbone) if base else {}), **given_backbone}, path)
    choices = {gene.name: gene.choices for gene in base.genes} if base else {}
    choices |= {name: _choices(name, values, path) for name, values in given_genes.items()}
    genes = transformer_genes(choices, backbone.qkv_dim)
    return SearchSpace(str(data.get("name", path.stem)), genes, backbone, str(data.get("description", "")))


def _check_keys(given: Iterable[Any], known: Any, kind: str, path: Path) -> None:
    for key in given:
        if key not in known:
            raise UnknownNameError(kind, key, known, str(path))


def _mapping(data: dict[str, Any], key: str, path: Path) -> dict[str, Any]:
    value = data.get(key) or {}
    if not isinstance(value, dict):
        raise InputError(f"{path}: {key} is {type(value).__name__}; expected names and values.")
    return value


def _choices(name: str, values: Any, path: Path) -> tuple[int, ...]:
    items = values if isinstance(values, list) else [values]
    if not items or not all(isinstance(item, int) and not isinstance(item, bool) for item in items):
        raise InputError(f"{path}: gene {name} is {values!r}; expected a list of integers such as [4, 2].")
    if name.endswith("layer-num") and max(items) > _MOST_LAYERS:
        raise InputError(f"{path}: gene {name} has {max(items)} layers; expected at most {_MOST_LAYERS}.")
    return tuple(items)


def _backbone(values: dict[str, Any], path: Path) -> Backbone:
    if "qkv_dim" not in values:
        raise InputError(f"{path}: the backbone has no qkv_dim; give one, or a space to be like.")
    for key in ("qkv_dim", "sentence_length", "vocabulary"):
        value = values.get(key, 1)
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= _LARGEST:
            raise InputError(f"{path}: backbone {key} is {value!r}; expected a positive integer up to {_LARGEST:,}.")
    for key, allowed in (("norm", ("pre", "post")), ("embeddings", ("shared", "separate"))):
        if key in values and values[key] not in allowed:
            raise InputError(f"{path}: backbone {key} is {values[key]!r}; expected {' or '.join(allowed)}.")
    return Backbone(**values)
