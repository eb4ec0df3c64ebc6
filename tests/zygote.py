"""Starts the `foretell` command many times and imports its libraries once.

A run of a toy study takes a second, and importing torch, in the command and in each of its workers, takes several.
So one process imports everything and then forks: each child runs the command's own entry point in a process of its
own, with its own folder, environment and output, and can be killed like any other. Its workers are forked too, with
nothing of their parent's open but their pipe, as a spawned worker has it.

As a program it reads one JSON object a line (arguments, folder, output, environment) and answers each with the
process number and, when that process has ended, with its status. Asked for a twin, it forks another such program.
"""

import gc
import json
import multiprocessing.popen_fork
import os
import signal
import subprocess
import sys
import traceback
from dataclasses import replace
from importlib import import_module
from multiprocessing.context import SpawnContext, SpawnProcess
from pathlib import Path
from select import select
from tempfile import TemporaryDirectory
from types import ModuleType

from foretell import spaces
from foretell.cli import app
from foretell.costs.latency import measuring
from foretell.predictors import distilled, experience_model
from foretell.predictors.records import shipped_records
from foretell.report import trust

_LIBRARIES = (
    "openai",
    "sacrebleu",
    "safetensors.torch",
    "scipy.stats",
    "sentencepiece",
    "sklearn.linear_model",
    "torch._dynamo",  # which the first optimiser asks for
    "foretell.llm.api",
    "foretell.nn",
    "foretell.predictors.llm",
    "foretell.search",
    "foretell.study",
    "foretell.training",
)
COMMAND_LINE, PYTHON = "foretell.cli.app:main", "tests.zygote:run_python"
"""What a zygote runs: our command, or Python with the arguments that `python` takes, `-c CODE` or a file."""


class Zygote:
    """The tests' side: a running zygote. Used as a context manager.

    Args:
        preload: A shared library that its children have in front of the C library, or None.
        threads: How many threads numerical libraries may use in a command.
    """

    def __init__(self, preload=None, threads=1):
        self.preload, self.threads, self.free = preload, str(threads), True

    def __enter__(self):
        environment = {**os.environ, "OMP_NUM_THREADS": self.threads, "OPENBLAS_NUM_THREADS": self.threads}
        environment["OMP_WAIT_POLICY"] = "passive"  # threads that wait for one another leave the processor to others
        if self.preload:
            environment["LD_PRELOAD"] = str(self.preload)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.zygote"],
            env=environment,
            cwd=Path(__file__).parents[1],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.process.stdout.readline()  # it is ready
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()

    def twin(self, folder):
        """Another zygote with the same imports, forked from this one, which must not run a command meanwhile.

        Args:
            folder: An empty one, for the twin's pipes.
        """
        pipes = [folder / name for name in ("requests", "replies")]
        for pipe in pipes:
            os.mkfifo(pipe)
        self.process.stdin.write(json.dumps({"twin": [str(pipe) for pipe in pipes]}).encode() + b"\n")
        self.process.stdin.flush()
        found = Zygote(self.preload, self.threads)
        found.process = _Twin(pipes[0].open("wb"), pipes[1].open("rb"))
        found.process.stdout.readline()  # it is ready
        return found

    def start(self, arguments, folder, output, *, entry=COMMAND_LINE, **environment):
        """Begin one command; the one before must have ended. Returns its process number, which names its group.

        Args:
            arguments: What follows `foretell`, or what the function gets.
            folder: Where it runs.
            output: Gets what it says, in `out.txt` and `err.txt`.
            entry: `module:function`, called with the list of arguments; its result is the exit code (None: 0).
            **environment: Added to the environment.
        """
        places = {"folder": str(folder), "output": str(output)}
        request = {"arguments": [str(item) for item in arguments], "environment": environment, "entry": entry, **places}
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        self.process.stdin.flush()
        self.pid = int(self.process.stdout.readline())
        self.free = False
        return self.pid

    def ended(self, seconds):
        """Whether the command ends within so many seconds."""
        return bool(select([self.process.stdout], [], [], seconds)[0])

    def status(self):
        """Wait for the end: the exit code, negative for a signal."""
        self.free = True
        return os.waitstatus_to_exitcode(int(self.process.stdout.readline()))


class _Twin:
    """What `Zygote` asks of its process, of one that is another zygote's child."""

    def __init__(self, stdin, stdout):
        self.stdin, self.stdout = stdin, stdout

    def wait(self, _seconds):
        self.stdout.read()


