import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from foretell.errors import ForetellError, InputError
from foretell.objectives import Job, run_jobs

pytestmark = pytest.mark.network  # each worker imports torch


def double(x):
    return 2 * x


def refuse(x):
    raise InputError(f"{x} is refused.")


def want_too_much():
    import torch

    return torch.zeros(1 << 55)


def fail():
    return 1 // 0


def vanish():
    os.kill(os.getpid(), signal.SIGKILL)


def threads():
    import torch

    return torch.get_num_threads()


def sleep(marker):
    marker.write_text(str(os.getpid()))
    time.sleep(600)


def is_running(pid):
    """Whether a process lives; one that has ended but was not waited for does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")


def test_results_come_in_order_and_each_worker_has_one_thread():
    ended = []
    found = run_jobs(
        [Job("a", double, {"x": 4}), Job("b", threads), Job("c", double, {"x": 5})],
        workers=2,
        on_done=lambda index, result: ended.append((index, result)),
    )
    assert found == [8, 1, 10]
    assert sorted(ended) == [(0, 8), (1, 1), (2, 10)]


def test_an_error_of_a_job_keeps_its_sentence_and_exit_code():
    with pytest.raises(ForetellError, match="7 is refused") as caught:
        run_jobs([Job("bad", refuse, {"x": 7})])
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (want_too_much, "there is not enough memory; .* run the same command again"),
        (fail, "unexpected ZeroDivisionError"),
    ],
)
def test_what_goes_wrong_in_a_job_is_one_sentence_here_with_its_traceback_for_debugging(capfd, function, told):
    with pytest.raises(ForetellError, match=told) as caught:
        run_jobs([Job("bad", function)])
    assert caught.value.exit_code == 1
    assert f"in {function.__name__}" in caught.value.__notes__[0]
    assert "Traceback" not in capfd.readouterr().err


def test_a_worker_that_is_killed_is_named():
    with pytest.raises(ForetellError, match=r"'doomed' was killed \(exit code -9\).*--resume"):
        run_jobs([Job("doomed", vanish)])


def test_workers_die_with_their_parent(tmp_path):
    marker = tmp_path / "pid"
    script = (
        "from pathlib import Path\nfrom foretell.objectives import Job, run_jobs\n"
        "from tests.objectives.executors.test_processes import sleep\n"
        f"if __name__ == '__main__': run_jobs([Job('s', sleep, {{'marker': Path({str(marker)!r})}})])"
    )
    path = tmp_path / "parent.py"
    path.write_text(script)
    parent = subprocess.Popen(
        [sys.executable, str(path)], env={**os.environ, "PYTHONPATH": f"{Path.cwd()}{os.pathsep}src"}
    )
    deadline = time.monotonic() + 60
    while not (marker.exists() and marker.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    child = int(marker.read_text())
    parent.kill()
    parent.wait()
    while time.monotonic() < deadline:
        if not is_running(child):
            return
        time.sleep(0.05)
    pytest.fail(f"worker {child} outlived its parent")
