"""The spaces that come with foretell, and those that a user writes in YAML."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path

from foretell.errors import UnknownNameError, known_name
from foretell.spaces.space import SearchSpace
from foretell.spaces.written import load_space

__all__ = ["create", "named", "names"]

_HAT = "foretell.published.hat:"
_SPACES: Mapping[str, str] = {
    "small-seq2seq": "foretell.families.encoder_decoder.spaces:small_seq2seq",
    "small-lm": "foretell.families.decoder.spaces:small_lm",
    "lm-124m": "foretell.families.decoder.spaces:lm_124m",
    "lm-350m": "foretell.families.decoder.spaces:lm_350m",
    "small-encoder": "foretell.families.encoder.spaces:small_encoder",
    "minilm-encoder": "foretell.families.encoder.spaces:minilm_encoder",
    "hat-wmt14-en-de": f"{_HAT}wmt14_en_de",
    "hat-wmt14-en-fr": f"{_HAT}wmt14_en_fr",
    "hat-wmt19-en-de": f"{_HAT}wmt19_en_de",
    "hat-iwslt14-de-en": f"{_HAT}iwslt14_de_en",
}
"""Name to a function without arguments, in the room that knows the space; imported when first asked for."""


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
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        return load_space(path)
    known = known_name("search space", name, _SPACES)
    if known != name:
        return create(known)
    module, _, attribute = _SPACES[name].partition(":")
    made: Callable[[], SearchSpace] = getattr(import_module(module), attribute)
    return made()


def named(name: object) -> SearchSpace:
    """The space of that name that comes with foretell: what a data file may name, without opening another file.

    Raises:
        UnknownNameError: There is none; the message names the nearest.
    """
    if name not in names():
        raise UnknownNameError("search space", name, _SPACES)
    return create(str(name))
