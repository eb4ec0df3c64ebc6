"""Labelled texts from the user's files, and from Home Assistant's translations."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from foretell.archives import PACKED, read_packed_text
from foretell.errors import InputError
from foretell.parsing import parse_json
from foretell.tasks.cleaning import near_copy_key, normalise
from foretell.tasks.translation import home_assistant
from foretell.tasks.translation.hub import load_data_set

__all__ = ["Labelled", "contents_sha256", "read_files", "read_hub", "read_languages"]

_MOST_BYTES = 1 << 30  # of one file
_ENGLISH = "en"
_FEWEST_MESSAGES = 2000  # of a language; those with fewer are hardly translated
_MOST_MESSAGES = 5000  # of a language are looked at: several times what is kept


class Labelled(NamedTuple):
    """A text, its class, and the group (message, near-copies) that it must not be parted from."""

    group: str
    text: str
    label: str


def read_files(paths: Sequence[Path], text: str, label: str) -> list[Labelled]:
    """The texts of files, in order; near-copies are a group.

    Raises:
        InputError: A file that cannot be read, a missing column, an empty text, or a label that is none.
    """
    found = []
    for path in paths:
        kind = (path.with_suffix("") if path.suffix.lower() in PACKED else path).suffix.lower()
        if kind not in (".tsv", ".jsonl"):
            raise InputError(f"{path} is neither .tsv nor .jsonl; name the file by its format, with its columns.")
        rows = _table(path, text, label) if kind == ".tsv" else _lines(path, text, label)
        found += [_labelled(place, said, answer, text, label) for place, said, answer in rows]
    if not found:
        raise InputError(f"{', '.join(map(str, paths))} holds no texts; give files with a line for each text.")
    return found


def read_hub(dataset: str, subset: str | None, text: str, label: str) -> list[Labelled]:
    """The labelled texts of all splits of a data set of the Hugging Face hub; near-copies are a group.

    Raises:
        InputError: As for `read_files`, or the data set cannot be loaded.
    """
    name, loaded = load_data_set(dataset, subset)
    found = []
    for split, rows in loaded.items():
        names = getattr((getattr(rows, "features", None) or {}).get(label), "names", None)
        for number, row in enumerate(rows):
            place = f"row {number} of the split {split} of {name}"
            _check_columns(place, list(row), text, label)
            answer = row[label]
            if names is None or not isinstance(answer, int):
                found.append(_labelled(place, row[text], answer, text, label))
            elif answer >= 0:  # -1: nobody may know
                found.append(_labelled(place, row[text], names[answer], text, label))
    return found


def _labelled(place: str, said: Any, answer: Any, text: str, label: str) -> Labelled:
    clean = normalise(said) if isinstance(said, str) else ""
    if not clean:
        what = "an empty text" if isinstance(said, str) else f"{said!r} for a text"
        raise InputError(f"{place} has {what} in {text!r}; give it one, or take the line out.")
    return Labelled(near_copy_key(clean), clean, _label(answer, place, label))


def _table(path: Path, text: str, label: str) -> Iterator[tuple[str, str, str]]:
    """Lines of columns between tabs; nothing is quoted."""
    lines = [line.rstrip("\r") for line in read_packed_text(path, most=_MOST_BYTES).split("\n")]
    names = lines[0].removeprefix("\ufeff").split("\t")
    _check_columns(f"{path}: the first line", names, text, label)
    for number, line in enumerate(lines[1:], 2):
        if not line:
            continue
        values = line.split("\t")
        if len(values) != len(names):
            raise InputError(
                f"{path}, line {number} has {len(values)} columns and the first line {len(names)}; a text must have no "
                "tab in it: correct the line."
            )
        yield f"{path}, line {number}", values[names.index(text)], values[names.index(label)]


def _lines(path: Path, text: str, label: str) -> Iterator[tuple[str, Any, Any]]:
    for number, line in enumerate(read_packed_text(path, most=_MOST_BYTES).split("\n"), 1):
        if not line.strip():
            continue
        place = f"{path}, line {number}"
        try:
            value = parse_json(line)
        except ValueError as error:
            raise InputError(f"{place} is not JSON ({error}); correct it.") from None
        if not isinstance(value, dict):
            raise InputError(f"{place} is a {type(value).__name__}; expected an object with {text!r} and {label!r}.")
        _check_columns(place, list(value), text, label)
        yield place, value[text], value[label]


def _check_columns(place: str, names: Sequence[str], text: str, label: str) -> None:
    for what, name in (("text", text), ("label", label)):
        if name not in names:
            raise InputError(
                f"{place} has no column {name!r}, only {', '.join(names) or 'none'}; say which holds the {what} with "
                f"corpus: {{{what}: NAME}}."
            )


def _label(value: Any, place: str, name: str) -> str:
    if isinstance(value, (list, tuple, dict)):
        raise InputError(
            f"{place} has several labels in {name!r}; every text has one class here, multi-label classification is not "
            "supported: give each text one label, or make a study for each label."
        )
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, (str, int)):
        raise InputError(
            f"{place} has the label {value!r} in {name!r}; expected a word or a whole number: correct it, or name "
            "another column."
        )
    clean = normalise(str(value))
    if not clean:
        raise InputError(f"{place} has an empty label in {name!r}; give it one, or take the line out.")
    return clean


def read_languages(wheel: Path, seed: int) -> list[Labelled]:
    """Texts of Home Assistant's user interface with their languages, in an order that the seed decides.

    A message is a group: none of its translations is parted from the others. What reads as in English is no
    translation (names, or nobody has translated it yet); languages with fewer than 2,000 others are left out.

    Raises:
        IntegrityError: The wheel is damaged.
    """
    own: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for component, languages in home_assistant.read_all_messages(wheel).items():
        english = languages.get(_ENGLISH, {})
        for language, texts in languages.items():
            own[language] |= {
                f"{component}/{key}": text
                for key, text in texts.items()
                if language == _ENGLISH or text != english.get(key)
            }
    enough = {language: own[language] for language in sorted(own) if len(own[language]) >= _FEWEST_MESSAGES}
    keys = sorted(set().union(*enough.values()))
    order = [keys[place] for place in np.random.default_rng(seed).permutation(len(keys))]
    taken: Counter[str] = Counter()
    found = []
    for key in order:
        for language, there in enough.items():
            if key not in there or taken[language] >= _MOST_MESSAGES:
                continue
            clean = normalise(there[key])
            if clean:
                taken[language] += 1
                found.append(Labelled(key, clean, language))
    return found


def contents_sha256(texts: Sequence[Labelled]) -> str:
    """One hash for texts and labels, in order."""
    digest = hashlib.sha256()
    for _, text, label in texts:
        for part in (text, label):
            data = part.encode("utf-8", errors="surrogatepass")
            digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()
