"""What a language tag means: "zh_CN", "zho_Hans" and "cmn" are one language in one script."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from foretell.errors import InputError

if TYPE_CHECKING:
    from langcodes import Language

__all__ = ["check_language", "tokenizer_of", "tokenizer_was_changed"]

# sacreBLEU's own tokenizer for Chinese; characters for the other scripts without spaces and for Korean, because the
# morphological ones that sacreBLEU recommends for Japanese and Korean need packages that are not dependencies, and
# a score must not depend on what happens to be installed.
_CHINESE = frozenset({"Hani", "Hans", "Hant", "Hanb", "Bopo"})
_BY_CHARACTER = frozenset(
    {"Jpan", "Hira", "Kana", "Hrkt", "Kore", "Hang", "Thai", "Laoo", "Khmr", "Mymr", "Tibt"}
    | {"Lana", "Tale", "Talu", "Tavt", "Java", "Bali", "Yiii"}
)
# What the first version of the house did, by the letters before the first hyphen; all else had 13a.
_BEFORE = {"zh": "zh", "ja": "char", "th": "char", "lo": "char"}


def check_language(tag: str) -> str:
    """The tag itself, if it names a language.

    Args:
        tag: BCP 47 or ISO 639 of two or three letters, in any case, with hyphens or underscores, with or without
            script and region. Tags for private use ("x-formal", "qaa") name whatever their user likes.

    Raises:
        InputError: No such language is known.
    """
    _language(tag)
    return tag


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


@lru_cache(maxsize=256)
def _language(tag: str) -> Language:
    import langcodes

    try:
        found = langcodes.Language.get(tag.strip(), normalize=True)
    except ValueError:  # a LanguageTagError is one
        found = None
    private = found is not None and (found.private is not None or tag.lower().startswith("x-"))
    if found is None or not (private or found.is_valid()):
        raise InputError(
            f"unknown language {tag!r}, expected a BCP 47 tag or an ISO 639 code such as de, zho or pt-BR; correct "
            "it, or name a language of your own x-NAME."
        )
    return found
