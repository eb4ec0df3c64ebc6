import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from foretell.errors import ForetellError, InputError
from foretell.objectives import Executor, Job, ProcessExecutor, label_job, run_jobs
from foretell.observations import Observation
from tests.objectives.programs import SPACE, eventually, is_running, number_in, objective

pytestmark = pytest.mark.network  # some workers import torch


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
    marker.write_text(f"{os.getpid()}\n")
    time.sleep(600)


def wait_for(path):
    while not path.exists():
        time.sleep(0.01)
    return path.name


def visible():
    return os.environ["CUDA_VISIBLE_DEVICES"], os.environ["OMP_NUM_THREADS"]


def have_children():
    """As a loader of data does."""
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return pool.map(double, [3])


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
    child = number_in(marker)
    parent.kill()
    parent.wait()
    assert eventually(lambda: not is_running(child))


# ---- the protocol


def test_results_come_in_order_of_arrival_and_more_may_be_submitted(tmp_path):
    with ProcessExecutor(2) as executor:
        slow = executor.submit(Job("slow", wait_for, {"path": tmp_path / "go"}))
        fast = executor.submit(Job("fast", double, {"x": 1}))
        later = None
        ended = []
        for each in executor.completed():
            ended.append(each)
            if each.handle == fast:
                later = executor.submit(Job("later", double, {"x": 2}))
            elif each.handle == later:
                (tmp_path / "go").touch()
    assert [each.handle for each in ended] == [fast, later, slow]
    assert [each.value for each in ended] == [2, 4, "go"]
    assert isinstance(executor, Executor)


def test_a_failure_disturbs_no_other_job():
    with ProcessExecutor(2) as executor:
        jobs = [Job("bad", refuse, {"x": 7}), Job("doomed", vanish), Job("good", double, {"x": 1})]
        jobs += [Job("local", lambda: 1)]
        handles = [executor.submit(job) for job in jobs]
        ended = {each.handle: each for each in executor.completed()}
    bad, doomed, good, local = (ended[handle] for handle in handles)
    assert str(bad.error) == "7 is refused."
    assert "was killed (exit code -9)" in str(doomed.error)
    assert (good.value, good.error) == (2, None)
    assert isinstance(local.error, InputError)
    assert "the job 'local' cannot be given to another process" in str(local.error)


def test_what_is_cancelled_never_comes_out(tmp_path):
    with ProcessExecutor(1) as executor:
        running = executor.submit(Job("running", sleep, {"marker": tmp_path / "pid"}))
        waiting = executor.submit(Job("waiting", double, {"x": 1}))
        last = executor.submit(Job("last", double, {"x": 2}))
        pid = number_in(tmp_path / "pid")
        executor.cancel(waiting)
        executor.cancel(running)
        assert not is_running(pid)
        assert [each.handle for each in executor.completed()] == [last]
        executor.cancel(last)


def test_nothing_runs_after_the_end(tmp_path):
    with ProcessExecutor(2) as executor:
        executor.submit(Job("running", sleep, {"marker": tmp_path / "pid"}))
        pid = number_in(tmp_path / "pid")
    assert not is_running(pid)


def test_each_job_has_a_device_to_itself():
    with ProcessExecutor(devices=("3", "5"), threads=2) as executor:
        assert executor.slots == 2
        for _ in range(3):
            executor.submit(Job("visible", visible))
        seen = [each.value for each in executor.completed()]
    assert {device for device, _ in seen} == {"3", "5"}
    assert {threads for _, threads in seen} == {"2"}
    with pytest.raises(InputError, match="3 jobs at a time would share 2 devices"):
        ProcessExecutor(3, devices=("0", "1"))


def test_a_job_may_have_processes_of_its_own():
    assert run_jobs([Job("parent", have_children)]) == [[6]]


def test_an_interrupted_script_that_closes_nothing_still_ends(tmp_path):
    """Workers are no daemons, so that multiprocessing would wait for them for ever."""
    script = (
        "from pathlib import Path\nfrom foretell.objectives import Job, ProcessExecutor\n"
        "from tests.objectives.executors.test_processes import sleep\nfrom tests.objectives.programs import number_in\n"
        "if __name__ == '__main__':\n"
        f"    marker = Path({str(tmp_path / 'pid')!r})\n"
        "    executor = ProcessExecutor(1)\n    executor.submit(Job('s', sleep, {'marker': marker}))\n"
        "    number_in(marker)\n    raise SystemExit(3)"
    )
    (tmp_path / "parent.py").write_text(script)
    env = {**os.environ, "PYTHONPATH": f"{Path.cwd()}{os.pathsep}src"}
    assert subprocess.run([sys.executable, str(tmp_path / "parent.py")], env=env, timeout=120).returncode == 3
    assert not is_running(number_in(tmp_path / "pid"))


def test_a_label_is_given_in_another_process(tmp_path):
    found = objective(tmp_path)
    job = label_job(found, SPACE.smallest(), seed=3, fidelity=1.0, folder=tmp_path / "one")
    (values,) = run_jobs([job])
    observation = Observation.from_dict(SPACE, values)
    assert observation.metrics == {"loss": 2.5}
    assert observation.provenance["seed"] == 3
