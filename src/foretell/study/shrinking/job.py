"""The whole job: importance, search, baselines, healing, export; all of it is kept and gone on with."""

from __future__ import annotations

import copy
import os
import platform
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from foretell import __version__, progress
from foretell.costs import Constraints, CostModel
from foretell.errors import InputError
from foretell.families.decoder.cutting import Parts
from foretell.families.decoder.importance import magnitudes, orders_of
from foretell.locks import lock_folder
from foretell.records import fingerprint, write_atomic, write_json
from foretell.search.keys import from_keys
from foretell.spaces import Population
from foretell.study.binding import refuse_another
from foretell.study.device import Device, measure_device, measure_finalists, quick_check
from foretell.study.finalist_race import seen_by
from foretell.study.limits import resolve_limits
from foretell.study.run import paid_for
from foretell.study.shrinking.candidates import Candidates
from foretell.study.shrinking.choosing import Chooser
from foretell.study.shrinking.config import (
    ShrinkClassifier,
    ShrinkConfig,
    Shrinking,
    SupernetSettings,
    read_shrink,
)
from foretell.study.shrinking.decoders import DecoderSubject
from foretell.study.shrinking.encoders import EncoderSubject
from foretell.study.shrinking.following import IMPORTANCE, PARTS, follow, parts_key
from foretell.study.shrinking.judging import about_of, healer_of, precision_of
from foretell.study.shrinking.ordering import put_in_order
from foretell.study.shrinking.racing import race_by_healing
from foretell.study.shrinking.searching import Found, search_parts
from foretell.study.shrinking.subject import Subject
from foretell.study.shrinking.supernet import NearLimits, train_parts
from foretell.training.distributed import is_first

__all__ = ["shrink"]

_Rows = dict[str, tuple[Population, list[Parts] | None]]
"""Rows by name, and orders of parts where they are others than the importance's."""


def shrink(config: ShrinkConfig | ShrinkClassifier, out: Path | None = None, *, resume: bool = False) -> dict[str, Any]:
    """Make a pretrained model fit.

    Args:
        config: What is asked.
        out: The folder of the run; None: `runs/NAME`.
        resume: Go on with what is in it.

    Returns:
        What `result.json` holds: `winner` and `baselines`, each with costs and metrics before and after healing;
        nothing in the other processes that `torchrun` starts to train the parts.

    Raises:
        InputError: The model, text or limits cannot be used, or the folder holds another run.
        InfeasibleError: Nothing of the model keeps the limits.
        StorageError: The disk refuses.
    """
    folder = out or Path("runs") / config.name
    study = folder / "study.yaml"
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    if processes > 1 and config.supernet is None:
        raise InputError(
            f"{processes} processes were started, but only training the parts is shared out; ask for it (--supernet "
            "1000), or start one process."
        )
    if config.supernet is not None and config.supernet.batches < processes:
        raise InputError(
            f"an update has {config.supernet.batches} batch(es), too few for {processes} processes; give each at least "
            "one (supernet: {batches: ...}), or start fewer."
        )
    if not is_first():
        return follow(config, _subject(config), folder)
    if study.exists() and paid_for(folder):
        if not resume:
            raise InputError(
                f"{folder} holds a run already; go on with it by --resume, or choose another folder with --out."
            )
        refuse_another(folder, read_shrink(study).model_dump(mode="json"), config.model_dump(mode="json"))
    subject = _subject(config)
    with lock_folder(folder):
        write_atomic(study, config.to_yaml())
        return _Job(config, folder, subject).run()


def _subject(config: ShrinkConfig | ShrinkClassifier) -> Subject:
    return EncoderSubject(config) if isinstance(config, ShrinkClassifier) else DecoderSubject(config)


