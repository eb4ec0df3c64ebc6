"""Who dies with whom: the program with its supervisor, with an interrupt, and with the process that wanted it."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from foretell.errors import ForetellError
from foretell.objectives.running import run_program
from tests.objectives.programs import eventually, is_running, number_in

# A program with a child that has left its process group.
FAMILY = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    with open("child.part", "w") as file:
        file.write(f"{os.getpid()}\\n")
    os.rename("child.part", "child")
    time.sleep(600)
print(os.getppid(), flush=True)
with open("part", "w") as file:
    file.write(f"{os.getpid()}\\n")
os.rename("part", "program")
time.sleep(600)
"""


def run(folder, on_output=lambda name, data: None, code=FAMILY, limit=None):
    words = [sys.executable, "-S", "-c", code]
    return run_program(words, cwd=folder, env=dict(os.environ), limit=limit, on_output=on_output)


def family(folder):
    return [number_in(folder / name) for name in ("program", "child")]


def are_gone(folder):
    return eventually(lambda: not any(map(is_running, family(folder))))


def test_a_program_dies_with_the_process_that_wanted_it(tmp_path):
    script = "from pathlib import Path\nfrom tests.objectives.test_running import run\nrun(Path('.'))"
    root = os.getcwd()  # noqa: PTH109 - the parent runs elsewhere
    env = {**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{root}/src"}
    parent = subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path, env=env)
    pids = family(tmp_path)
    assert all(map(is_running, pids))
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert are_gone(tmp_path)


@pytest.fixture
def interruptible():
    """A shell's background jobs are deaf to an interrupt, and so would be this test in one."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupt_ends_the_program(tmp_path, interruptible):
    def interrupt():
        family(tmp_path)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path)
    thread.join()
    assert are_gone(tmp_path)


def test_a_supervisor_that_is_killed_is_an_error_and_its_program_gone(tmp_path):
    said = bytearray()

    def kill():
        family(tmp_path)
        assert eventually(lambda: said.endswith(b"\n"))
        os.kill(int(said), signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    with pytest.raises(ForetellError, match=r"what watches over the command .* was killed"):
        run(tmp_path, lambda name, data: said.extend(data))
    thread.join()
    program, child = family(tmp_path)
    assert eventually(lambda: not is_running(program))
    os.kill(child, signal.SIGKILL)  # nobody is left who could know of it


def test_interrupts_reach_a_program_as_if_it_were_started_from_a_terminal(tmp_path):
    """Workers ignore them, and what they start must not inherit that."""
    code = "import signal; print(signal.getsignal(2) is signal.default_int_handler, signal.pthread_sigmask(1, []))"
    said = bytearray()
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        ended = run(tmp_path, lambda name, data: said.extend(data), code)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        signal.signal(signal.SIGINT, before)
    assert ended.code == 0
    assert said == b"True set()\n"


def test_processor_time_of_the_whole_family_is_counted(tmp_path):
    code = "import os, time\nif os.fork() == 0:\n  while time.process_time() < 0.2: pass\nelse: os.wait()"
    ended = run(tmp_path, code=code)
    assert ended.code == 0
    assert ended.cpu_seconds >= 0.2
    assert ended.seconds > 0
