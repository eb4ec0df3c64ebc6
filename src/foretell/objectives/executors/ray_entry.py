"""What a Ray worker runs first. It is sent by value, so that a worker without foretell can say so."""

from __future__ import annotations

from typing import Any

__all__ = ["enter"]


def enter(version: str, environment: dict[str, str], cwd: str, seen: str, work: bytes) -> dict[str, Any]:
    """Look whether this worker may work for the driver, and do the work.

    Args:
        version: The driver's, of foretell.
        environment: Variables of the driver that the work depends on.
        cwd: The driver's present folder.
        seen: A file of the driver's that every machine must see.
        work: See `foretell.objectives.executors.ray_work.Packer`.

    Returns:
        See `foretell.objectives.executors.ray_work.run_packed`; "refused" is a sentence instead.
    """
    import os
    import platform

    node = platform.node()
    os.environ.update(environment)
    try:
        from foretell.objectives.executors import remote
    except ImportError as error:
        missing = f"the Ray worker on {node} cannot import foretell ({error}); install foretell {version} there."
        return {"refused": missing}
    refused = remote.version_refusal(version, node)
    if not refused and not os.path.exists(seen):  # noqa: PTH110 - before anything else is needed
        refused = (
            f"the Ray worker on {node} does not see {seen}; put the run and FORETELL_CACHE on a file system that all "
            "machines share under the same path."
        )
    if refused:
        return {"refused": refused}
    if os.path.isdir(cwd):  # noqa: PTH112
        os.chdir(cwd)
    from foretell.objectives.executors.ray_work import run_packed

    return run_packed(work)
