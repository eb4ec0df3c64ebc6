import errno
import os
import re
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
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


# ---- leases of machines that share a file system


def shared(folder, machine, seconds=1.0):
    return locks.SharedLock(folder, locks.Lease(folder / ".lease", machine=machine, seconds=seconds))


def elsewhere(folder, machine, seconds=1.0):
    """A process of another machine: this one's `flock` does not reach it."""
    return locks.Lease(folder / ".lease", machine=machine, seconds=seconds)


def test_a_lease_excludes_another_machine_for_as_long_as_it_is_renewed(tmp_path):
    far, near = elsewhere(tmp_path, "far"), shared(tmp_path, "near")
    assert far.take(alone=True)
    for _ in range(16):
        assert not near.take()
        time.sleep(0.1)
    assert near.holder().process == os.getpid()
    far.release()
    assert near.take()
    assert not far.take(alone=True)
    near.release()
    assert far.take(alone=True)
    far.release()


def test_a_machine_that_has_died_is_taken_over_from_when_its_lease_is_over(tmp_path):
    far, near = elsewhere(tmp_path, "far"), shared(tmp_path, "near")
    assert far.take(alone=True)
    far._ended.set()  # renews no more, and gives nothing back
    far._renewing.join()
    start = time.monotonic()
    while not near.take():
        time.sleep(0.02)
    assert 0.7 < time.monotonic() - start < 5
    far._ended.clear()
    far._renew()
    assert far._held is None  # it finds out
    far.release()
    assert not far.take(alone=True)
    near.release()


def test_of_many_that_see_a_dead_holder_one_takes_over(tmp_path):
    dead = elsewhere(tmp_path, "dead")
    assert dead.take(alone=True)
    dead._ended.set()
    dead._renewing.join()
    several = [elsewhere(tmp_path, f"machine-{number}") for number in range(8)]
    for lease in several:
        assert not lease.take(alone=True)
    time.sleep(1.1)
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda lease: lease.take(alone=True), several))
    assert sum(taken) == 1
    for lease in several:
        lease.release()


def test_a_process_of_this_machine_that_has_died_is_taken_over_from_at_once(tmp_path):
    code = "import os, sys; from pathlib import Path; from foretell.locks import SharedLock\n"
    code += "assert SharedLock(Path(sys.argv[1])).take(); os.kill(os.getpid(), 9)"
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)]).returncode == -9
    lock = locks.SharedLock(tmp_path)
    assert lock.take()
    lock.release()


def test_without_flock_the_lease_alone_decides(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(locks.FileLock, "take", refuse)
    one, other = shared(tmp_path, "here"), shared(tmp_path, "here")
    assert one.take()
    assert not other.take()
    one.release()
    assert other.take()
    other.release()


def test_clocks_that_are_an_hour_apart_do_not_matter(tmp_path, monkeypatch):
    far, near = elsewhere(tmp_path, "far"), shared(tmp_path, "near")
    assert far.take(alone=True)
    monkeypatch.setattr(time, "time", lambda: 3600.0)
    assert not near.take()
    far.release()
    assert near.take()
    near.release()
