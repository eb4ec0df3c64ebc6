"""The training loop, for a network trained from scratch and for a supernet alike."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from foretell.errors import ForetellError, InputError
from foretell.families.base import Network
from foretell.progress import track
from foretell.records import read_object, write_json
from foretell.spaces import Architecture
from foretell.tasks import Task
from foretell.training.checkpoint import load_own, load_tensors
from foretell.training.devices import choose_device
from foretell.training.distributed import Ranks
from foretell.training.keys import training_keys
from foretell.training.recipe import Recipe
from foretell.training.sampling import Fixed, SamplingRule
from foretell.training.state import TrainingResult, TrainingState
from foretell.training.update import Updates, member_of
from foretell.training.validation import validation_loss

__all__ = ["DivergedError", "train", "updates_done"]


class DivergedError(ForetellError):
    """The loss is not a number any more; the message names the update and the last good checkpoint.

    Attributes:
        updates: How many were done, the one that spoilt it included; None: nobody knows.
        cpu_seconds: Processor time of these; None: nobody knows.
    """

    def __init__(self, message: str, *, updates: int | None = None, cpu_seconds: float | None = None) -> None:
        super().__init__(message)
        self.updates, self.cpu_seconds = updates, cpu_seconds


def train(
    network: Network,
    task: Task,
    recipe: Recipe,
    rule: SamplingRule,
    folder: Path,
    *,
    seed: int,
    about: dict[str, Any],
    title: str = "training",
    device: str = "auto",
    ranks: Ranks | None = None,
    spelled: Mapping[str, Any] | None = None,
    until: int | None = None,
    teacher: Network | None = None,
) -> TrainingResult:
    """Train a network, or finish the training of one whose folder holds a part of it.

    The order of the data and the architectures of update `u` depend on the seed and `u` only, dropout also on the
    process, so that a run that was killed and resumed by the same number of processes ends bit for bit where an
    uninterrupted one does. On interruption at most the updates since the last validation are lost. A training may
    also pause after some updates: another call goes on from there, and ends where one without a pause does. One that
    the recipe's patience has ended before is finished, however far another call would go.

    Args:
        network: Freshly initialised; holds the best weights afterwards.
        task: What to learn.
        recipe: How.
        rule: Which architectures at which update.
        folder: `state.safetensors` (everything to resume; beside it the one before, until the run is done),
            `model.safetensors` (the best weights) and `training.json` (the result) are kept here.
        seed: Of data order and dropout.
        about: What the weights depend on besides recipe, task and seed; a folder with another key is refused.
        title: What the progress display calls it.
        device: "auto", "cpu", "cuda" or "cuda:N".
        ranks: This process among those that train the network together; None: it is alone.
        spelled: Defaults that keys of the first version named besides `about` (`training_keys`).
        until: Pause after so many of the recipe's updates; None: train to the end.
        teacher: In evaluation mode, is not changed: what it says is learnt instead of the labels, by which validation
            judges all the same. What it is belongs into `about`. None: nobody teaches.

    Returns:
        The result; at once if the folder holds a finished run of the same key. Of a pause it is what the run would
        have come to if it ended there: the present weights are judged too, and the network holds the best so far.

    Raises:
        DivergedError: The loss became infinite or not a number.
        RankLostError: Another process that trains the network has ended.
        InputError: An update has fewer micro-batches than there are processes, the processes find different
            checkpoints in the folder, or the run in it has gone on past `until`.
        StorageError: A checkpoint cannot be written; the one before is intact.
    """
    ranks = ranks or Ranks()
    ranks.check(recipe.accumulate)
    stop = recipe.updates if until is None else min(max(until, 1), recipe.updates)
    keys = training_keys(about, task, recipe, seed, device, spelled=spelled)
    about = {**about, "recipe": recipe.model_dump(mode="json"), "seed": seed, "task": task.fingerprint}
    where = choose_device(device)
    finished = folder / "training.json"
    record = read_object(finished) if finished.exists() else {}
    best = load_own(folder / "model.safetensors", *keys) if record.get("key") in keys else None
    _check_agreement(ranks, int(best is not None), where, folder)
    if best is not None:
        result = TrainingResult(**record["result"])
        _check_not_past(result.updates, stop, folder)
        network.load_state_dict(best.tensors)
        return result
    run = _Run(network, task, recipe, rule, folder, seed, {**about, "key": keys[0]}, where, ranks, keys[1:], teacher)
    with _quiet_random_state():
        run.resume()
        _check_not_past(run.result.updates, stop, folder)
        run.go(title, stop)
        if not run.ended:
            return run.pause()
        run.finish()
    if ranks.first:
        write_json(finished, {"key": keys[0], "about": about, "result": asdict(run.result)})
        run.state.previous.unlink(missing_ok=True)
    ranks.wait()  # Whoever looks into the folder from now on finds a finished run.
    return run.result


def updates_done(folder: Path, *keys: str) -> int:
    """How many updates the run of one of these keys has behind it in a folder, finished or not.

    Warns:
        DamagedCheckpointWarning: Its last checkpoint is cut or altered.
    """
    finished = folder / "training.json"
    record = read_object(finished) if finished.exists() else {}
    if record.get("key") in keys:
        return int(record["result"]["updates"])
    found = load_own(folder / "state.safetensors", *keys)
    return 0 if found is None else int(found.about["result"]["updates"])


def _check_not_past(done: int, stop: int, folder: Path) -> None:
    if done > stop:
        raise InputError(
            f"the training in {folder} has gone on to update {done}; what it was at update {stop} is not kept: "
            "choose another folder."
        )


def _check_agreement(ranks: Ranks, found: int, device: torch.device, folder: Path) -> None:
    """Refuse to go on where processes have found different things, for they would not train the same network."""
    if not ranks.agree(found, device):
        raise InputError(
            f"the processes that train together find different checkpoints in {folder}; "
            "it must be one folder that all of them see."
        )


@contextmanager
def _quiet_random_state() -> Iterator[None]:
    """Leave the caller's global random state as it was."""
    with torch.random.fork_rng():
        yield


