"""The whole job: importance, search, baselines, healing, export; all of it is kept and gone on with."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from foretell import __version__, progress
from foretell.costs import Constraints, CostModel
from foretell.errors import InputError
from foretell.families.base import Network, networks_of
from foretell.families.decoder.cutting import Parts, leading_parts
from foretell.families.decoder.genes import DecoderShape
from foretell.families.decoder.importance import SCORES, magnitudes, measured_importance, orders_of
from foretell.locks import lock_folder
from foretell.predictors.supernet import SupernetPredictor
from foretell.records import fingerprint, write_atomic, write_json
from foretell.search import Evolution, Schedule, Scorer, evolve, open_journal
from foretell.spaces import Population
from foretell.study.binding import refuse_another
from foretell.study.device import Device, measure_device, measure_finalists, quick_check
from foretell.study.limits import resolve_limits
from foretell.study.run import paid_for
from foretell.study.shrinking.choosing import Chooser
from foretell.study.shrinking.config import ShrinkClassifier, ShrinkConfig, Shrinking, read_shrink
from foretell.study.shrinking.decoders import DecoderSubject
from foretell.study.shrinking.encoders import EncoderSubject
from foretell.study.shrinking.judging import Healer, heal, healing_recipe, measured, precision_of
from foretell.study.shrinking.subject import Subject
from foretell.training.checkpoint import load_own, save_tensors

__all__ = ["shrink"]

_CODE = 1
"""Raised by hand when scores, searches or measurements come out otherwise than before."""

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
        What `result.json` holds: `winner` and `baselines`, each with costs and metrics before and after healing.

    Raises:
        InputError: The model, text or limits cannot be used, or the folder holds another run.
        InfeasibleError: Nothing of the model keeps the limits.
        StorageError: The disk refuses.
    """
    folder = out or Path("runs") / config.name
    study = folder / "study.yaml"
    if study.exists() and paid_for(folder):
        if not resume:
            raise InputError(
                f"{folder} holds a run already; go on with it by --resume, or choose another folder with --out."
            )
        refuse_another(folder, read_shrink(study).model_dump(mode="json"), config.model_dump(mode="json"))
    subject: Subject = EncoderSubject(config) if isinstance(config, ShrinkClassifier) else DecoderSubject(config)
    with lock_folder(folder):
        write_atomic(study, config.to_yaml())
        return _Job(config, folder, subject).run()


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
            self.network, self.task = self.subject.load()
            self.about = {"code": _CODE, "parent": self.subject.fingerprint, "text": self.task.fingerprint}
        learnt: dict[str, Any] = {}
        if self.subject.learns:
            with self.stage("learning"):
                learnt = self.subject.learn(self.network, self.folder / "parent")
        with self.stage("importance"):
            scores, importance = self.importance()
        with self.stage("search"):
            winner, baselines, told = self.search(scores)
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
                "importance": importance,
                "search": told,
                "healing": self.config.heal,
                "exported": files,
            }
        )

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Show and time a part of the job."""
        start = time.perf_counter()
        with progress.stage(name):
            yield
        self.seconds[name] = round(time.perf_counter() - start, 2)

    # ---- importance

    def importance(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        """Score the parts and put them in order; what was measured, and which score did better."""
        batches = self.subject.importance_batches()
        key = fingerprint({**self.about, "tokens": len(batches), "seed": self.config.seed})
        path = self.folder / "importance.safetensors"
        kept = load_own(path, key)
        if kept is None:
            scores = measured_importance(self.network, batches)
            losses = {score: self._half(orders_of(scores, score, self.chooser.count), batches[:4]) for score in SCORES}
            chosen = min(losses, key=lambda score: losses[score])
            told = {"score": chosen, "loss_at_half_width": losses, "tokens": sum(batch.tokens for batch in batches)}
            save_tensors(path, scores, {"key": key, "told": told})
            kept = load_own(path, key)
            assert kept is not None  # noqa: S101 - it was written just now
        told = kept.about["told"]
        self.order = f"{key} {told['score']}"
        self.subject.reorder(self.network, orders_of(kept.tensors, told["score"], self.chooser.count))
        return kept.tensors, told

    def _half(self, orders: list[Parts], batches: Sequence[Any]) -> float:
        """Loss (bits a token) of half of each layer's parts."""
        parts = [
            Parts(order.groups[: max(1, len(order.groups) // 2)], order.neurons[: max(1, len(order.neurons) // 2)])
            for order in orders
        ]
        network = self.subject.cut(self.network, parts)
        with torch.inference_mode():
            nats = sum(float(network.loss(batch, smoothing=0.0)[1]) for batch in batches)
        return nats / sum(batch.tokens for batch in batches) / float(np.log(2))

    # ---- search

    def search(
        self, scores: dict[str, torch.Tensor]
    ) -> tuple[Population, dict[str, tuple[Population, list[Parts] | None]], dict[str, Any]]:
        """The winner, the baselines (rows, and orders of parts where they are others), and what the search did."""
        chooser, config = self.chooser, self.config
        dull = scores["influence"].argsort().tolist()
        sizes = self.magnitude()
        found: dict[str, tuple[Population | None, list[Parts] | None]] = {
            "uniform-width": (chooser.uniform_width(), None),
            "magnitude": (chooser.uniform_width(), sizes),
            "depth-last": (chooser.without_layers(list(range(chooser.count))[::-1]), None),
            "depth-influence": (chooser.without_layers(dull), None),
            "random": (chooser.random(config.seed), None),
        }
        baselines = {name: (row, orders) for name, (row, orders) in found.items() if row is not None}
        batches = self.subject.search_batches()
        predictor = SupernetPredictor(
            self.space,
            self.network,
            batches,
            smoothing=0.0,
            name="inherited",
            precision=precision_of(config, "cpu"),
        )
        key = fingerprint({**self.about, "order": self.order, "precision": predictor.precision})
        with open_journal(self.folder / "search" / "scores.jsonl", self.space) as journal:
            # A scorer of its own: the search names the best that its scorer was ever asked for, and what is measured
            # on the way to the limits does not keep them yet.
            greedy = list(chooser.greedy(Scorer(predictor, key, journal).scores, config.rounds))
            scorer = Scorer(predictor, key, journal)
            narrow = [chooser.without_layers(dull, width) for width in chooser.widths[1:4] if width]
            initial = [row for row in (*greedy, *narrow) if row is not None]
            initial += [row for row, orders in baselines.values() if orders is None]
            feasible = [row for row in initial if self.limits.satisfied(self.costs, row)[0]]
            if feasible:  # evolution's own draws and mutations would mostly break the network
                best = feasible[int(scorer.scores(np.concatenate(feasible)).argmax())]
                initial += chooser.neighbours(best, config.population, config.seed)
            result = evolve(
                self.costs,
                self.limits,
                Schedule.parse(f"inherited:1-{config.generations}"),
                {"inherited": scorer},
                self._settings(),
                seed=config.seed,
                initial=np.concatenate(initial) if initial else None,
            )
            begun = scorer.scores(np.concatenate(feasible)).max() if feasible else float("nan")
        told: dict[str, Any] = {
            "asked": result.asked["inherited"],
            "distinct": result.distinct["inherited"],
            "loss_at_first": -float(begun) if np.isfinite(begun) else None,
            "loss": -result.score,
            "tokens": sum(batch.tokens for batch in batches),
        }
        first = result.best
        if self.device is not None:
            path, finalists = self.folder / "finalists.jsonl", config.latency.finalists
            first, told["measured"] = measure_finalists(path, finalists, self.device, self.limits, result)
        winner = self.space.population([first])
        assert self.limits.satisfied(self.costs, winner)[0]  # noqa: S101 - a winner beyond the limits is none
        return winner, baselines, told

    def _settings(self) -> Evolution:
        population = self.config.population
        parents, crossovers = max(2, population // 4), population // 4
        return Evolution(
            population=population,
            parents=parents,
            mutations=population - parents - crossovers,
            crossovers=crossovers,
            mutation_probability=min(1.0, 3.0 / self.space.width),
        )

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
        network = self.network if name == "parent" else self.part(row, orders)
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
        path = self.folder / "measured" / f"{name}{'-healed' if after else ''}.json"
        return measured(network, self.task, path, key)

    def healed(self, name: str, row: Population, orders: list[Parts] | None) -> Any:
        """A candidate after healing."""
        config = self.config
        precision = precision_of(config)
        recipe = healing_recipe(config.heal, config.learning_rate, self.subject.max_tokens, precision)
        healer = Healer(self.network, self.subject.pupil, self.task, recipe, config.seed, config.device, self.about)
        return heal(self.part(row, orders), name, self.folder / "healing" / name, healer, self._cut(row, orders))

    def _healing(self) -> dict[str, Any]:
        config = self.config
        told = {"updates": config.heal, "learning_rate": config.learning_rate, "seed": config.seed}
        return {**told, "precision": precision_of(config)}

    def _cut(self, row: Population, orders: list[Parts] | None) -> dict[str, Any]:
        """What a candidate is, as JSON values."""
        return {
            "architecture": self.space.architectures(row)[0].to_text(),
            "space": self.space.fingerprint,
            "parts": self.order if orders is None else "magnitude",
        }

    # ---- the end

    def finish(self, result: dict[str, Any]) -> dict[str, Any]:
        """Write `result.json` and return it."""
        software = {"foretell": __version__, "python": platform.python_version(), "machine": platform.machine()}
        whole = {"format": 1, "name": self.config.name, **result, "seconds": self.seconds, "software": software}
        write_json(self.folder / "result.json", whole)
        return whole
