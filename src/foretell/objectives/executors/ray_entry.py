"""What a Ray worker runs first. It is sent by value, so that a worker without foretell can say so."""

from __future__ import annotations

from typing import Any

__all__ = ["Mailbox", "enter", "listening"]


def enter(
    version: str,
    environment: dict[str, str],
    shared: dict[str, Any],
    work: bytes,
    errands: list[dict[str, Any] | None] | None = None,
    rank: dict[str, str] | None = None,
    where: tuple[str, int] | None = None,
) -> dict[str, Any]:
    """Look whether this worker may work for the driver, and do the work.

    Args:
        version: The driver's, of foretell.
        environment: Variables of the driver that the work depends on.
        shared: Of the driver's file system. A worker that finds the files of "seen", with what they are to hold, sees
            it, and works in "cwd" under the variables of "environment".
        work: See `foretell.objectives.executors.ray_work.Packer`.
        errands: What a worker has to have that does not see it; see `foretell.objectives.executors.ray_post.Post`.
        rank: Of processes that train together, this one's number and how many there are, as `torchrun` tells them.
        where: The address and the port that the first of them listens at.

    Returns:
        See `foretell.objectives.executors.ray_work.run_packed`; "refused" is a sentence instead, and "apart" the name
        of a worker that lacks errands.
    """
    import os
    import platform
    from pathlib import Path

    node = platform.node()
    try:
        from foretell.objectives.executors import remote
    except ImportError as error:
        missing = f"the Ray worker on {node} cannot import foretell ({error}); install foretell {version} there."
        return {"refused": missing}
    refused = remote.version_refusal(version, node)
    if refused:
        return {"refused": refused}
    try:
        apart = any(Path(path).read_text(encoding="utf-8") != held for path, held in shared["seen"].items())
    except (OSError, ValueError):
        apart = True
    if apart and errands is None:
        return {"apart": node}
    os.environ.update(environment)
    if not apart:
        os.environ.update(shared["environment"])
        if Path(shared["cwd"]).is_dir():
            os.chdir(shared["cwd"])
    if rank is not None and where is not None:  # Ray shows each its own devices alone
        os.environ.update(rank, LOCAL_RANK="0", MASTER_ADDR=where[0], MASTER_PORT=str(where[1]))
    from foretell.objectives.executors.ray_work import run_packed

    return run_packed(work, errands)


def listening() -> tuple[str, int]:
    """This node's address, and a port that is free there."""
    import socket

    import ray

    with socket.socket() as found:
        found.bind(("", 0))
        return ray.util.get_node_ip_address(), found.getsockname()[1]


class Mailbox:
    """An actor beside the driver, where workers leave parcels that outlive them until the driver takes them.

    See `foretell.objectives.executors.parcels`; of parcels of one sender only the last counts.
    """

    def __init__(self) -> None:
        self.waiting: dict[Any, Any] = {}

    def post(self, sender: Any, names: dict[str, str], contents: dict[str, bytes], report: Any) -> None:
        """Leave a parcel; what it needs of one that was not taken yet is added to it."""
        *_, before = self.waiting.pop(sender, (None, {}))[:2]
        held = {**before, **contents}
        needed = set(names.values())
        self.waiting[sender] = names, {digest: held[digest] for digest in held if digest in needed}, report

    def take(self) -> Any:
        """The sender and the parcel that has waited longest; None where there is none."""
        for sender in self.waiting:
            return sender, self.waiting.pop(sender)
        return None