class _Run:
    """One training run: what changes from update to update."""

    def __init__(
        self,
        network: Network,
        task: Task,
        recipe: Recipe,
        rule: SamplingRule,
        folder: Path,
        seed: int,
        about: dict[str, Any],
        device: torch.device,
        ranks: Ranks | None = None,
        older: Sequence[str] = (),
        teacher: Network | None = None,
    ) -> None:
        self.ranks = ranks or Ranks()
        self.recipe, self.rule, self.folder = recipe, rule, folder
        self.device = device
        self.network = network.to(device)
        teacher = None if teacher is None else teacher.to(device)
        data = task.batches(recipe.max_tokens, seed)
        self.valid = [batch.to(device) for batch in task.validation_batches(max(2048, recipe.max_tokens))]
        self.updates = Updates(self.network, data, recipe, rule, seed, device, self.ranks, teacher)
        # The beginning of the curve tells most to who stops early; these points choose no checkpoint.
        quarter = recipe.validate_every // 4 if isinstance(rule, Fixed) else 0
        self.early = range(quarter, 2 * recipe.validate_every, quarter) if quarter else range(0)
        self.state = TrainingState(self.network, self.updates.optimiser, self.updates.precision, folder, about, older)

    @property
    def result(self) -> TrainingResult:
        """What the run came to so far."""
        return self.state.result

    # ---- one update

    def go(self, title: str, stop: int) -> None:
        """Run the updates that are left up to `stop`."""
        result, state = self.result, self.state
        start, seen = time.perf_counter(), 0
        self._start_clocks()
        self.network.train()
        with track(title, stop) as meter:
            while result.updates < stop and not self.ended:
                loss, tokens = self._update(result.updates)
                result.updates += 1
                result.tokens += tokens
                state.loss_sum += loss
                state.loss_tokens += tokens
                seen += tokens
                meter.update(result.updates, self._note(seen, start))
                if self._is_due or result.updates in self.early:
                    result.history.append(self._observed())
                    state.loss_sum, state.loss_tokens = 0.0, 0
                if self._is_due:
                    self._read_clocks()
                    self._keep()
                    # Whoever sends checkpoints away as they are written does so now, before more is trained.
                    meter.update(result.updates, self._note(seen, start), at_once=True)

    def _note(self, seen: int, start: float) -> str:
        """How fast it goes, and the best so far."""
        told = f", best {self.result.best_loss:.3f}" if math.isfinite(self.result.best_loss) else ""
        return f"{seen / (time.perf_counter() - start):,.0f} tokens/s{told}"

    @property
    def _is_due(self) -> bool:
        """Whether the present weights may be kept as the best."""
        done = self.result.updates
        return done % self.recipe.validate_every == 0 or done == self.recipe.updates

    @property
    def ended(self) -> bool:
        """Whether all updates are done, or the last validations were too many without a better loss."""
        result, recipe = self.result, self.recipe
        waited = result.updates - result.best_update
        return result.updates == recipe.updates or 0 < recipe.patience * recipe.validate_every <= waited

    def finish(self) -> None:
        """Take the best weights, after the last update."""
        self._try_average()
        self._read_clocks()
        self._take_best()

    def pause(self) -> TrainingResult:
        """Keep what going on takes, and tell what the run would have come to if it ended here.

        What is kept is what the run would be without the pause: the present weights may be its best so far only
        where a validation is due.
        """
        result = self.result
        observed = bool(result.history) and result.history[-1]["update"] == result.updates
        row = result.history[-1] if observed else self._observed()
        if not self._is_due:
            self._read_clocks()
            if self.ranks.first:
                self.state.save()
        self.ranks.wait()
        paused = replace(result, history=[*result.history, *([] if observed else [row])])
        if row["valid_loss"] < result.best_loss:
            paused.best_loss, paused.best_update = row["valid_loss"], result.updates
        elif result.best_update != result.updates:
            self._take_best()
        return paused

    def _take_best(self) -> None:
        if self.ranks.first:  # others may see another folder
            self.network.load_state_dict(load_tensors(self.state.best).tensors)
        self.ranks.share(self.network.state_dict().values())

    def _start_clocks(self) -> None:
        """Count from what earlier sittings took."""
        self._clocks = self.result.seconds - time.perf_counter(), self.result.cpu_seconds - time.process_time()

    def _read_clocks(self) -> None:
        seconds, cpu_seconds = self._clocks
        result = self.result
        result.seconds, result.cpu_seconds = seconds + time.perf_counter(), cpu_seconds + time.process_time()
        result.peak_memory = max(result.peak_memory, _peak_memory(self.device))

    def _update(self, update: int) -> tuple[float, int]:
        """One optimiser step; returns the summed loss (nats) and the targets it is a sum over."""
        summed, tokens = self.updates.take(update)
        if not math.isfinite(summed):
            raise self._diverged(update, self.rule.at(update))
        return summed, tokens

    def _diverged(self, update: int, architectures: list[Architecture | None]) -> DivergedError:
        """What was spent until then is told: whoever counts trainings has to pay for this one, too."""
        self._read_clocks()
        told = self._obituary(update, architectures)
        return DivergedError(told, updates=update + 1, cpu_seconds=self.result.cpu_seconds)

    def _obituary(self, update: int, architectures: list[Architecture | None]) -> str:
        names = ", ".join(a.key for a in architectures if a is not None) or "the whole network"
        kept = self.state.latest.exists()
        last = f"the last good checkpoint is {self.state.latest}" if kept else f"no checkpoint is in {self.folder} yet"
        return (
            f"the loss became infinite at update {update} (architectures: {names}); {last}; "
            "lower the learning rate and train again."
        )

    # ---- validation and checkpoints

    def _observed(self) -> dict[str, float]:
        """A point of the learning curve: the present."""
        updates, loss = self.result.updates, self._validation_loss()
        if not math.isfinite(loss):
            raise self._diverged(updates - 1, self.rule.validated)
        train_loss = self.state.loss_sum / self.state.loss_tokens / math.log(2)
        return {"update": updates, "train_loss": train_loss, "valid_loss": loss}

    def _keep(self) -> None:
        """Keep the present weights, to go on from, and as the best where they are."""
        result = self.result
        loss = result.history[-1]["valid_loss"]
        if loss < result.best_loss:
            result.best_loss, result.best_update = loss, result.updates
            self._save_best()
        if self.recipe.updates - result.updates < self.recipe.average_last * self.recipe.validate_every:
            self.state.add_to_average()
        if self.ranks.first:
            self.state.save()

    def _save_best(self) -> None:
        if self.ranks.first:
            self.state.save_best()

    def _validation_loss(self) -> float:
        losses = [
            validation_loss(self.network, self.valid, self.recipe.label_smoothing, member_of(architecture))
            for architecture in self.rule.validated
        ]
        return sum(losses) / len(losses)

    def _try_average(self) -> None:
        """Take the average of the last checkpoints where it is better than the best of them."""
        if self.state.averaged < 2:
            return
        self.network.load_state_dict(self.state.averaged_weights())
        loss = self._validation_loss()
        if loss < self.result.best_loss:
            self.result.best_loss, self.result.best_update = loss, -1
            self._save_best()

    def resume(self) -> None:
        """Go back to the last checkpoint of the same key that is whole, if there is one.

        Nothing is written before all processes have read, and found the same.

        Raises:
            InputError: The processes find different checkpoints.
        """
        found, best_is_there = self.state.last_checkpoint()
        updates = 0 if found is None else int(found.about["result"]["updates"])
        _check_agreement(self.ranks, updates, self.device, self.folder)
        if found is not None:
            self.state.take(found)
            if not best_is_there:
                self._save_best()


def _peak_memory(device: torch.device) -> int:
    """Bytes: of tensors on a GPU, of the whole process otherwise."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    import resource

    # Linux counts in kilobytes, macOS in bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
