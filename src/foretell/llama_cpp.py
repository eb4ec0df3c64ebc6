"""llama.cpp in this process: a GGUF file served by xllamacpp (the extra `local`)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from foretell.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from xllamacpp import Server

__all__ = ["import_runtime", "serve"]


def import_runtime(instead: str) -> Any:
    """The package.

    Args:
        instead: What else can be done where it is not there, the end of the sentence that says so.

    Raises:
        InputError: The extra `local` is not installed.
    """
    # Threads that spin while they wait take the machine from everybody else on it; read when libgomp loads.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        import xllamacpp
    except ImportError:
        raise InputError(
            f"this needs the runtime xllamacpp, which is not installed: pip install 'foretell[local]', or {instead}."
        ) from None
    return xllamacpp


def serve(
    runtime: Any, path: Path | str, *, context: int, slots: int = 1, threads: int = 1, port: int = 0, **settings: Any
) -> Server:
    """Load a GGUF file; the server, which also listens on the loopback interface, stops when it is forgotten.

    Args:
        runtime: From `import_runtime`.
        path: The file; it may be deleted while the server runs.
        context: Tokens of all slots together.
        slots: Prompts whose state is kept.
        threads: Of computation.
        port: 0 takes a free one.
        settings: Others of the runtime's `CommonParams`, by name.

    Raises:
        RuntimeError, ValueError: The runtime cannot load the file.
    """
    made = runtime.CommonParams()
    made.model.path = str(path)
    made.n_ctx, made.n_parallel, made.port = context, slots, port
    made.cpuparams.n_threads = made.cpuparams_batch.n_threads = threads
    made.warmup, made.verbosity = False, -1
    made.cache_ram_mib = 0  # slots hold every prefix that is asked for; copies of old ones only cost memory
    for name, value in settings.items():
        setattr(made, name, value)
    return runtime.Server(made)
