"""Files that survive a crash: whole-file replacement, growing JSON-lines journals, fingerprints."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import platform
import re
import shutil
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from foretell.display import shortened
from foretell.errors import InputError, IntegrityError, StorageError
from foretell.parsing import parse_json, read_bytes

__all__ = [
    "TornLineWarning",
    "append_jsonl",
    "canonical_json",
    "file_sha256",
    "file_size",
    "fingerprint",
    "hidden_beside",
    "read_json",
    "read_jsonl",
    "read_object",
    "refused_path",
    "storage",
    "write_atomic",
    "write_json",
    "written_whole",
]


_MOST_LINE_BYTES = 16 << 20  # of one record; the largest real ones, batches of a search's scores, have some 100 kB


_NAME = 120
"""Characters of a refused path that are quoted."""

_MACHINE = f"{zlib.crc32(platform.node().encode()):08x}"
"""In the names of unfinished files: two machines may have processes of one number."""


class TornLineWarning(UserWarning):
    """The last line of a journal was cut by a crash and has been dropped."""


_PATHS = {
    errno.ENAMETOOLONG: "the name is too long",
    errno.ENOTDIR: "a file stands where a folder is needed",
    errno.EEXIST: "a file stands where a folder is needed",
    errno.EISDIR: "a folder stands where the file should be",
    errno.ELOOP: "its links lead in a circle",
    errno.EINVAL: "the file system takes no such name",
    errno.EACCES: "permission is denied",
    errno.EPERM: "permission is denied",
}


def refused_path(error: Exception) -> InputError | None:
    """What to tell of a path that the operating system refuses wherever it is used; None of any other error."""
    if isinstance(error, RuntimeError) and str(error).startswith("Symlink loop"):  # Path.resolve, before Python 3.13
        return InputError(f"a path cannot be used: {_PATHS[errno.ELOOP]} ({error}); choose another.")
    if (
        not isinstance(error, OSError)
        or error.errno not in _PATHS
        or not isinstance(error.filename, (str, os.PathLike))
    ):
        return None
    return InputError(f"{shortened(str(error.filename), _NAME)} cannot be used: {_PATHS[error.errno]}; choose another.")


@contextmanager
def storage(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals to write at `path` into one sentence.

    Raises:
        StorageError: The disk is full or read-only.
        InputError: No file can have this path, or none is permitted there.
    """
    reasons = {
        errno.ENOSPC: "the disk is full",
        errno.EDQUOT: "the disk quota is used up",
        errno.EFBIG: "the file may not grow any further",
        errno.EROFS: "the file system is read-only",
    }
    try:
        yield
    except OSError as error:
        told = "there is no such place, and it cannot be made" if error.errno == errno.ENOENT else None
        told = told or _PATHS.get(error.errno or 0)
        if told:
            raise InputError(f"cannot write {path}: {told}; choose another path.") from error
        # numpy's `tofile` says what was not written, and no number.
        short = error.errno is None and re.search(r"requested and \d+ written", str(error))
        why = reasons[errno.ENOSPC] if short else reasons.get(error.errno or 0)
        if why is None:
            raise
        raise StorageError(
            f"cannot write {path}: {why}; make room or choose another folder, then run the same command with --resume."
        ) from error


def hidden_beside(path: Path, ending: str) -> Path:
    """A hidden file beside another one, of its name and an ending.

    Raises:
        InputError: The path names no file, as "." and "/" do.
    """
    if not path.name:
        raise InputError(f"{path} is a folder; name a file to write in it.")
    return path.with_name(f".{path.name}.{ending}")