class _Job:
    """One run in its folder."""

    def __init__(self, config: Shrinking, folder: Path, subject: Subject) -> None:
        self.config, self.folder, self.subject, self.space = config, folder, subject, subject.space
        self.seconds: dict[str, float] = {}
        vocabulary, classes = subject.sizes["vocabulary"], subject.sizes.get("classes")
        self.costs = CostModel(self.space, vocabulary=vocabulary, classes=classes)
        self.device: Device | None = None
        if config.latencies:
            quick_check(self.space, config, vocabulary)
            with self.stage("latency"):
                self.device = measure_device(self.space, config, vocabulary, folder, classes, first=config.latencies[0])
            self.costs = self.device.costs
        self.limits: Constraints = resolve_limits(config.constraints, self.costs)
        self.limits.values(self.costs, self.space.population([self.space.largest()]))  # names costs that there are
        self.chooser = Chooser(self.costs, self.limits)

    def run(self) -> dict[str, Any]:
        """See `shrink`."""
        with self.stage("loading"):
            self.parent, self.task = self.subject.load()
            self.about = about_of(self.subject.fingerprint, self.task.fingerprint)
        learnt: dict[str, Any] = {}
        if self.subject.learns:
            with self.stage("learning"):
                learnt = self.subject.learn(self.parent, self.folder / "parent")
        with self.stage("importance"):
            self.ordered = put_in_order(
                self.parent, self.subject, self.folder / IMPORTANCE, self.about, self.config.seed
            )
        self.healer = healer_of(self.config, self.parent, self.task, self.subject.max_tokens, self.about)
        self.candidates = Candidates(self.config, self.subject, self.costs, self.folder, self.ordered.name, self.healer)
        with self.stage("search"):
            winner, baselines, told = self.search()
        entries: dict[str, dict[str, Any]] = {}
        with self.stage("measuring"):
            entries["parent"] = self.candidates.entry("parent", self.chooser.parent, None)
            for name, (row, orders) in {"winner": (winner, None), **baselines}.items():
                entries[name] = self.candidates.entry(name, row, orders)
        best = self.candidates.part(winner)
        if self.config.heal:
            with self.stage("healing"):
                for name, (row, orders) in {"winner": (winner, None), **baselines}.items():
                    network = self.candidates.healed(name, row, orders)
                    entries[name]["metrics"]["after"] = self.candidates.measure(name, network, row, orders, after=True)
                    best = network if name == "winner" else best
        entries |= self.subject.beside(self.healer, self.folder)
        with self.stage("exporting"):
            written = self.subject.export(best, entries, self.folder)
            files = {target: [str(path.relative_to(self.folder)) for path in each] for target, each in written.items()}
            references = self.subject.references()
        first = entries.pop("winner")
        return self.finish(
            {
                "task": self.config.task,
                "model": self.config.model,
                "constraints": list(self.config.constraints),
                "limits": [f"{each.cost} {each.operator} {each.limit:.12g}" for each in self.limits],
                "winner": first,
                "baselines": entries,
                "references": references,
                "learning": learnt,
                "importance": self.ordered.told,
                "search": told,
                "healing": self.config.heal,
                "exported": files,
            }
        )

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Show and time a part of the job; a part of that is timed by itself and not counted twice."""
        start, before = time.perf_counter(), sum(self.seconds.values())
        with progress.stage(name):
            yield
        inner = sum(self.seconds.values()) - before
        self.seconds[name] = round(time.perf_counter() - start - inner, 2)

    # ---- search

    def search(self) -> tuple[Population, _Rows, dict[str, Any]]:
        """The winner, the baselines, and what the search did."""
        chooser, config = self.chooser, self.config
        dull = self.ordered.scores["influence"].argsort().tolist()
        found: dict[str, tuple[Population | None, list[Parts] | None]] = {
            "uniform-width": (chooser.uniform_width(), None),
            "hidden-width": (chooser.hidden_width(), None),
            "magnitude": (chooser.uniform_width(), self.magnitude()),
            "depth-last": (chooser.without_layers(list(range(chooser.count))[::-1]), None),
            "depth-influence": (chooser.without_layers(dull), None),
            "random": (chooser.random(config.seed), None),
        }
        baselines = {name: (row, orders) for name, (row, orders) in found.items() if row is not None}
        narrow = [chooser.without_layers(dull, width) for width in chooser.widths[1:4] if width]
        begin = [row for row in narrow if row is not None]
        begin += [row for row, orders in baselines.values() if orders is None]
        searched = self._searched("scores", {"order": self.ordered.name}, begin, greedy=True)
        told = searched.told
        if config.supernet is not None:
            first = searched.scorer.best(config.supernet.parts)
            told = {"before": told, "supernet": self._train_parts(config.supernet, first, found["uniform-width"][0])}
            begin = [row[None] for row in from_keys(first, self.space.width)]
            searched = self._searched(
                "scores-trained", {"order": self.ordered.name, "parts": self.candidates.trained}, begin, greedy=False
            )
            told |= searched.told
        winner, more = self._winner(searched)
        assert self.limits.satisfied(self.costs, winner)[0]  # noqa: S101 - a winner beyond the limits is none
        return winner, baselines, told | more

    def _searched(self, name: str, about: dict[str, Any], begin: list[Population], *, greedy: bool) -> Found:
        network, batches = self.candidates.network, self.subject.search_batches()
        path, about = self.folder / "search" / f"{name}.jsonl", {**self.about, **about}
        return search_parts(network, batches, self.chooser, self.config, path, about, begin, greedy=greedy)

    def _train_parts(self, settings: SupernetSettings, keys: list[bytes], narrow: Population | None) -> dict[str, Any]:
        """Train what the search liked, with the same width everywhere; the parent stays beside it."""
        space, folder = self.space, self.folder / PARTS.parent
        parts = space.architectures(from_keys(keys, space.width))
        rule = NearLimits(parts, None if narrow is None else space.architectures(narrow)[0], self.config.seed)
        told = {"parts": [each.to_dict() for each in parts], "narrow": rule.narrow and rule.narrow.to_dict()}
        write_json(self.folder / PARTS, {"key": parts_key(self.about, self.ordered.name), **told})
        self.candidates.network = copy.deepcopy(self.parent)
        with self.stage("training the parts"):
            result = train_parts(
                self.candidates.network, rule, settings, folder, self.healer, self.subject.max_tokens, self.ordered.name
            )
        self.candidates.trained = fingerprint([settings.model_dump(mode="json"), told, precision_of(self.config)])
        return {"updates": result.updates, "adapters": settings.adapters, "loss": result.best_loss}

    def _winner(self, searched: Found) -> tuple[Population, dict[str, Any]]:
        """The best that keeps the limits when it is measured; where a race is asked for, when it is healed, too."""
        race, folder = self.config.race, self.folder
        if race is not None:
            with self.stage("racing"):
                raced = race_by_healing(
                    race,
                    self.space,
                    seen_by(searched.scorer, self.space.width),
                    self.candidates.heal_entrant,
                    self.config.heal,
                    folder,
                    self.limits,
                    self.device,
                    self.config.seed,
                )
            self.candidates.keep_winner(raced.winner)
            told = {"race": raced.result.to_dict()}
            if raced.measured:
                told["measured"] = raced.winner_measured
                if not told["measured"]["kept"]:
                    warnings.warn("no entrant of the race keeps the limits when it is measured.", stacklevel=2)
            return self.space.population([raced.winner]), told
        if self.device is None:
            return self.space.population([searched.result.best]), {}
        count = self.config.latency.finalists
        first, told = measure_finalists(folder / "finalists.jsonl", count, self.device, self.limits, searched.result)
        return self.space.population([first]), {"measured": told}

    def magnitude(self) -> list[Parts]:
        """The parts by the size of their weights, as places in the parent as it now is."""
        return orders_of(magnitudes(self.parent), "magnitude", self.chooser.count)

    # ---- the end

    def finish(self, result: dict[str, Any]) -> dict[str, Any]:
        """Write `result.json` and return it."""
        software = {"foretell": __version__, "python": platform.python_version(), "machine": platform.machine()}
        whole = {
            "format": 1,
            "kind": "shrunk",
            "name": self.config.name,
            **result,
            "seconds": self.seconds,
            "software": software,
        }
        write_json(self.folder / "result.json", whole)
        return whole
