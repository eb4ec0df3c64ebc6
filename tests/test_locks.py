import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from foretell import locks
from foretell.errors import RunBusyError, StorageError

HOLD = """
import sys
from pathlib import Path
from foretell.locks import lock_folder
with lock_folder(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder(folder: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", textwrap.dedent(HOLD), str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process


def test_a_folder_has_one_holder_and_the_dead_hold_nothing(tmp_path: Path):
    folder = tmp_path / "run"
    with holder(folder) as process:
        sentence = f"{folder} is in use by process {process.pid}; wait"
        with pytest.raises(RunBusyError, match=re.escape(sentence)), locks.lock_folder(folder):
            pass
        process.kill()
        process.wait()
        with locks.lock_folder(folder):
            assert (folder / ".lock").read_text().split("\n")[0] == str(os.getpid())
    with locks.lock_folder(folder):
        pass


def test_a_file_has_one_holder_and_its_neighbours_are_free(tmp_path: Path):
    path = tmp_path / "deep" / "labels.jsonl"
    with locks.lock_file(path):
        sentence = f"{path} is in use by process {os.getpid()}; wait"
        with pytest.raises(RunBusyError, match=re.escape(sentence)), locks.lock_file(path):
            pass
        with locks.lock_file(path.with_name("others.jsonl")):
            pass
    with locks.lock_file(path):
        pass
    assert not path.exists()


def test_a_lock_that_the_disk_refuses_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(locks.os, "pwrite", full)
    with pytest.raises(StorageError, match="the disk is full"), locks.lock_folder(tmp_path / "run"):
        pass