def write_atomic(path: Path, data: str | bytes) -> None:
    """Replace `path` by `data` so that a crash leaves either the old file or the new one, never a part.

    Raises:
        StorageError: The disk is full, read-only or not permitted.
    """
    temporary = hidden_beside(path, f"{_MACHINE}-{os.getpid()}.part")
    with storage(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as file:
                file.write(data.encode() if isinstance(data, str) else data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def write_json(path: Path, value: object) -> None:
    """Write `value` as indented JSON, atomically."""
    write_atomic(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read one JSON value.

    Raises:
        InputError: There is no such file.
        IntegrityError: The file is not JSON with finite numbers.
    """
    try:
        return parse_json(read_bytes(path))
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise IntegrityError(f"{path} is not valid JSON ({error}); restore or delete it.") from error


def read_object(path: Path, *keys: str) -> dict[str, Any]:
    """Read a JSON object that has at least these keys.

    Raises:
        InputError: There is no such file.
        IntegrityError: The file is not JSON, no object, or lacks a key.
    """
    value = read_json(path)
    if not isinstance(value, dict) or any(key not in value for key in keys):
        wanted = f" with {', '.join(keys)}" if keys else ""
        raise IntegrityError(f"{path} is not an object{wanted}; restore or delete it.")
    return value


def append_jsonl(file: IO[str], rows: Iterable[Mapping[str, object]], *, sync: bool = True) -> None:
    """Append `rows` to an open JSON-lines file, one line each, with one write (and one fsync) for all.

    Where the disk refuses, the file is cut back to the rows that it had.

    Raises:
        StorageError: The disk is full, read-only or not permitted.
    """
    data = "".join(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows).encode()
    with storage(Path(file.name)):
        file.flush()
        descriptor = file.fileno()
        before = os.fstat(descriptor).st_size
        try:
            # Past the file object's buffer: what the disk refuses must not be tried again when it closes.
            while data:
                data = data[os.write(descriptor, data) :]
            if sync:
                os.fsync(descriptor)
        except OSError:
            with suppress(OSError):
                os.ftruncate(descriptor, before)
            raise


def read_jsonl(path: Path, *, repair: bool = False) -> list[dict[str, Any]]:
    """Read a JSON-lines file whose last line may have been cut by a crash.

    Args:
        path: The file; a missing one counts as empty only with `repair`.
        repair: Also cut the torn line off the file, so that it can be appended to.

    Returns:
        One dictionary a line, without the torn last line if there is one.

    Raises:
        InputError: The file does not exist (and `repair` is false).
        IntegrityError: A line that is not the last is not a JSON object with finite numbers.

    Warns:
        TornLineWarning: The last line was dropped.
    """
    if repair and not path.exists():
        return []
    data = read_bytes(path)
    rows: list[dict[str, Any]] = []
    start = 0
    number = 0
    while start < len(data):
        number += 1
        end = data.find(b"\n", start)
        line = data[start:] if end < 0 else data[start:end]
        last = end < 0 or end + 1 == len(data)
        if line.strip():
            try:
                if len(line) > _MOST_LINE_BYTES:
                    raise ValueError(f"more than {_MOST_LINE_BYTES >> 20} MiB")
                row = parse_json(line)
                if not isinstance(row, dict):
                    raise ValueError("not an object")  # noqa: TRY004 - reported below as a bad line
                rows.append(row)
            except ValueError as error:
                if not last:
                    raise IntegrityError(
                        f"{path}, line {number} is not a JSON object ({error}); restore or delete that line."
                    ) from error
                warnings.warn(f"{path}: dropped a torn last line (line {number})", TornLineWarning, stacklevel=2)
                if repair:
                    with storage(path):
                        os.truncate(path, start)
                return rows
        if end < 0:
            if repair:
                with storage(path), path.open("ab") as file:
                    file.write(b"\n")
            break
        start = end + 1
    return rows


# Made once: `json.dumps` would make another for every call, and a resumed run names 100,000 questions.
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical_json(value: object) -> str:
    """One spelling of a JSON value: sorted keys, no spaces, finite numbers only."""
    return _CANONICAL.encode(value)


def fingerprint(value: object) -> str:
    """Sixteen hexadecimal digits that name a JSON value: equal values, equal names."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:16]


def file_size(path: Path) -> int:
    """Bytes of a file; 0 where there is none."""
    return path.stat().st_size if path.exists() else 0


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def written_whole(folder: Path, write: Callable[[Path], None]) -> list[Path]:
    """The files that a function writes into a folder, which appears whole or not at all.

    Args:
        folder: Is made; what it held is replaced.
        write: Is given another folder, which is renamed.
    """
    made = folder.with_name(f".{folder.name}.part")
    with storage(folder):
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir(parents=True)
        try:
            write(made)
        except BaseException:
            shutil.rmtree(made, ignore_errors=True)
            raise
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)
    return sorted(folder.iterdir())
