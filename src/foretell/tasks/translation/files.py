"""Parallel text from the user's own files: two text files, or one file of two columns between tabs."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from foretell.archives import read_packed_text
from foretell.errors import InputError
from foretell.records import file_sha256
from foretell.tasks.cleaning import GroupedPair, Pair
from foretell.tasks.translation.raw import RawCorpus

__all__ = ["files_sha256", "read_files", "read_pairs"]

# Neighbouring lines are often of one document; a block of them stays in one split.
_LINES_OF_A_BLOCK = 20
_FEWEST_BLOCKS = 200
_MOST_BYTES = 4 << 30  # the largest public corpora of one language pair have half of that a side


def read_files(paths: Sequence[Path], valid_paths: Sequence[Path] = (), test_paths: Sequence[Path] = ()) -> RawCorpus:
    """Read one corpus, with validation and test files of its own where given.

    Raises:
        InputError: A file cannot be used; the message says which, where and what to do.
    """
    provenance = {
        "name": "files",
        "version": None,
        "files": [str(path) for path in (*paths, *valid_paths, *test_paths)],
        "sha256": files_sha256([*paths, *valid_paths, *test_paths]),
        "licence": None,
        "attribution": None,
    }
    pairs = _in_blocks(read_pairs(paths))
    if not valid_paths:
        return RawCorpus(pairs, provenance)
    valid, test = (_in_blocks(read_pairs(part)) for part in (valid_paths, test_paths))
    return RawCorpus(pairs, provenance, valid=valid, test=test)


def read_pairs(paths: Sequence[Path]) -> list[Pair]:
    """Pairs of two aligned text files, or of one TSV, line by line.

    Raises:
        InputError: Missing, empty or misaligned files, invalid UTF-8, or a line without exactly two columns.
    """
    if len(paths) == 1:
        return _columns(paths[0], _lines(paths[0]))
    if len(paths) != 2:
        raise InputError(f"{len(paths)} files were given, expected two text files or one TSV; correct paths.")
    source, target = (_lines(path) for path in paths)
    if len(source) != len(target):
        raise InputError(
            f"{paths[0]} has {len(source)} lines and {paths[1]} has {len(target)}, expected as many in both, "
            "line by line the same sentences; align them."
        )
    return list(zip(source, target, strict=True))


def files_sha256(paths: Sequence[Path]) -> str:
    """One SHA-256 for the contents of several files, in order.

    Raises:
        InputError: A file cannot be read.
    """
    try:
        for path in paths:
            if path.exists() and not path.is_file():
                raise InputError(f"{path} is no regular file; copy the text into one, it is read twice.")
        return hashlib.sha256("".join(file_sha256(path) for path in paths).encode()).hexdigest()
    except InputError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a NUL in a path
        place, reason = getattr(error, "filename", None) or "a file", getattr(error, "strerror", None) or error
        raise InputError(f"{place} cannot be read ({reason}); check the path.") from error


def _lines(path: Path) -> list[str]:
    text = read_packed_text(path, most=_MOST_BYTES)
    if not text.strip():
        raise InputError(f"{path} is empty, expected one sentence a line; check the path.")
    # Only line feeds end lines: splitlines() would also break inside sentences and misalign the files.
    return text.replace("\r\n", "\n").removesuffix("\n").split("\n")


def _columns(path: Path, lines: Sequence[str]) -> list[Pair]:
    pairs = []
    for number, line in enumerate(lines, 1):
        columns = line.split("\t")
        if len(columns) != 2:
            raise InputError(
                f"{path}, line {number} has {len(columns)} column{'s' * (len(columns) != 1)}, expected two "
                "(source, tab, target); correct the line or give two text files."
            )
        pairs.append((columns[0], columns[1]))
    return pairs


def _in_blocks(pairs: Sequence[Pair]) -> list[GroupedPair]:
    size = max(1, min(_LINES_OF_A_BLOCK, len(pairs) // _FEWEST_BLOCKS))
    return [GroupedPair(f"{row // size:09d}", *pair) for row, pair in enumerate(pairs)]