class Zygotes:
    """Zygotes, each begun when no other one with its number of threads is free. Used as a context manager.

    Args:
        preload: See `Zygote`.
    """

    def __init__(self, preload=None):
        self._preload, self._first, self._begun = preload, {}, []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for zygote in (*self._begun, *self._first.values()):
            zygote.__exit__()

    def another(self, threads=1):
        """A zygote that nobody else has; all with a number of threads are forked from one that runs no commands."""
        first = self._first.get(str(threads))
        if first is None:
            first = self._first[str(threads)] = Zygote(self._preload, threads).__enter__()
        with TemporaryDirectory() as folder:
            self._begun.append(first.twin(Path(folder)))
        return self._begun[-1]

    def started(self, arguments, folder, output, *, threads=1, entry=COMMAND_LINE, **environment):
        """Begin one command, beside those that run; a handle on it. Arguments as of `Zygote.start`."""
        for zygote in self._begun:
            if zygote.threads == str(threads) and zygote.free:
                break
        else:
            zygote = self.another(threads)
        return Started(zygote, zygote.start(arguments, folder, output, entry=entry, **environment), Path(output))


class Started:
    """A command that a zygote runs, with the words of `subprocess.Popen`."""

    def __init__(self, zygote, pid, output):
        self.pid, self.returncode = pid, None
        self._zygote, self._output = zygote, output

    def poll(self):
        """The exit code if it has ended, negative for a signal; None before."""
        if self.returncode is None and self._zygote.ended(0):
            self.returncode = self._zygote.status()
        return self.returncode

    def communicate(self, timeout=300):
        """Wait for the end: what it wrote to standard output and to standard error."""
        if self.returncode is None and not self._zygote.ended(timeout):
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout)
        self.poll()
        return tuple((self._output / name).read_text(encoding="utf-8") for name in ("out.txt", "err.txt"))

    def send_signal(self, signal_):
        """Send a signal to the command alone, not to its workers."""
        if self.poll() is None:
            os.kill(self.pid, signal_)

    def end(self):
        """Kill what is left of it, workers too; the zygote is free for the next."""
        if self.poll() is None:
            os.killpg(self.pid, signal.SIGKILL)
            self.communicate()


class _Fork(multiprocessing.popen_fork.Popen):
    """A forked worker that holds what a spawned one would hold."""

    def _launch(self, process):
        code = 1
        kept, self.finalizer = process._args[0].fileno(), None
        self.pid = os.fork()
        if self.pid:
            self.sentinel = os.pidfd_open(self.pid)
            return
        try:
            highest = os.sysconf("SC_OPEN_MAX")
            os.closerange(3, kept)
            os.closerange(kept + 1, highest)
            code = process._bootstrap()
        finally:
            os._exit(code)


class _ForkedWorker(SpawnProcess):
    @staticmethod
    def _Popen(process):
        return _Fork(process)


def run_python(arguments):
    """What `python -c CODE ...` or `python FILE ...` does."""
    code = arguments.pop(1) if arguments[0] == "-c" else Path(arguments[0]).read_text(encoding="utf-8")
    sys.argv, sys.path[0] = arguments, ""
    main = sys.modules["__main__"] = ModuleType("__main__")
    try:
        exec(compile(code, arguments[0], "exec"), main.__dict__)  # noqa: S102 - what a test or a page has written
    except SystemExit as ended:
        return ended.code
    except Exception:
        traceback.print_exc()
        return 1


def _command(request):
    """The life of a child."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for descriptor, name in ((1, "out.txt"), (2, "err.txt")):
        path = Path(request["output"], name)
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), descriptor)
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    code = 70
    try:
        module, _, function = request["entry"].partition(":")
        code = getattr(import_module(module), function)(request["arguments"]) or 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _serve():
    for name in _LIBRARIES:
        import_module(name)
    app.commands()
    # As elsewhere in the tests: a student of a few dozen labels learns for long enough to be one.
    distilled._DEFAULT = replace(distilled._DEFAULT, steps=80)
    # And what is measured and judged on the way to something else need not be known well.
    measuring._REPEATS = measuring.Repeats(most=8, relative_width=0.25, warm_up=1)
    trust._DIVISIONS = 3
    experience_model._GRID = {name: grid[-2:] for name, grid in experience_model._GRID.items()}
    shipped_records(spaces.create("small-seq2seq"))  # are read once, not by every command
    SpawnContext.Process = _ForkedWorker
    requests, replies = sys.stdin, os.fdopen(os.dup(1), "w")
    gc.freeze()
    print("ready", file=replies, flush=True)
    # `readline`: a twin must not begin with what its elder has read ahead.
    while line := requests.readline():
        request = json.loads(line)
        pid = os.fork()
        if "twin" in request:
            if not pid:
                paths = map(Path, request["twin"])
                requests, replies = next(paths).open(), next(paths).open("w")
                print("ready", file=replies, flush=True)
            continue
        if not pid:
            replies.close()
            _command(request)
        os.setpgid(pid, pid)  # before anybody knows its number: it can be signalled with its workers
        print(pid, file=replies, flush=True)
        print(os.waitpid(pid, 0)[1], file=replies, flush=True)


if __name__ == "__main__":
    _serve()
