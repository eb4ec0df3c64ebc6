"""The whole job: importance, search, baselines, healing, export; all of it is kept and gone on with."""

from __future__ import annotations

import copy
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from foretell import __version__, progress
from foretell.costs import Constraints, CostModel
from foretell.errors import InputError
from foretell.families.base import Network, networks_of
from foretell.families.decoder.cutting import Parts, leading_parts
from foretell.families.decoder.genes import DecoderShape
from foretell.families.decoder.importance import magnitudes, orders_of
from foretell.locks import lock_folder
from foretell.records import fingerprint, write_atomic, write_json
from foretell.search.keys import from_keys
from foretell.spaces import Architecture, Population
from foretell.study.binding import refuse_another
from foretell.study.device import Device, measure_device, measure_finalists, quick_check
from foretell.study.finalist_race import seen_by
from foretell.study.limits import resolve_limits
from foretell.study.run import paid_for
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
from foretell.study.shrinking.judging import about_of, heal, healer_of, measured, precision_of
from foretell.study.shrinking.ordering import put_in_order
from foretell.study.shrinking.racing import race_by_healing
from foretell.study.shrinking.searching import Found, search_parts
from foretell.study.shrinking.subject import Subject
from foretell.study.shrinking.supernet import NearLimits, train_parts
from foretell.training.distributed import is_first
from foretell.training.state import TrainingResult

__all__ = ["shrink"]

Candidates = dict[str, tuple[Population, list[Parts] | None]]
"""Rows, and orders of parts where they are others than the importance's."""

