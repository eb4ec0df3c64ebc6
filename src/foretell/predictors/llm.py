"""A language model as predictor: prompted with labelled architectures, asked about others (LLM-PP)."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, Self, get_args

import numpy as np
import numpy.typing as npt

from foretell.errors import InputError, UnknownNameError
from foretell.llm import (
    DEFAULT_LLM,
    Estimated,
    Estimator,
    Field,
    How,
    Prompt,
    Session,
    TaskCard,
    candidate_fields,
    choose_fields,
    compact_prompt,
    describe,
    hide_names,
    open_session,
    paper_prompt,
    parts_named,
    read_examples,
    task_title,
)
from foretell.predictors.base import Predictor
from foretell.predictors.context import Context
from foretell.predictors.features import feature_matrix, has_features
from foretell.predictors.labels import Labels
from foretell.progress import track
from foretell.spaces import Population

__all__ = ["LLM_VARIABLE", "Llm", "spread_evenly"]

Vector = npt.NDArray[np.float64]
Template = Literal["compact", "paper"]

_LOCAL_ORDERS = 4

LLM_VARIABLE = "FORETELL_LLM"
"""The environment variable that names the language model where nothing else does."""


class Llm(Predictor):
    """Asks a language model, with the labelled architectures as demonstrations (LLM-PP, arXiv 2310.16712).

    The answer is the expected value over the model's digit tokens where it reports their probabilities, else
    the number that it wrote; averaged over several orders of the demonstrations, whose spread, with that of
    the digits, is the standard deviation. Answers are in the unit of the labels; put `calibrated:` before
    it to correct what is left of a bias. Every reply is in the ledger, so predicting again asks nothing.

    Args:
        context: The surroundings; its seed draws the orders.
        model: "local:NAME", "openai:MODEL" or "URL#MODEL"; empty: `FORETELL_LLM`, else the embedded model.
        template: "compact", one line an architecture, or "paper", the published composition.
        prompt: For "paper": a row of the ablation (`foretell.llm.ABLATION`).
        query_cost: For "paper": "code" or "figure" (`foretell.llm.prompt`).
        demonstrations: The most labels that a prompt shows; 0 shows all. Of more, those stay that are spread
            evenly over the labels' order, from the worst to the best.
        orders: Orders of the demonstrations; 0 is 4 for a local model and 1 where each costs money. The first
            of "paper" is the order they were given in.
        repeats: How often each question is asked.
        decoding: "expected", "median", "greedy" or "sampled".
        temperature: Of "sampled"; negative leaves it to the provider.
        per_request: Architectures in one request.
        fields: For "compact": "auto" chooses on the labels; else names joined by "+".
        task: What the prompt calls the task; empty: the context's, or what the observations' provenance says.
        examples: A TSV file of sentence pairs, five of which the paper's second instruction shows; empty: the
            context's.
        hide: Hide the names of genes, metric and task (memorisation probe).
        shuffle: Deal the labels out among the demonstrations at random (memorisation probe).
        style: "chat" or "raw" for endpoints.
        session: A model that is open already, with its ledger and limits; replaces `model` and `style`.

    Raises:
        UnknownNameError: An option has none of its known values.
    """

    name = "llm"
    minimum = 1
    spread = False
    price = 3
    piecewise = True

    def __init__(
        self,
        context: Context | None = None,
        *,
        model: str = "",
        template: Template = "compact",
        prompt: str = "full",
        query_cost: Literal["code", "figure"] = "code",
        demonstrations: int = 0,
        orders: int = 0,
        repeats: int = 1,
        decoding: How = "expected",
        temperature: float = -1.0,
        per_request: int = 1,
        fields: str = "auto",
        task: str = "",
        examples: str = "",
        hide: bool = False,
        shuffle: bool = False,
        style: str = "",
        session: Session | None = None,
    ) -> None:
        super().__init__(context)
        _check("template", template, get_args(Template))
        _check("query_cost", query_cost, ("code", "figure"))
        _check("decoding", decoding, get_args(How))
        if min(repeats, per_request) < 1 or min(orders, demonstrations) < 0:
            raise InputError(
                "llm needs repeats and per_request of at least 1, and orders and demonstrations of at least 0."
            )
        self.model = model or os.environ.get(LLM_VARIABLE, "") or DEFAULT_LLM
        self.template, self.components, self.query_cost = template, parts_named(prompt), query_cost
        self.demonstrations, self.orders, self.repeats = demonstrations, orders, repeats
        self.decoding, self.per_request = decoding, per_request
        self.temperature = None if temperature < 0 else temperature
        self.fields, self.task, self.examples = fields, task, examples
        self.hide, self.shuffle, self.style = hide, shuffle, style
        self._session = session
        self._labels: Labels | None = None

    @property
    def session(self) -> Session:
        """The open model, with its ledger and what was spent.

        Raises:
            InputError: The model's spelling cannot be read.
        """
        if self._session is None:
            self._session = open_session(self.model, style=self.style)
        return self._session

    def fit(self, observations: Sequence[Any]) -> Self:
        """Take the labelled architectures as demonstrations; nothing is asked yet."""
        super().fit(observations)
        self._card = self._describe_task(observations)
        return self

    def prompts(self, population: Population) -> list[Prompt]:
        """The prompts about a population, one for each order of the demonstrations.

        Args:
            population: `int16 [n, columns]`, canonical.

        Raises:
            InputError: Not fitted, or a field that the space does not have.
        """
        if self._labels is None:
            raise InputError("llm has not seen a label; call fit() first.")
        build = self._compact if self.template == "compact" else self._paper
        return [build(order, population) for order in self._orders()]

    def estimator(self) -> Estimator:
        """What asks the prompts' questions and reads the replies."""
        if self._labels is None:
            raise InputError("llm has not seen a label; call fit() first.")
        return Estimator(
            self.session.asker(),
            self._card.metric,
            self._labels.values.tolist(),
            self.decoding,
            self.repeats,
            self.temperature,
            self.per_request,
        )

    def estimates(
        self, population: Population, on_estimate: Callable[[int, Estimated], None] | None = None
    ) -> list[Estimated]:
        """Estimates with all that was said, in the population's order; see `Estimator.estimate`."""
        found: dict[int, Estimated] = {}

        def note(row: int, estimated: Estimated) -> None:
            found[row] = estimated
            meter.update(len(found))
            if on_estimate is not None:
                on_estimate(row, estimated)

        with track(f"asking {self.session.model.name}", total=max(1, len(population)), unit="architectures") as meter:
            self.estimator().estimate(self.prompts(population), range(len(population)), note)
        return [found[row] for row in range(len(population))]

    # ---- what Predictor asks for

    def fresh(self) -> Self:
        """An unfitted twin on the same model and ledger."""
        twin = super().fresh()
        twin._labels = None
        return twin

    def _learn(self, labels: Labels) -> None:
        # A language model reads and writes the values that people know, whichever way is better.
        self._labels = replace(labels, values=self.quality.from_goodness(labels.values))

    def _score(self, population: Population) -> tuple[Vector, Vector | None]:
        rows, inverse = np.unique(population, axis=0, return_inverse=True)
        budget = self.session.budget
        before = budget.tokens, budget.dollars

        def tell(row: int, estimated: Estimated) -> None:
            if self._report is not None:
                self._report(rows[row : row + 1], np.array([estimated.mean]))

        found = self.estimates(rows, tell)
        self.spent.tokens += budget.tokens - before[0]
        known = self.spent.dollars is not None and budget.dollars is not None and before[1] is not None
        self.spent.dollars = self.spent.dollars + budget.dollars - before[1] if known else None  # type: ignore[operator]
        self._reasons = {rows[i].tobytes(): each.reason for i, each in enumerate(found) if each.reason}
        mean = np.array([each.mean for each in found])[inverse.reshape(-1)]
        std = np.array([each.std for each in found])[inverse.reshape(-1)]
        return self.quality.goodness(mean), None if np.isnan(std).all() else std

    def _reason(self, row: npt.NDArray[np.int16]) -> str:
        return self._reasons.get(row.tobytes(), "no reply")

    # ---- prompts

    def _orders(self) -> list[npt.NDArray[np.intp]]:
        """Orders of the labels that are shown; for "compact" they do not depend on the order the labels came in."""
        assert self._labels is not None  # noqa: S101 - prompts() refuses before
        shown = spread_evenly(self._labels.values, self.demonstrations)
        n = len(shown)
        count = self.orders or (_LOCAL_ORDERS if self.session.model.endpoint == "local" else 1)
        count = min(count, math.factorial(min(n, 8)))
        compact = self.template == "compact"
        base = shown[np.lexsort(self._labels.population[shown].T[::-1])] if compact else shown
        found: dict[bytes, npt.NDArray[np.intp]] = {} if compact else {base.tobytes(): base}
        draw = 0
        while len(found) < count:
            order = base[np.random.default_rng([self.context.seed, draw]).permutation(n)]
            found.setdefault(order.tobytes(), order)
            draw += 1
        return list(found.values())

    def _values(self) -> Vector:
        """The labels that are shown: the true ones, unless they are to be shuffled."""
        assert self._labels is not None  # noqa: S101 - prompts() refuses before
        values = self._labels.values
        if not self.shuffle:
            return values
        return np.random.default_rng([self.context.seed, 10**6]).permutation(values)

    def _compact(self, order: npt.NDArray[np.intp], population: Population) -> Prompt:
        assert self._labels is not None  # noqa: S101 - prompts() refuses before
        n = len(self._labels)
        values = self._values()
        fields = self._chosen(np.concatenate([self._labels.population, population]), self._labels.values)
        shown = [(describe(fields, int(row)), float(values[row])) for row in order]
        asked = [describe(fields, n + row) for row in range(len(population))]
        prompt = compact_prompt(self._card, shown, asked, instruct=self.session.model.style == "chat")
        return hide_names(prompt, [field.name for field in fields], self._card) if self.hide else prompt

    def _chosen(self, everyone: Population, values: Vector) -> list[Field]:
        known = {"parameters": "params", "FLOPs": "flops"}
        costs = {
            said: feature_matrix(name, self.space, everyone, self.context, self.columns)[:, 0]
            for said, name in known.items()
            if has_features(name, self.space)
        }
        candidates = candidate_fields(self.space, everyone, costs, len(values))
        if self.fields == "auto":
            chosen = choose_fields(candidates, values, range(len(values)))
        else:
            by_name = {field.name: field for field in candidates}
            names = [name.strip() for name in self.fields.split("+")]
            for name in names:
                _check("field", name, by_name)
            chosen = [by_name[name] for name in names]
        self.why = f"the prompt says: {', '.join(field.name for field in chosen)}"
        return chosen

    def _paper(self, order: npt.NDArray[np.intp], population: Population) -> Prompt:
        assert self._labels is not None  # noqa: S101 - prompts() refuses before
        known, values = self._labels.population, self._values()
        shown = self.space.architectures(known[order])
        asked = self.space.architectures(population)
        demonstrations = list(zip(shown, self._gflops(known[order]), values[order].tolist(), strict=True))
        queries = list(zip(asked, self._gflops(population), strict=True))
        prompt = paper_prompt(self._card, self.space, demonstrations, queries, self.components, self.query_cost)
        return hide_names(prompt, [gene.name for gene in self.space.genes], self._card) if self.hide else prompt

    def _gflops(self, rows: Population) -> list[float]:
        """With the output layer of the task's own vocabulary (the published files mix them up)."""
        if not has_features("flops-with-output-layer", self.space):
            raise InputError(f"the paper's prompt names FLOPs, which {self.space.name} does not count; use compact.")
        found: list[float] = (
            feature_matrix("flops-with-output-layer", self.space, rows, self.context, self.columns)[:, 0] / 1e9
        ).tolist()
        return found

    def _describe_task(self, observations: Sequence[Any]) -> TaskCard:
        assert self._labels is not None  # noqa: S101 - fit() has set it
        named = next((str(item.provenance["task"]) for item in observations if "task" in item.provenance), "")
        metric = self.quality.for_labels(self._labels.values.tolist())
        seed = self.context.seed
        examples = read_examples(Path(self.examples), seed) if self.examples else self.context.examples
        family = self.space.family
        about = {} if family is None else {"backbone": family.about}
        return TaskCard(self.task or self.context.task or task_title(named), metric, examples, **about)


def spread_evenly(values: Vector, most: int) -> npt.NDArray[np.intp]:
    """Which labels stand for all, at most so many: indices in the labels' own order, the extremes among them.

    Args:
        values: Labels `[n]`.
        most: How many may stay; 0 is all.
    """
    if not 0 < most < len(values):
        return np.arange(len(values))
    ranks = np.linspace(0, len(values) - 1, most).round().astype(np.intp)
    return np.sort(np.argsort(values, kind="stable")[ranks])


def _check(option: str, value: str, known: Any) -> None:
    if value not in known:
        raise UnknownNameError(option, value, known, "llm")
