"""Runs one program and ends everything that it started when it ends, or when nobody wants it any more.

A program of its own: started by path with a socket's number and the program's words, in a session of its own. It tells
by the socket, in JSON lines, the number of the program's process group and then how it ended. The end of the other side
(its process has died, however it died) is the end of the program. Imports nothing of foretell, to start at once.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path

_DIE_WITH_PARENT, _ADOPT = 1, 36  # PR_SET_PDEATHSIG and PR_SET_CHILD_SUBREAPER of Linux


def main(link: socket.socket, words: list[str]) -> None:
    """Run a program to its end."""
    # Workers are deaf to an interrupt and so would be all that they start.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None
    if prctl is not None:
        prctl(_ADOPT, 1)  # who daemonises becomes our child
    wake, woken = socket.socketpair()
    for end in (wake, woken):
        end.setblocking(False)
    signal.set_wakeup_fd(woken.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    try:
        program = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            # Between fork and exec of a process without threads.
            preexec_fn=(lambda: prctl(_DIE_WITH_PARENT, signal.SIGKILL)) if prctl is not None else None,
        )
    except OSError as error:
        tell(link, {"error": error.strerror or str(error)})
        return
    tell(link, {"group": program.pid})
    status = None
    while status is None:
        ready, _, _ = select.select([link, wake], [], [])
        if wake in ready:
            wake.recv(1024)
            status = reap(program.pid)
        if link in ready:
            break
    kill_all(program.pid)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    code = None if status is None else os.waitstatus_to_exitcode(status)
    tell(link, {"code": code, "cpu_seconds": round(used.ru_utime + used.ru_stime, 3)})


def tell(link: socket.socket, value: dict[str, object]) -> None:
    """Tell the other side, if it is still there."""
    with contextlib.suppress(OSError):
        link.sendall(json.dumps(value).encode() + b"\n")


def reap(program: int) -> int | None:
    """Collect all children that have ended; the program's status, if it is among them."""
    status = None
    with contextlib.suppress(ChildProcessError):
        while True:
            child, ended = os.waitpid(-1, os.WNOHANG)
            if child == 0:
                break
            if child == program:
                status = ended
    return status


def kill_all(group: int) -> None:
    """Kill the program's process group, and whoever has left it, until nobody is left."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
    while True:
        left = children()
        for child in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(child, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            if not left:
                reap(0)
                return
            os.waitpid(-1, 0)


def children() -> list[int]:
    """Our children that have not ended; their own become ours as they end."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent = entry.read_text(errors="replace").rpartition(")")[2].split()[:2]
            if int(parent) == os.getpid() and state not in "ZX":
                found.append(int(entry.parent.name))
    return found


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])), sys.argv[2:])
