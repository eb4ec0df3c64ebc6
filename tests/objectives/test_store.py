"""Several processes at one store: who waits, for whom, and what comes of a holder's death."""

import os
import platform
import shutil
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from foretell.errors import RunBusyError
from foretell.locks import FileLock, Holder, Lease, SharedLock, lock_folder
from foretell.objectives import claim, store_folder
from foretell.progress import show_progress

# Does the work of a folder unless it is done; tells what it found, and is held up in the middle.
WORK = """
    import sys
    from pathlib import Path
    from foretell.objectives.store import claim
    from foretell.progress import show_progress
    folder = Path(sys.argv[1])
    with show_progress("lines"), claim(folder) as waited:
        done = (folder / "done").exists()
        print("found it" if done else "does it", waited, flush=True)
        if not done:
            sys.stdin.readline()
            (folder / "done").touch()
"""


@pytest.fixture
def work(tmp_path):
    started = []

    def start():
        words = [sys.executable, "-c", textwrap.dedent(WORK), str(tmp_path / "store")]
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        started.append(subprocess.Popen(words, text=True, **pipes))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_the_second_waits_says_for_whom_and_finds_the_work_done(work):
    first = work()
    assert first.stdout.readline() == "does it False\n"
    second = work()
    assert second.stderr.readline() == f"waiting for {first.pid} ...\n"
    first.communicate("go on\n")
    assert second.stdout.readline() == "found it True\n"


def test_a_holder_that_is_killed_is_taken_over_from(work):
    first = work()
    assert first.stdout.readline() == "does it False\n"
    second = work()
    assert second.stderr.readline() == f"waiting for {first.pid} ...\n"
    first.kill()
    assert second.stdout.readline() == "does it True\n"
    second.communicate("go on\n")
    with claim(Path(second.args[-1])) as waited:
        assert not waited


def test_what_is_claimed_tells_its_holder_to_those_who_will_not_wait(tmp_path):
    with claim(tmp_path / "store"):
        lock = FileLock(tmp_path / "store" / ".lock")
        assert not lock.take()
        holder = lock.holder()
        assert (holder.process, holder.host) == (os.getpid(), platform.node())
        assert holder.since
        with pytest.raises(RunBusyError, match=f"is in use by process {os.getpid()};"), lock_folder(tmp_path / "store"):
            pass


def test_a_lock_of_an_older_version_is_read(tmp_path):
    path = tmp_path / ".lock"
    for text, holder in (("123", Holder(123)), ("", None), ("12\n{torn", None)):
        path.write_text(text)
        assert FileLock(path).holder() == holder


class ThirdTry:
    """A lock of another kind: free after three tries."""

    def __init__(self):
        self.tries, self.held = 0, False

    def take(self):
        self.tries += 1
        self.held = self.tries == 4
        return self.held

    def holder(self):
        return Holder(7, "far", "foretell search", "2026-11-25T18:02:03+00:00")

    def release(self):
        self.held = False


def test_the_display_names_holder_machine_command_and_time(tmp_path, monkeypatch, capsys):
    from foretell import progress
    from foretell.objectives import store

    monkeypatch.setattr(progress, "_LINE_EVERY", 0.0)
    monkeypatch.setattr(store, "_LOOK_EVERY", 0.0)
    lease = ThirdTry()
    with show_progress("lines"), claim(tmp_path, lease) as waited:
        assert waited
        assert lease.held
    assert not lease.held
    told = capsys.readouterr().err
    assert "waiting for 7 ..." in told
    assert "process 7 on far (foretell search), since 2026-11-25 18:02:03" in told


def test_the_claim_ends_with_the_block_even_by_an_error(tmp_path):
    with pytest.raises(ZeroDivisionError), claim(tmp_path):
        raise ZeroDivisionError
    with claim(tmp_path) as waited:
        assert not waited


def test_folders_of_the_store_are_named_by_kind_and_key(tmp_path, monkeypatch):
    monkeypatch.setenv("FORETELL_CACHE", str(tmp_path))
    assert store_folder("trained", "abc") == tmp_path / "trained" / "abc"


FAR = """
    import sys
    from pathlib import Path
    from foretell.locks import Lease, SharedLock
    from foretell.objectives import claim
    folder = Path(sys.argv[1])
    with claim(folder, SharedLock(folder, Lease(folder / ".lease", machine="far", seconds=1.0))):
        print("holds it", flush=True)
        sys.stdin.readline()
"""


def test_a_holder_on_another_machine_that_is_killed_is_taken_over_from(tmp_path):
    words = [sys.executable, "-c", textwrap.dedent(FAR), str(tmp_path)]
    with subprocess.Popen(words, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as far:
        assert far.stdout.readline() == "holds it\n"
        near = SharedLock(tmp_path, Lease(tmp_path / ".lease", machine="near", seconds=1.0))
        assert not near.take()
        assert near.holder().process == far.pid
        far.kill()
    with claim(tmp_path, near) as waited:
        assert waited


HOST = """
    import socket
    socket.sethostname("far")
    import sys
    from pathlib import Path
    from foretell.locks import Lease, SharedLock
    from foretell.objectives import claim
    folder = Path(sys.argv[1])
    with claim(folder, SharedLock(folder, Lease(folder / ".lease", seconds=1.0))):
        print("holds it", flush=True)
        sys.stdin.readline()
"""


def test_a_host_with_a_name_and_a_network_of_its_own_is_waited_for_and_taken_over_from(tmp_path):
    """A machine that shares nothing with this one but the folder and the kernel."""
    apart = ["unshare", "--net", "--uts"]
    if shutil.which("unshare") is None or subprocess.run([*apart, "true"], capture_output=True).returncode:
        pytest.skip("namespaces are not permitted here")
    words = [*apart, sys.executable, "-c", textwrap.dedent(HOST), str(tmp_path)]
    with subprocess.Popen(words, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as far:
        assert far.stdout.readline() == "holds it\n"
        near = SharedLock(tmp_path, Lease(tmp_path / ".lease", seconds=1.0))
        assert not near.take()
        assert (near.holder().process, near.holder().host) == (far.pid, "far")
        far.kill()  # `unshare` has become the process
    start = time.monotonic()
    with claim(tmp_path, near) as waited:
        assert waited
    assert time.monotonic() - start > 0.5  # its lease was waited for
