"""Ray tasks that train one network together: placed as a group, each in a process of its own, one outcome for all.

What `torchrun` does on one machine: every process knows its rank, how many there are, and where the first one listens;
torch connects them (`foretell.training.distributed`). A group whose member is lost is ended, and begun again as one.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from foretell.errors import InputError
from foretell.objectives.executors.ray_cluster import remote_task
from foretell.objectives.executors.ray_entry import listening
from foretell.objectives.executors.remote import Outcome
from foretell.objectives.executors.settings import Resources

__all__ = ["Group"]

_Said = list[Outcome] | None


class Group:
    """A job of several tasks.

    Args:
        ray: Connected.
        size: How many.
        resources: Of each.
        places: How many the cluster has room for.
        arguments: Of `foretell.objectives.executors.ray_entry.enter`, the same for all.

    Attributes:
        tasks: By rank.

    Raises:
        InputError: It never finds room.
    """

    def __init__(self, ray: Any, size: int, resources: Resources, places: int, *arguments: Any) -> None:
        from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

        if size > places:
            raise InputError(
                f"{size} processes are to train together with {resources} each, and the Ray cluster has room for "
                f"{places}: ask for fewer, or add nodes."
            )
        self._ray = ray
        wanted = {"CPU": resources.cpu, "GPU": resources.gpu, "memory": resources.memory or 0}
        self._place = ray.util.placement_group([{name: each for name, each in wanted.items() if each}] * size)
        member = [
            {"scheduling_strategy": PlacementGroupSchedulingStrategy(self._place, placement_group_bundle_index=rank)}
            for rank in range(size)
        ]
        # A process joins others once in its life: none is used for a second group.
        where = remote_task(ray, resources, listening).options(**member[0]).remote()
        task = remote_task(ray, resources, max_calls=1)
        self.tasks = [
            task.options(**member[rank]).remote(*arguments, {"RANK": str(rank), "WORLD_SIZE": str(size)}, where)
            for rank in range(size)
        ]
        self._said: dict[int, _Said] = {}

    def take(self, task: Any, said: _Said) -> bool:
        """Take what became of one of the tasks; whether it was the last."""
        self._said[self.tasks.index(task)] = said
        if said is None or said[0].lost or ("error" in said[0].said and not _is_left_alone(said[0])):
            self.end()
        if len(self._said) < len(self.tasks):
            return False
        self.end()
        return True

    def outcome(self) -> _Said:
        """What became of the job; None where a worker lacked errands."""
        found = [self._said[rank] for rank in range(len(self.tasks))]
        if None in found:
            return None
        each = [said[0] for said in found if said is not None]
        wrong = [outcome for outcome in each if "error" in outcome.said and not _is_left_alone(outcome)]
        lost = [outcome for outcome in each if outcome.lost]
        left = [outcome for outcome in each if _is_left_alone(outcome)]
        if wrong:
            return wrong[:1]
        if lost:
            return lost[:1]
        return [Outcome(lost=left[0].said["error"][0])] if left else each[:1]

    def end(self) -> None:
        """Stop what still runs, and free its places.

        By taking the places away: Ray's driver may abort where a task is cancelled in the moment in which it ends.
        """
        with suppress(Exception):  # the cluster may be gone
            self._ray.util.remove_placement_group(self._place)


def _is_left_alone(outcome: Outcome) -> bool:
    """Whether all that went wrong is that another process has ended, which is told of that one."""
    return "RankLostError" in str(outcome.said.get("error", ["", 0, ""])[2])
