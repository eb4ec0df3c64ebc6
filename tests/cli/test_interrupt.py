"""Ctrl-C in real processes: one sentence, exit code 130, and the command that goes on."""

import os
import signal
import subprocess
import sys
import time

import pytest
import typer.main

from foretell.cli.app import commands
from foretell.cli.interrupt import how_to_go_on

STUBBORN = """
import sys, threading, time
from foretell import spaces
from foretell.cli import main

def hang():
    {body}

spaces.names = hang
sys.exit(main(["spaces", "list"]))
"""
# What does not end at the first Ctrl-C: a thread that has to be waited for, and code that catches everything.
WAITING = "threading.Thread(target=time.sleep, args=(600,)).start(); print('up', flush=True); time.sleep(600)"
SWALLOWING = """
    while True:
        try:
            print('up', flush=True); time.sleep(600)
        except {caught}:
            pass
"""
ASKING = """
    import asyncio
    async def ask():
        try:
            await asyncio.sleep(600)
        except Exception:
            await asyncio.sleep(600)
    async def all_of_them():
        print('up', flush=True)
        await asyncio.gather(*(ask() for _ in range(32)), return_exceptions=True)
    asyncio.run(all_of_them())
"""
WORKING = """
    import signal
    from foretell.objectives import Job, run_jobs
    print('up', flush=True)
    run_jobs([Job('a', signal.pause)] * 2)
"""


def start(*command, **more):
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


def interrupt_until_told(process):
    """SIGINT, and wait for the sentence."""
    process.send_signal(signal.SIGINT)
    return process.stderr.readline()


def test_a_command_that_waits_for_its_input_ends_with_one_sentence():
    body = "print('up', flush=True); sys.stdin.read()"
    process = start(sys.executable, "-c", STUBBORN.format(body=body), stdin=subprocess.PIPE)
    assert process.stdout.readline() == "up\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert err == "foretell: interrupted; what was finished is kept; go on with: foretell spaces list\n"


@pytest.mark.parametrize("body", [SWALLOWING.format(caught="Exception"), ASKING], ids=["one", "many at once"])
def test_code_that_retries_whatever_fails_does_not_retry_an_interrupt(body):
    process = start(sys.executable, "-c", STUBBORN.format(body=body))
    assert process.stdout.readline() == "up\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert err.strip() == "foretell: interrupted; what was finished is kept; go on with: foretell spaces list"


def test_a_second_interrupt_ends_a_command_that_waits_for_a_thread():
    process = start(sys.executable, "-c", STUBBORN.format(body=WAITING))
    assert process.stdout.readline() == "up\n"
    sentence = interrupt_until_told(process)
    assert sentence.startswith("foretell: interrupted;")
    time.sleep(0.5)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=60)
    assert (process.returncode, rest) == (130, "")


def test_a_second_interrupt_ends_a_command_that_catches_the_first():
    process = start(sys.executable, "-c", STUBBORN.format(body=SWALLOWING.format(caught="BaseException")))
    assert process.stdout.readline() == "up\n"
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "up\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.strip() == "foretell: interrupted; what was finished is kept; go on with: foretell spaces list"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("search study.yaml --seed 3", "search study.yaml --seed 3 --resume"),
        ("search --resume", "search --resume"),
        ("latency measure --n 9", "latency measure --n 9"),
        ("supernet train", "supernet train"),
        ("train --observe 10 --out 'a b'", "train --observe 10 --out 'a b' --resume"),
    ],
)
def test_the_sentence_names_the_command_that_goes_on(given, told):
    import shlex

    sentence = how_to_go_on(typer.main.get_command(commands()), shlex.split(given))
    assert sentence == f"interrupted; what was finished is kept; go on with: foretell {told}"


@pytest.mark.network
@pytest.mark.parametrize(("times", "after"), [(1, 0.1), (1, 1.0), (2, 0.5), (5, 0.0)])
def test_ctrl_c_at_a_terminal_reaches_the_workers_too_and_is_told_once(tmp_path, times, after):
    """A terminal signals the whole process group, workers that are only starting included."""
    script = tmp_path / "script.py"
    script.write_text(STUBBORN.format(body=WORKING).replace("sys.exit", "if __name__ == '__main__': sys.exit"))
    process = start(sys.executable, str(script), start_new_session=True)
    assert process.stdout.readline() == "up\n"
    time.sleep(after)
    for _ in range(times):
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
            time.sleep(0.02)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err, err
    told = [line for line in err.splitlines() if line.startswith("foretell:")]
    assert told == ["foretell: interrupted; what was finished is kept; go on with: foretell spaces list"]
