"""Zip archives of strangers, such as wheels: members are read where they are, up to a size; nothing is unpacked.

The names of members never become paths, so that none can lead out of a folder.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from foretell.errors import ForetellError, InputError, IntegrityError
from foretell.parsing import decoded, read_bytes
from foretell.records import storage

__all__ = ["PACKED", "copy_member", "open_archive", "read_member", "read_packed_text", "read_unpacked"]

PACKED = (".gz", ".bz2", ".xz")
"""Endings of packed files that are read as if they were not."""

_BEGINNINGS = {b"\x1f\x8b": ".gz", b"BZh": ".bz2", b"\xfd7zXZ\0": ".xz"}
_BLOCK = 1 << 20


@contextmanager
def open_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """A zip archive for the time of a block; what its damage raises there is an `IntegrityError`.

    Raises:
        IntegrityError: It is not there, is no archive, or something in it is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except ForetellError:
        raise
    except Exception as error:  # of zipfile, zlib, lzma, struct: a dozen kinds
        raise IntegrityError(f"{path} is not a sound archive ({error}); remove it and get it again.") from error


def read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most: int) -> bytes:
    """The contents of a member of at most `most` bytes, whatever size its entry claims.

    Raises:
        IntegrityError: It unpacks to more.
    """
    with archive.open(info) as member:
        data = member.read(most + 1)
    if len(data) > most:
        raise _too_large(archive, info.filename, most)
    return data


def copy_member(archive: zipfile.ZipFile, name: str, path: Path, most: int) -> None:
    """Write a member of at most `most` bytes to `path`.

    Raises:
        IntegrityError: It unpacks to more; `path` then holds a part of it.
        StorageError: The disk refused.
    """
    with archive.open(name) as member, storage(path), path.open("wb") as file:
        while block := member.read(_BLOCK):
            if file.tell() + len(block) > most:
                raise _too_large(archive, name, most)
            file.write(block)


def read_unpacked(path: Path, *, most: int) -> bytes:
    """The contents of a file of at most `most` bytes, unpacked if its name (`PACKED`) or its beginning says so.

    Raises:
        InputError: It is not there, cannot be read, or has or unpacks to more.
        IntegrityError: It is not packed as its name says, or damaged.
    """
    kind = path.suffix.lower()
    if kind not in PACKED:
        found = read_bytes(path, most=most)
        named = [kind for begin, kind in _BEGINNINGS.items() if found.startswith(begin)]
        if not named:
            return found
        kind = named[0]
    try:
        with path.open("rb") as raw, _opened(raw, kind) as file:
            data: bytes = file.read(most + 1)
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise IntegrityError(f"{path} is not a sound {kind[1:]} file ({error}); get it again.") from error
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno is None:  # so bz2 says what others have errors of their own for
            raise IntegrityError(f"{path} is not a sound {kind[1:]} file ({error}); get it again.") from error
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path} cannot be read ({reason}); check the path.") from error
    if len(data) > most:
        raise InputError(f"{path} unpacks to more than {most:,} bytes, the most that is read; split it.")
    return data


def read_packed_text(path: Path, *, most: int) -> str:
    """The UTF-8 text of a file that may be packed; see `read_unpacked`.

    Raises:
        InputError: As for `read_unpacked`, or it is no text.
        IntegrityError: As for `read_unpacked`.
    """
    kinds = f"{', '.join(PACKED[:-1])} or {PACKED[-1]}"
    return decoded(read_unpacked(path, most=most), path, expected=f"UTF-8 text, plain or packed as {kinds}")


def _opened(raw: BinaryIO, kind: str) -> Any:
    return {".gz": gzip, ".bz2": bz2, ".xz": lzma}[kind].open(raw)


def _too_large(archive: zipfile.ZipFile, name: str, most: int) -> IntegrityError:
    return IntegrityError(f"{name} in {archive.filename} unpacks to more than {most:,} bytes; refused.")
