"""What a language tag means: "zh_CN", "zho_Hans" and "cmn" are one language in one script."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from foretell.errors import InputError

if TYPE_CHECKING:
    from langcodes import Language

__all__ = ["check_language", "same_language", "tokenizer_of", "tokenizer_was_changed"]

# sacreBLEU's own tokenizer for Chinese; characters for the other scripts without spaces and for Korean, because the
# morphological ones that sacreBLEU recommends for Japanese and Korean need packages that are not dependencies, and
# a score must not depend on what happens to be installed.
_CHINESE = frozenset({"Hani", "Hans", "Hant", "Hanb", "Bopo"})
_BY_CHARACTER = frozenset(
    {"Jpan", "Hira", "Kana", "Hrkt", "Kore", "Hang", "Thai", "Laoo", "Khmr", "Mymr", "Tibt"}
    | {"Lana", "Tale", "Talu", "Tavt", "Java", "Bali", "Yiii"}
)
# A locale's name, as in LANG: the language, its encoding, and what else is special, such as the script.
_LOCALE = re.compile(r"(?P<tag>[A-Za-z0-9_-]{1,100})(?:\.[A-Za-z0-9_-]+)?(?:@(?P<special>[A-Za-z0-9=;_-]+))?")
_REGION = 5  # of CLDR's distances between languages: the same one elsewhere
_SCRIPTS = {"latin": "Latn", "iqtelif": "Latn", "cyrillic": "Cyrl", "devanagari": "Deva", "arabic": "Arab"}
# What the first version of the house did, by the letters before the first hyphen; all else had 13a.
_BEFORE = {"zh": "zh", "ja": "char", "th": "char", "lo": "char"}


def check_language(tag: str) -> str:
    """The tag itself, if it names a language; of a locale's name ("pt_BR.UTF-8", "sr_RS@latin") its tag.

    Args:
        tag: BCP 47 or ISO 639 of two or three letters, in any case, with hyphens or underscores, with or without
            script and region. Tags for private use ("x-formal", "qaa") name whatever their user likes.

    Raises:
        InputError: No such language is known.
    """
    _language(tag)
    return _tag_of(tag)


def same_language(tag: str, known: Sequence[str]) -> str | None:
    """Which of some tags is the language that `tag` names ("pt-BR" is "pt_BR", "de" is "de_AT"); None where none is.

    Raises:
        InputError: `tag` names no language.
    """
    import langcodes

    found, distance = langcodes.closest_match(_language(tag).to_tag(), list(known), max_distance=_REGION)
    return found if distance <= _REGION else None


def tokenizer_of(tag: str) -> str:
    """The tokenizer of sacreBLEU's BLEU for a language, by the script it is written in; "13a" where none is named.

    Raises:
        InputError: No such language is known.
    """
    if not tag:
        return "13a"
    script = _language(tag).maximize().script
    if script in _CHINESE:
        return "zh"
    return "char" if script in _BY_CHARACTER else "13a"


def tokenizer_was_changed(tag: str) -> bool:
    """Whether BLEU of this spelling of a language was another score in the first version."""
    return tokenizer_of(tag) != _BEFORE.get(tag.lower().split("-")[0], "13a")


def _tag_of(name: str) -> str:
    """The tag of a locale's name: without its encoding, with the script that it names; empty where it has none."""
    match = _LOCALE.fullmatch(name.strip())
    if match is None:
        return ""
    script = _SCRIPTS.get((match["special"] or "").lower())
    return re.sub("^[^_-]+", rf"\g<0>_{script}", match["tag"]) if script else match["tag"]


@lru_cache(maxsize=256)
def _language(tag: str) -> Language:
    import langcodes

    try:
        found = langcodes.Language.get(_tag_of(tag), normalize=True)
    except ValueError:  # a LanguageTagError is one
        found = None
    private = found is not None and (found.private is not None or tag.lower().startswith("x-"))
    if found is None or not (private or found.is_valid()):
        raise InputError(
            f"unknown language {tag!r}, expected a BCP 47 tag or an ISO 639 code such as de, zho or pt-BR; correct "
            "it, or name a language of your own x-NAME."
        )
    return found
