"""What the tests of executors give to workers, of this machine or another."""

import os
import signal
import time
from unittest.mock import patch

from foretell.errors import InputError
from foretell.objectives import Job, claim
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


def read(path):
    return path.read_text()


def claimed_steps(folder, count, pause):
    """As `steps`, in a folder of the store."""
    with claim(folder):
        return steps(folder, count, pause)


def threads():
    return os.environ["OMP_NUM_THREADS"]


def doubled(*numbers):
    return [Job(f"double {x}", double, {"x": x}, key=f"double {x}") for x in numbers]


def logged(job, **told):
    """A training as `logged_apart`, where the driver's folder is seen."""
    return logged_apart(job.function, job.arguments, **told)


def logged_apart(function, arguments, log, pause=0.0, dies=None):
    """A training that writes down each of its updates.

    Of several processes the second one dies before the update `dies`, once.
    """
    from foretell.training import loop

    update, dead = loop._Run._update, log.with_suffix(".dead")

    def told(self, number):
        time.sleep(pause)
        if number == dies and os.environ.get("RANK") == "1" and not dead.exists():
            dead.touch()
            vanish()
        with log.open("a") as file:
            file.write(f"{number}\n")
        return update(self, number)

    with patch.object(loop._Run, "_update", told):
        return function(**arguments)
