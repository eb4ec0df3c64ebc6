"""A language model as predictor: prompted with labelled architectures, asked about others (LLM-PP)."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, Self, get_args

import numpy as np
import numpy.typing as npt

from foretell.errors import InputError, UnknownNameError, known_name
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
from foretell.predictors.demonstrations import Others, other_tasks, others_shown, shuffled_orders, spread_evenly
from foretell.predictors.features import feature_matrix, has_features
from foretell.predictors.labels import Labels
from foretell.progress import track
from foretell.spaces import Population

__all__ = ["LLM_VARIABLE", "Llm"]

Vector = npt.NDArray[np.float64]
Template = Literal["compact", "paper"]

_LOCAL_ORDERS = 4
_ENOUGH = 10
"""Labels that the paper's prompts show."""

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
        others: For "compact": labelled architectures of other tasks that are shown before the task's own, where the
            same genes have such on record (`foretell.predictors.demonstrations`); -1: as many as the task's own
            labels lack to ten. Then it needs no label.
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
        others: int = -1,
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
        self.others = others if template == "compact" else 0
        if self._space is not None and self.others and other_tasks(self.context, self._space, ()):
            self.minimum = 0
        self.fields, self.task, self.examples = fields, task, examples
        self.hide, self.shuffle, self.style = hide, shuffle, style
        self._session = session
        self._labels: Labels | None = None
        self._taught: tuple[bytes, Others] | None = None

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
        return [build(number, order, population) for number, order in enumerate(self._orders())]

    def estimator(self, population: Population) -> Estimator:
        """What asks the questions of the prompts about a population, and reads the replies."""
        if self._labels is None:
            raise InputError("llm has not seen a label; call fit() first.")
        values = np.concatenate([self._others(population).values, self._labels.values])
        return Estimator(
            self.session.asker(),
            self._card(values).metric,
            values.tolist(),
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
            self.estimator(population).estimate(self.prompts(population), range(len(population)), note)
        return [found[row] for row in range(len(population))]

    # ---- what Predictor asks for

    def fresh(self) -> Self:
        """An unfitted twin on the same model and ledger."""
        twin = super().fresh()
        twin._labels = twin._taught = None
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
        count = self.orders or (_LOCAL_ORDERS if self.session.model.endpoint == "local" else 1)
        if self.template == "paper":
            return shuffled_orders(shown, count, self.context.seed, first=True)
        base = shown[np.lexsort(self._labels.population[shown].T[::-1])]
        return shuffled_orders(base, count, self.context.seed, distinct=not self._lacking())

    def _lacking(self) -> int:
        """How many architectures of other tasks a prompt shows."""
        assert self._labels is not None  # noqa: S101 - fit() has set it
        wanted = self.others if self.others >= 0 else max(0, _ENOUGH - len(self._labels))
        return wanted if wanted and other_tasks(self.context, self.space, self._observations) else 0

    def _others(self, population: Population) -> Others:
        """What is shown of other tasks to those who are asked about a population."""
        assert self._labels is not None  # noqa: S101 - fit() has set it
        key = population.tobytes() if self.context.disjoint else b""
        if self._taught is None or self._taught[0] != key:
            count, labels = self._lacking(), self._labels.observations
            shown = others_shown(self.context, self.space, labels, count, population) if count else None
            self._taught = key, shown or Others.none(self.space)
        return self._taught[1]

    def _dealt(self, values: Vector, salt: int = 0) -> Vector:
        """Labels that are shown: the true ones, unless they are to be shuffled."""
        if not self.shuffle:
            return values
        return np.random.default_rng([self.context.seed, 10**6 + salt]).permutation(values)

    def _compact(self, number: int, order: npt.NDArray[np.intp], population: Population) -> Prompt:
        assert self._labels is not None  # noqa: S101 - prompts() refuses before
        others = self._others(population)
        first, n = len(others.values), len(others.values) + len(self._labels)
        known = np.concatenate([others.values, self._labels.values])
        everyone = np.concatenate([others.population, self._labels.population, population])
        fields = self._chosen(everyone, known)
        if self.hide:
            fields = [field.hidden() for field in fields]
        values = np.concatenate([self._dealt(others.values, 1), self._dealt(self._labels.values)])

        def lines(rows: npt.NDArray[np.intp]) -> list[tuple[str, float]]:
            return [(describe(fields, int(row)), float(values[row])) for row in rows]

        draw = np.random.default_rng([self.context.seed, number, 1])
        before = [
            ("" if self.hide else task_title(name), lines(draw.permutation(np.flatnonzero(others.task == task))))
            for task, name in enumerate(others.names)
        ]
        asked = [describe(fields, n + row) for row in range(len(population))]
        instruct = self.session.model.style == "chat"
        card = self._card(known)
        meant = [(field.name, field.about) for field in fields if field.about]
        prompt = compact_prompt(card, lines(order + first), asked, instruct=instruct, others=before, meant=meant)
        return hide_names(prompt, [field.name for field in fields], card) if self.hide else prompt

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
            chosen = [by_name[known_name("field", name.strip(), by_name, "llm")] for name in self.fields.split("+")]
        self.why = f"the prompt says: {', '.join(field.name for field in chosen)}"
        return chosen

    def _paper(self, number: int, order: npt.NDArray[np.intp], population: Population) -> Prompt:
        assert self._labels is not None  # noqa: S101 - prompts() refuses before
        known, values = self._labels.population, self._dealt(self._labels.values)
        card = self._card(values)
        shown = self.space.architectures(known[order])
        asked = self.space.architectures(population)
        demonstrations = list(zip(shown, self._gflops(known[order]), values[order].tolist(), strict=True))
        queries = list(zip(asked, self._gflops(population), strict=True))
        prompt = paper_prompt(card, self.space, demonstrations, queries, self.components, self.query_cost)
        return hide_names(prompt, [gene.name for gene in self.space.genes], card) if self.hide else prompt

    def _gflops(self, rows: Population) -> list[float]:
        """With the output layer of the task's own vocabulary (the published files mix them up)."""
        if not has_features("flops-with-output-layer", self.space):
            raise InputError(f"the paper's prompt names FLOPs, which {self.space.name} does not count; use compact.")
        found: list[float] = (
            feature_matrix("flops-with-output-layer", self.space, rows, self.context, self.columns)[:, 0] / 1e9
        ).tolist()
        return found

    def _card(self, values: Vector) -> TaskCard:
        """The task, whose numbers have the decimals that these labels need."""
        named = next((str(item.provenance["task"]) for item in self._observations if "task" in item.provenance), "")
        metric = self.quality.for_labels(values.tolist())
        seed = self.context.seed
        examples = read_examples(Path(self.examples), seed) if self.examples else self.context.examples
        family = self.space.family
        about = {} if family is None else {"backbone": family.about}
        return TaskCard(self.task or self.context.task or task_title(named), metric, examples, **about)


def _check(option: str, value: str, known: Any) -> None:
    if value not in known:
        raise UnknownNameError(option, value, known, "llm")
