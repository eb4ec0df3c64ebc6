"""What the tests of executors give to workers, of this machine or another."""

import os
import signal
import time

from foretell.errors import InputError
from foretell.objectives import Job
from foretell.progress import track


def double(x):
    return 2 * x


def refuse(x):
    raise InputError(f"{x} is refused.")


def vanish():
    os.kill(os.getpid(), signal.SIGKILL)


def sleep(marker):
    marker.write_text(f"{os.getpid()}\n")
    time.sleep(600)


def wait_for(path, begun):
    """Ends when a file is there; each beginning is a line."""
    with begun.open("a") as file:
        file.write(f"{os.getpid()}\n")
    while not path.exists():
        time.sleep(0.05)
    return path.name


def steps(folder, count, pause):
    """Goes on from its last step wherever it is begun again; every step is a line."""
    done = folder / "steps"
    with track("steps", count) as meter:
        while (at := len(done.read_text().splitlines()) if done.exists() else 0) < count:
            time.sleep(pause)
            with done.open("a") as file:
                file.write(f"{os.getpid()}\n")
            meter.update(at + 1)
    return count


def threads():
    return os.environ["OMP_NUM_THREADS"]


def doubled(*numbers):
    return [Job(f"double {x}", double, {"x": x}, key=f"double {x}") for x in numbers]
