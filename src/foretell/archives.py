"""Zip archives of strangers, such as wheels: members are read where they are, up to a size; nothing is unpacked.

The names of members never become paths, so that none can lead out of a folder.
"""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from foretell.errors import ForetellError, InputError, IntegrityError
from foretell.parsing import decoded
from foretell.records import storage

__all__ = ["copy_member", "open_archive", "read_member", "unpacked_text"]

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


def unpacked_text(path: Path, most: int) -> str:
    """The UTF-8 text of a file packed with gzip, of at most `most` bytes when unpacked.

    Raises:
        InputError: It is not there, unpacks to more, or is not UTF-8.
        IntegrityError: It is no sound gzip file.
    """
    try:
        with gzip.open(path) as file:
            data = file.read(most + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise IntegrityError(f"{path} is not a sound gzip file ({error}); get it again.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path} cannot be read ({reason}); check the path.") from error
    if len(data) > most:
        raise InputError(f"{path} unpacks to more than {most:,} bytes, the most that is read; split it.")
    return decoded(data, path)


def _too_large(archive: zipfile.ZipFile, name: str, most: int) -> IntegrityError:
    return IntegrityError(f"{name} in {archive.filename} unpacks to more than {most:,} bytes; refused.")
