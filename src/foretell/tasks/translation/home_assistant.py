"""Home Assistant's translations as parallel text.

The `homeassistant` wheel is fetched by pip as a file, its hash is verified, and its JSON members are read where
they are: nothing of it is unpacked, installed or run.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from foretell.archives import open_archive, read_member
from foretell.errors import InputError, IntegrityError, StorageError, UnknownNameError
from foretell.parsing import parse_json
from foretell.progress import track
from foretell.records import file_sha256, storage
from foretell.tasks.cleaning import GroupedPair
from foretell.tasks.translation.languages import same_language
from foretell.tasks.translation.raw import RawCorpus

__all__ = [
    "SHA256",
    "VERSION",
    "fetch_wheel",
    "original_wheel",
    "read_all_messages",
    "read_home_assistant",
    "read_wheel",
    "wheel_languages",
    "wheel_path",
]

VERSION = "2026.11.0"
SHA256 = "7ca5fbde9dea879ac7723949fc84347aac5182e6309c357b2e4973fd391b00f7"
ATTRIBUTION = (
    f"Texts of the user interface of Home Assistant {VERSION}, by The Home Assistant Authors and its translators "
    "(https://www.home-assistant.io/), Apache License 2.0. Cleaned, de-duplicated and split by foretell.\n"
)
_WHEEL = f"homeassistant-{VERSION}-py3-none-any.whl"
_MEMBER = re.compile(r"homeassistant/components/([^/]+)/translations/([A-Za-z0-9-]+)\.json")
_LICENCE = re.compile(r"homeassistant-[^/]+\.dist-info/licenses/LICENSE[^/]*")
_MOST_BYTES = 4 << 20  # of one member; the largest real one has 0.3 MB
_MOST_BYTES_IN_ALL = 256 << 20
_MOST_LICENCES = 8


def read_home_assistant(source: str, target: str, cache: Path, wheel: Path | None = None) -> RawCorpus:
    """Download the wheel if need be, verify it and read two of its languages.

    Args:
        source: Language code, as in the names of the translation files ("en", "pt-BR").
        target: Language code.
        cache: Cache folder; the wheel is kept in `downloads/`.
        wheel: A wheel that is there already; it must be the same file.

    Raises:
        InputError: The wheel cannot be had.
        IntegrityError: The wheel is not the expected one.
        UnknownNameError: It has no such language.
    """
    return read_wheel(original_wheel(cache, wheel), source, target)


def wheel_path(cache: Path) -> Path:
    """Where the wheel is kept in the cache folder."""
    return cache / "downloads" / _WHEEL


def original_wheel(cache: Path, wheel: Path | None = None) -> Path:
    """The verified wheel: one that is there already, or that of the cache folder; see `read_home_assistant`."""
    if wheel is None:
        return fetch_wheel(cache)
    if not wheel.is_file():
        raise InputError(f"the wheel {wheel} does not exist; check paths, or leave it out to download the wheel.")
    _verify(wheel, "give the original file, or leave paths out to download it.")
    return wheel


def fetch_wheel(cache: Path) -> Path:
    """The verified wheel in the cache folder, downloaded by pip the first time.

    Raises:
        InputError: pip is missing or could not get it.
        IntegrityError: What came has another hash; it has been removed.
        StorageError: The cache folder cannot be written.
    """
    wheel = wheel_path(cache)
    if not wheel.is_file():
        with storage(wheel):
            wheel.parent.mkdir(parents=True, exist_ok=True)
            temporary = tempfile.TemporaryDirectory(dir=wheel.parent, prefix=".pip-")
            with track("downloading Home Assistant's translations (68 MB)", total=1), temporary as folder:
                _pip_download(Path(folder)).replace(wheel)
    try:
        _verify(wheel, "it was removed; run the command again, and check the package index if this repeats.")
    except IntegrityError:
        wheel.unlink(missing_ok=True)
        raise
    return wheel


def wheel_languages(wheel: Path) -> list[str]:
    """Codes of the languages that a wheel holds, sorted."""
    with open_archive(wheel) as archive:
        return sorted({match[2] for match in map(_MEMBER.fullmatch, archive.namelist()) if match})


def read_messages(wheel: Path, language: str) -> dict[str, dict[str, str]]:
    """One language's texts by component and key.

    Raises:
        IntegrityError: It holds none, or a member is damaged or unreasonably large.
    """
    with open_archive(wheel) as archive:
        texts = _texts(archive, {language})
    if not texts:
        raise IntegrityError(f"{wheel} holds no texts in {language}; give a wheel of Home Assistant {VERSION}.")
    return {component: there[language] for component, there in sorted(texts.items())}


def read_all_messages(wheel: Path) -> dict[str, dict[str, dict[str, str]]]:
    """All texts by component, language and key.

    Raises:
        IntegrityError: It holds none, or a member is damaged or unreasonably large.
    """
    with open_archive(wheel) as archive:
        texts = _texts(archive)
    if not texts:
        raise IntegrityError(f"{wheel} holds no translations; give a wheel of Home Assistant {VERSION}.")
    return dict(sorted(texts.items()))


def read_wheel(wheel: Path, source: str, target: str) -> RawCorpus:
    """Join two languages' translation files by component and key.

    Raises:
        UnknownNameError: The wheel has no such language.
        IntegrityError: It is not a wheel of Home Assistant, or a member is damaged or unreasonably large.
    """
    known = wheel_languages(wheel)
    if not known:
        raise IntegrityError(f"{wheel} holds no translations; give a wheel of Home Assistant {VERSION}.")
    source, target = (_spelled(language, known) for language in (source, target))
    with open_archive(wheel) as archive:
        texts = _texts(archive, {source, target})
        licences = [info for info in archive.infolist() if _LICENCE.fullmatch(info.filename)]
        licence = "".join(read_member(archive, info, _MOST_BYTES).decode() for info in licences[:_MOST_LICENCES])
    pairs = [
        GroupedPair(component, text, there[target][key])
        for component, there in sorted(texts.items())
        if source in there and target in there
        for key, text in there[source].items()
        if key in there[target]
    ]
    provenance = {
        "name": "home-assistant",
        "version": VERSION,
        "sha256": file_sha256(wheel),
        "licence": "Apache-2.0",
        "attribution": ATTRIBUTION.strip(),
    }
    return RawCorpus(pairs, provenance, documents={"LICENSE.md": licence, "ATTRIBUTION.txt": ATTRIBUTION})


def _spelled(language: str, known: Sequence[str]) -> str:
    found = language if language in known else same_language(language, known)
    if found is None:
        raise UnknownNameError("language", language, known, where="Home Assistant's translations")
    return found


def _pip_download(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    # Only a wheel will do: pip would run the build script of a source distribution.
    command += ["--no-deps", "--ignore-requires-python", "--only-binary=:all:", "--dest", str(folder)]
    result = subprocess.run([*command, f"homeassistant=={VERSION}"], capture_output=True, text=True, check=False)
    found = list(folder.glob("*.whl"))
    if result.returncode == 0 and found:
        return found[0]
    if "No module named pip" in result.stderr:
        raise InputError(
            f"pip is needed to download the corpus and {sys.executable} has none; install it with "
            "`python -m ensurepip`, or give the wheel's path in the corpus's paths."
        )
    if "No space left on device" in result.stderr:
        raise StorageError(f"cannot write {folder.parent}: the disk is full; make room or set FORETELL_CACHE.")
    lines = [line for line in result.stderr.splitlines() if line.strip()]
    reason = next((line for line in reversed(lines) if line.startswith("ERROR")), lines[-1] if lines else "no reason")
    raise InputError(
        f"pip could not download homeassistant {VERSION} ({reason.removeprefix('ERROR:').strip()}); connect to a "
        "package index and run the command again, or give the wheel's path in the corpus's paths."
    )


def _verify(wheel: Path, remedy: str) -> None:
    found = file_sha256(wheel)
    if found != SHA256:
        raise IntegrityError(f"{wheel} has SHA-256 {found}, expected {SHA256}; {remedy}")


def _texts(archive: zipfile.ZipFile, wanted: set[str] | None = None) -> dict[str, dict[str, dict[str, str]]]:
    """Texts by component, language and flattened key; None: of all languages."""
    texts: defaultdict[str, dict[str, dict[str, str]]] = defaultdict(dict)
    total = 0
    for info in archive.infolist():
        match = _MEMBER.fullmatch(info.filename)
        if match and (wanted is None or match[2] in wanted):
            data = read_member(archive, info, _MOST_BYTES)
            total += len(data)
            if total > _MOST_BYTES_IN_ALL:
                raise IntegrityError(f"{archive.filename} unpacks to over {_MOST_BYTES_IN_ALL >> 20} MB; refused.")
            texts[match[1]][match[2]] = _parse(data, info.filename)
    return texts


def _parse(data: bytes, name: str) -> dict[str, str]:
    try:
        value = parse_json(data)
        if not isinstance(value, dict):
            raise ValueError("not an object")  # noqa: TRY004 - reported below as a bad member
        return dict(_flatten(value, ""))
    except ValueError as error:
        raise IntegrityError(f"{name} is not a file of translations ({error}); give an original wheel.") from error


def _flatten(tree: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for key, value in tree.items():
        if isinstance(value, str):
            yield prefix + key, value
        elif isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{key}.")
