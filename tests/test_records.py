import json
import re
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from foretell import records
from foretell.errors import InputError, IntegrityError, StorageError
from foretell.records import TornLineWarning


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """Files of this process cannot grow beyond `size` bytes: writes fail with EFBIG, as truly as it gets."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_file_is_replaced_whole(tmp_path: Path):
    path = tmp_path / "deep" / "file.json"
    records.write_json(path, {"ä": 1})
    records.write_json(path, {"ä": 2})
    assert records.read_json(path) == {"ä": 2}
    assert list(path.parent.iterdir()) == [path]


def test_a_refused_write_leaves_the_old_file(tmp_path: Path):
    path = tmp_path / "file.bin"
    records.write_atomic(path, b"old")
    with room_for(1000), pytest.raises(StorageError, match="run the same command with --resume"):
        records.write_atomic(path, b"n" * 5000)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_value_that_is_no_json_leaves_the_old_file(tmp_path: Path):
    path = tmp_path / "file.json"
    records.write_json(path, [1])
    with pytest.raises(ValueError, match="Out of range float"):
        records.write_json(path, [float("nan")])
    assert records.read_json(path) == [1]


# The device that is always full is Linux's; tests/faults fills real file systems where it may mount them.
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_one_sentence():
    sentence = "cannot write /dev/full: the disk is full"
    with pytest.raises(StorageError, match=sentence), Path("/dev/full").open("w") as file:
        records.append_jsonl(file, [{"a": 1}])


def test_a_refused_row_leaves_the_rows_before(tmp_path: Path):
    path = tmp_path / "journal.jsonl"
    with path.open("a") as file:
        records.append_jsonl(file, [{"n": 1}])
        with room_for(100), pytest.raises(StorageError, match="the file may not grow any further"):
            records.append_jsonl(file, [{"n": "2" * 200}])
        records.append_jsonl(file, [{"n": 3}])
    assert records.read_jsonl(path) == [{"n": 1}, {"n": 3}]


def test_a_folder_that_may_not_be_written(tmp_path: Path):
    with pytest.raises(InputError, match="permission is denied"), records.storage(tmp_path):
        raise PermissionError(13, "no")
    with pytest.raises(BrokenPipeError), records.storage(tmp_path):
        raise BrokenPipeError(32, "another matter")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("x" * 300, "the name is too long"),
        ("file/below", "a file stands where a folder is needed"),
        ("file/far/below", "a file stands where a folder is needed"),
        ("folder", "a folder stands where the file should be"),
    ],
)
def test_a_path_that_cannot_be_is_the_users(tmp_path: Path, name: str, sentence: str):
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match=sentence):
        records.write_atomic(tmp_path / name, "text")


def test_rows_come_back(tmp_path: Path):
    path = tmp_path / "journal.jsonl"
    rows = [{"n": n, "text": "zwei\nZeilen"} for n in range(3)]
    with path.open("a") as file:
        records.append_jsonl(file, rows[:2])
        assert records.read_jsonl(path) == rows[:2]
        records.append_jsonl(file, rows[2:], sync=False)
    assert records.read_jsonl(path) == rows


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_torn_last_line_is_dropped_and_repaired(tmp_path: Path, cut: int):
    path = tmp_path / "journal.jsonl"
    whole = b'{"n": 1}\n{"n": "\xc3\xa4"}\n'
    path.write_bytes(whole[:-cut])
    if cut == 1:  # only the line's end is missing
        assert records.read_jsonl(path, repair=True) == [{"n": 1}, {"n": "ä"}]
    elif cut == 12:
        assert records.read_jsonl(path, repair=True) == [{"n": 1}]
    else:
        with pytest.warns(TornLineWarning, match=r"dropped a torn last line \(line 2\)"):
            assert records.read_jsonl(path) == [{"n": 1}]
        with pytest.warns(TornLineWarning):
            records.read_jsonl(path, repair=True)
    with path.open("a") as file:
        records.append_jsonl(file, [{"n": 3}])
    assert records.read_jsonl(path)[-1] == {"n": 3}
    assert records.read_jsonl(path)[0] == {"n": 1}


def test_a_bad_line_within_is_named(tmp_path: Path):
    path = tmp_path / "journal.jsonl"
    path.write_text('{"n": 1}\n\n[2]\n{"n": 3}\n')
    with pytest.raises(IntegrityError, match=r"line 3 is not a JSON object \(not an object\)"):
        records.read_jsonl(path)


def test_missing_files(tmp_path: Path):
    path = tmp_path / "none"
    assert records.read_jsonl(path, repair=True) == []
    for read in (records.read_jsonl, records.read_json):
        with pytest.raises(InputError, match="does not exist"):
            read(path)


def test_a_file_that_is_not_json(tmp_path: Path):
    path = tmp_path / "file.json"
    for data in (b"{", b"\xff\xfe"):
        path.write_bytes(data)
        with pytest.raises(IntegrityError, match=re.escape(f"{path} is not valid JSON")):
            records.read_json(path)


def test_fingerprints_depend_on_the_value_only(tmp_path: Path):
    assert records.fingerprint({"a": 1, "b": [1.5]}) == records.fingerprint({"b": [1.5], "a": 1})
    assert records.fingerprint([1]) != records.fingerprint([2])
    assert json.loads(records.canonical_json({"b": 1, "a": "ä"})) == {"a": "ä", "b": 1}
    path = tmp_path / "f"
    path.write_bytes(b"abc")
    assert records.file_sha256(path).startswith("ba7816bf8f01cfea")