BASELINES = {
    "uniform-width": "all layers, of each the same share of heads and neurons, the most important ones",
    "magnitude": "the same sizes, the parts with the largest weights",
    "depth-last": "the last layers left out",
    "depth-influence": "the layers left out whose output is most like their input (ShortGPT)",
    "random": "parts left out at random",
}
"""What a winner must beat, at the same limits."""


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
        self.trained = ""
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
            self.network = self.parent
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
        with self.stage("search"):
            winner, baselines, told = self.search()
        entries: dict[str, dict[str, Any]] = {}
        with self.stage("measuring"):
            entries["parent"] = self.entry("parent", self.chooser.parent, None)
            for name, (row, orders) in {"winner": (winner, None), **baselines}.items():
                entries[name] = self.entry(name, row, orders)
        best = self.part(winner, None)
        if self.config.heal:
            with self.stage("healing"):
                for name, (row, orders) in {"winner": (winner, None), **baselines}.items():
                    network = self.healed(name, row, orders)
                    entries[name]["metrics"]["after"] = self.measure(name, network, row, orders, after=True)
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

    def search(self) -> tuple[Population, Candidates, dict[str, Any]]:
        """The winner, the baselines, and what the search did."""
        chooser, config = self.chooser, self.config
        dull = self.ordered.scores["influence"].argsort().tolist()
        found: dict[str, tuple[Population | None, list[Parts] | None]] = {
            "uniform-width": (chooser.uniform_width(), None),
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
                "scores-trained", {"order": self.ordered.name, "parts": self.trained}, begin, greedy=False
            )
            told |= searched.told
        winner, more = self._winner(searched)
        assert self.limits.satisfied(self.costs, winner)[0]  # noqa: S101 - a winner beyond the limits is none
        return winner, baselines, told | more

    def _searched(self, name: str, about: dict[str, Any], begin: list[Population], *, greedy: bool) -> Found:
        path, batches = self.folder / "search" / f"{name}.jsonl", self.subject.search_batches()
        about = {**self.about, **about}
        return search_parts(self.network, batches, self.chooser, self.config, path, about, begin, greedy=greedy)

    def _train_parts(self, settings: SupernetSettings, keys: list[bytes], narrow: Population | None) -> dict[str, Any]:
        """Train what the search liked, with the same width everywhere; the parent stays beside it."""
        space, folder = self.space, self.folder / PARTS.parent
        parts = space.architectures(from_keys(keys, space.width))
        rule = NearLimits(parts, None if narrow is None else space.architectures(narrow)[0], self.config.seed)
        told = {"parts": [each.to_dict() for each in parts], "narrow": rule.narrow and rule.narrow.to_dict()}
        write_json(self.folder / PARTS, {"key": parts_key(self.about, self.ordered.name), **told})
        self.network = copy.deepcopy(self.parent)
        with self.stage("training the parts"):
            result = train_parts(self.network, rule, settings, folder, self.healer, self.subject.max_tokens)
        self.trained = fingerprint([settings.model_dump(mode="json"), told, precision_of(self.config)])
        return {"updates": result.updates, "adapters": settings.adapters, "loss": result.best_loss}

    def _winner(self, searched: Found) -> tuple[Population, dict[str, Any]]:
        """The best that keeps the limits when it is measured; where a race is asked for, when it is healed, too."""
        race, folder = self.config.race, self.folder
        if race is not None:
            with self.stage("racing"):
                result, measured = race_by_healing(
                    race,
                    self.space,
                    seen_by(searched.scorer, self.space.width),
                    self._heal_entrant,
                    self.config.heal,
                    folder,
                    self.limits,
                    self.device,
                    self.config.seed,
                )
            first = result.best.architecture
            self._keep_winner(first)
            told = {"measured": measured} if measured else {}
            return self.space.population([first]), {"race": result.to_dict(), **told}
        if self.device is None:
            return self.space.population([searched.result.best]), {}
        count = self.config.latency.finalists
        first, told = measure_finalists(folder / "finalists.jsonl", count, self.device, self.limits, searched.result)
        return self.space.population([first]), {"measured": told}

    def _heal_entrant(self, architecture: Architecture, updates: int) -> TrainingResult:
        row = self.space.population([architecture])
        title, folder = f"healing {architecture.key}", self._entrants / architecture.key
        return heal(self.part(row, None), title, folder, self.healer, self._cut(row, None), updates)

    def _keep_winner(self, winner: Architecture) -> None:
        """What the race has healed in full is the winner's healing; of the others nothing is gone on with."""
        kept = self.folder / "healing" / "winner"
        if not kept.exists():
            (self._entrants / winner.key).replace(kept)
        for state in self._entrants.glob("*/state*.safetensors"):
            state.unlink()

    @property
    def _entrants(self) -> Path:
        return self.folder / "healing" / "entrants"

    def magnitude(self) -> list[Parts]:
        """The parts by the size of their weights, as places in the network as it now is."""
        return orders_of(magnitudes(self.network), "magnitude", self.chooser.count)

    # ---- candidates

    def member(self, row: Population) -> DecoderShape:
        """The dimensions of a row."""
        shape: DecoderShape = networks_of(self.space).member(self.space.architectures(row)[0])
        return shape

    def part(self, row: Population, orders: list[Parts] | None) -> Any:
        """A stand-alone network."""
        return self.subject.cut(self.network, leading_parts(self.member(row), orders))

    def entry(self, name: str, row: Population, orders: list[Parts] | None) -> dict[str, Any]:
        """What `result.json` says of a candidate, before healing."""
        network = self.parent if name == "parent" else self.part(row, orders)
        wanted = (*self.subject.costs, *self.config.latencies)
        costs = {cost: float(values[0]) for cost, values in self.costs.costs(row, wanted).items()}
        shape = self.member(row)
        return {
            "about": BASELINES.get(name, "the whole model" if name == "parent" else "what the search found"),
            "architecture": self.space.architectures(row)[0].to_dict(),
            "layers": [
                {"layer": place, "heads": layer.heads, "kv_heads": layer.kv_heads, "ffn": layer.ffn}
                for place, layer in enumerate(shape.layers)
                if layer.heads or layer.ffn
            ],
            "uniform": network.shape.uniform,
            "costs": costs,
            "metrics": {"before": self.measure(name, network, row, orders, after=False), "after": None},
        }

    def measure(
        self, name: str, network: Network, row: Population, orders: list[Parts] | None, *, after: bool
    ) -> dict[str, float]:
        """Metrics on the test text, kept by all that they depend on."""
        key = fingerprint({**self.about, "cut": self._cut(row, orders), "healed": self._healing() if after else None})
        path, title = self.folder / "measured", f"{name}{'-healed' if after else ''}"
        found = measured(network, self.task, path / f"{title}.json", key)
        return found | self.subject.further(network, path / f"{title}-tasks.json", key)

    def healed(self, name: str, row: Population, orders: list[Parts] | None) -> Any:
        """A candidate after healing."""
        network, folder = self.part(row, orders), self.folder / "healing" / name
        heal(network, f"healing {name}", folder, self.healer, self._cut(row, orders))
        return network

    def _healing(self) -> dict[str, Any]:
        config = self.config
        told = {"updates": config.heal, "learning_rate": config.learning_rate, "seed": config.seed}
        return {**told, "precision": precision_of(config)}

    def _cut(self, row: Population, orders: list[Parts] | None) -> dict[str, Any]:
        """What a candidate is, as JSON values."""
        return {
            "architecture": self.space.architectures(row)[0].to_text(),
            "space": self.space.fingerprint,
            "parts": self.ordered.name if orders is None else "magnitude",
            **({"trained": self.trained} if self.trained else {}),
        }

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
