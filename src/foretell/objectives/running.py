"""Running the user's program to its end, or ending it and everything that it started."""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from foretell.errors import ForetellError, InputError

__all__ = ["Ended", "run_program"]

_SUPERVISOR = Path(__file__).with_name("supervisor.py")
_CHUNK = 1 << 16
_PATIENCE = 10.0
"""Seconds that the supervisor may take to end everything; then it is ended itself."""


@dataclass(frozen=True)
class Ended:
    """How a program ended.

    Attributes:
        code: Its exit code, negative for the signal that killed it; None where it was stopped.
        seconds: Wall-clock time.
        cpu_seconds: Processor time of it and of all that it waited for.
    """

    code: int | None
    seconds: float
    cpu_seconds: float


def run_program(
    words: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    limit: float | None,
    on_output: Callable[[str, bytes], None],
) -> Ended:
    """Run a program; when it ends, is stopped, or this process dies, all that it has started ends with it.

    Args:
        words: The program and its arguments.
        cwd: The folder that it runs in.
        env: Its variables.
        limit: Seconds until it is stopped; None: none.
        on_output: Called with "stdout" or "stderr" and the next bytes of it; never waited for by the program for
            longer than the call takes.

    Raises:
        InputError: It cannot be started.
        ForetellError: Its supervisor was killed.
    """
    ours, theirs = socket.socketpair()
    with ExitStack() as stack:
        stack.enter_context(ours)
        with theirs:
            supervisor = subprocess.Popen(
                # -I and -S: nothing of the user's environment has a part in it, and it starts at once.
                [sys.executable, "-I", "-S", str(_SUPERVISOR), str(theirs.fileno()), *words],
                cwd=cwd,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        watched = _Watched(supervisor, ours, on_output)
        stack.callback(watched.end)
        return watched.wait(words[0], limit)


class _Watched:
    """A running supervisor."""

    def __init__(
        self, supervisor: subprocess.Popen[bytes], link: socket.socket, on_output: Callable[[str, bytes], None]
    ) -> None:
        self.supervisor, self.link, self.on_output = supervisor, link, on_output
        self.start = time.monotonic()
        self.said = b""
        self._selector = selectors.DefaultSelector()
        self._selector.register(link, selectors.EVENT_READ, "link")
        self._streams: dict[str, IO[bytes]] = {}
        for name, stream in (("stdout", supervisor.stdout), ("stderr", supervisor.stderr)):
            assert stream is not None  # noqa: S101 - both are pipes
            self._streams[name] = stream
            os.set_blocking(stream.fileno(), False)
            self._selector.register(stream, selectors.EVENT_READ, name)

    def wait(self, program: str, limit: float | None) -> Ended:
        stopped = self._listen(None if limit is None else self.start + limit)
        if stopped:
            self.link.shutdown(socket.SHUT_WR)
            self._listen(time.monotonic() + _PATIENCE)
        told = self._told()
        if "error" in told:
            raise InputError(f"the command {program!r} cannot be run ({told['error']}); correct it, or its rights.")
        if "code" not in told and not stopped:
            raise ForetellError(
                f"what watches over the command {program!r} was killed, perhaps for want of memory; run the same "
                "command with --resume to go on."
            )
        seconds = time.monotonic() - self.start
        code = None if stopped else told["code"]
        return Ended(code, round(seconds, 3), told.get("cpu_seconds", 0.0))

    def _listen(self, deadline: float | None) -> bool:
        """Pass output on until the supervisor has ended; whether the time was up before."""
        while "link" in {key.data for key in self._selector.get_map().values()}:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return True
            for key, _ in self._selector.select(left):
                self._read(key)
        # What was printed last; whoever holds the other end has ended, or has escaped and is not waited for.
        for key in list(self._selector.get_map().values()):
            while self._read(key):
                pass
        return False

    def _read(self, key: selectors.SelectorKey) -> bool:
        """Take the next piece of a stream; whether there was one."""
        try:
            data = os.read(key.fd, _CHUNK)
        except BlockingIOError:
            return False
        except ConnectionResetError:
            data = b""
        if not data:
            self._selector.unregister(key.fileobj)
        elif key.data == "link":
            self.said += data
        else:
            self.on_output(key.data, data)
        return bool(data)

    def _told(self) -> dict[str, Any]:
        told: dict[str, Any] = {}
        for line in self.said.splitlines():
            told |= json.loads(line)
        return told

    def end(self) -> None:
        """End everything that still runs, on whatever way out."""
        with suppress(OSError):
            self.link.shutdown(socket.SHUT_WR)
        try:
            self.supervisor.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self.supervisor.kill()
            self.supervisor.wait()
        finally:
            with suppress(OSError):
                self.link.setblocking(False)
                self.said += self.link.recv(_CHUNK)
            told = self._told()
            group = told.get("group")
            # Gone already, unless the supervisor was killed before it could see to that.
            if isinstance(group, int) and "code" not in told:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(group, signal.SIGKILL)
            self._selector.close()
            for stream in self._streams.values():
                stream.close()
