"""A language model that proposes what a search looks at: all of it, or a share of a generation's children."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from foretell.llm import Session, open_session
from foretell.llm.proposing import Known, Proposals, Proposer
from foretell.observations import Observation
from foretell.predictors import Context, Predictor, create
from foretell.predictors.labels import EqualLabelsError, TooFewLabelsError
from foretell.predictors.registry import parsed
from foretell.search.algorithm import Algorithm, Asked, Goodness, Setting
from foretell.search.breeding import Breeder, Crowd
from foretell.search.keys import from_keys, row_keys
from foretell.search.settings import Evolution, Propose
from foretell.spaces import Population

__all__ = ["JudgedProposer", "LanguageModelLed", "open_proposer", "with_proposals"]

_LLM = "llm"
_PARENTS = 5
_SIZES = Evolution(population=4, parents=2, mutations=1, crossovers=1)


class LanguageModelLed(Algorithm):
    """The model proposes, several at a time, and is shown the best and the worst of what it was told.

    Where it proposes nothing new, mutants of the best stand in for it, or random ones before there is a best.
    A search that is gone on with asks its questions again, which the ledger answers.

    Args:
        setting: The job; `propose` names the model.
        kind: "one" architecture a round, and the next when it was told, as in GENIUS (arXiv 2304.10970); empty: as
            many as a call brings.
    """

    def __init__(self, setting: Setting, kind: str = "") -> None:
        self.metric, self.space = setting.metric, setting.costs.space
        settings = setting.propose or Propose()
        self._waits = bool(kind)
        self.per_call = 1 if kind else settings.per_call
        self.proposer = open_proposer(setting, settings)
        self.proposals = self.proposer.said
        self.breeder = Breeder(setting.costs, setting.constraints, _SIZES, np.random.default_rng(setting.seed))
        self.breeder.first()  # refuses limits that nothing keeps
        self._asked = setting.beginning
        self._given = 0
        self._good: dict[int, float] = {}

    def ask(self, n: int) -> Asked:
        """See `Algorithm.ask`; one at a time, none while that was not told."""
        if self._given == len(self._asked):
            if self._waits and len(self._good) < self._given:
                return Asked.of([], self._asked[:0])
            self._asked = np.concatenate([self._asked, self._more()])
        start = self._given
        self._given = min(start + n, len(self._asked))
        return Asked.of(np.arange(start, self._given), self._asked[start : self._given])

    def _more(self) -> Population:
        good = [(self._asked[number], self._good[number]) for number in sorted(self._good)]
        known = [(row, float(self.metric.from_goodness(each))) for row, each in good if np.isfinite(each)]
        found = self.proposer.propose(self.per_call, known, self._asked, least=1)
        if len(found):
            return found
        best = sorted(good, key=lambda item: -item[1] if np.isfinite(item[1]) else np.inf)[:_PARENTS]
        parents = np.array([row for row, _ in best], dtype=np.int16)
        draw = partial(self.breeder.mutants, parents) if best else self.breeder.random
        born = self.breeder.more(draw, self.per_call, Crowd(self._asked, self._asked)).canonical
        self.proposer.said.instead += len(born)
        return born

    def tell(self, numbers: npt.NDArray[np.int64], goodness: Goodness) -> None:
        """See `Algorithm.tell`."""
        self._good |= dict(zip(numbers.tolist(), goodness.tolist(), strict=True))

    def other_judge(self) -> None:
        """See `Algorithm.other_judge`; what was told before is not shown again."""
        self._good = dict.fromkeys(self._good, float("nan"))


@dataclass
class JudgedProposer:
    """A language model proposes; where a predictor judges, the better half of it is passed on.

    Attributes:
        proposer: Who proposes.
        session: Its model and ledger, which `llm` asks as well.
        judge: How `foretell.predictors.create` spells the predictor; empty: all is passed on.
        context: What that may know.
    """

    proposer: Proposer
    session: Session
    judge: str
    context: Context
    _refused: Population = field(init=False)

    def __post_init__(self) -> None:
        self._refused = self.proposer.space.population([])

    @property
    def said(self) -> Proposals:
        """What it has proposed so far."""
        return self.proposer.said

    def propose(self, n: int, known: Known, taken: Population, *, least: int) -> Population:
        """See `Proposer.propose`; what was refused before does not come again."""
        predictor = self._fitted(known) if self.judge else None
        if predictor is None:
            return self.proposer.propose(n, known, taken, least=least)
        wanted, spared = 2 * n, np.concatenate([taken, self._refused])
        found = self.proposer.propose(wanted, known, spared, least=2 * least)
        if len(found) < 2:
            return found
        goodness = predictor.goodness(predictor.predict(found))
        order = np.argsort(-np.where(np.isnan(goodness), -np.inf, goodness), kind="stable")
        passed = order[: min(n, max(least, (len(found) + 1) // 2))]
        refused = np.setdiff1d(order, passed)
        self._refused = np.concatenate([self._refused, found[refused]])
        self.said.judged += len(refused)
        return found[passed]

    def _fitted(self, known: Known) -> Predictor | None:
        """The judge, taught; None while there is too little to learn from."""
        space, metric = self.proposer.space, self.proposer.metric
        spelling = parsed(self.judge)
        own = spelling.name == _LLM and "model" not in spelling.options  # another model was not asked for
        options: dict[str, Any] = {"session": self.session} if own else {}
        labels = [Observation(space.architecture(row), {metric.key: value}) for row, value in known]
        try:
            return create(self.judge, context=self.context, **options).fit(labels) if labels else None
        except (TooFewLabelsError, EqualLabelsError):
            return None


def open_proposer(setting: Setting, settings: Propose) -> JudgedProposer:
    """The language model of a search; loaded or connected when it is first asked.

    Raises:
        InputError: Its name, or that of its judge, cannot be read.
    """
    limits, costs = setting.constraints, setting.costs
    session = open_session(settings.llm, offline=settings.offline, context=settings.context)
    context = Context(costs.space, setting.metric, seed=setting.seed, task=settings.task or setting.task)
    if settings.judge:
        create(settings.judge, context=context)  # refuses a name that there is not
    proposer = Proposer(
        session.asker(),
        costs.space,
        setting.metric,
        keeps=lambda rows: limits.satisfied(costs, rows),
        limits=str(limits) if limits.items else "",
        seed=setting.seed,
        pool=setting.pool,
        per_call=settings.per_call,
        max_tokens=settings.max_tokens,
        context=settings.context,
        task=settings.task or setting.task,
    )
    return JudgedProposer(proposer, session, settings.judge, context)


def with_proposals(
    proposer: JudgedProposer, share: float, before: Crowd, bred: Crowd, told: Mapping[bytes, float]
) -> Crowd:
    """A generation in which a language model's proposals stand in place of a share of the children.

    Args:
        proposer: The model.
        share: Of the children.
        before: The generation before.
        bred: The new one; children that the model finds no others for stay.
        told: Values of the metric by row, of all that was told.
    """
    old = set(row_keys(before.canonical))
    children = [place for place, key in enumerate(row_keys(bred.canonical)) if key not in old]
    wanted = round(share * len(children))
    if not wanted:
        return bred
    known = from_keys(told, bred.canonical.shape[1])
    values = [(row, value) for row, value in zip(known, told.values(), strict=True) if np.isfinite(value)]
    rows = proposer.propose(wanted, values, np.concatenate([known, bred.canonical]), least=wanted)
    proposer.said.instead += wanted - len(rows)
    replaced = children[len(children) - len(rows) :]
    crowd = Crowd(bred.rows.copy(), bred.canonical.copy())
    crowd.rows[replaced], crowd.canonical[replaced] = rows, rows
    return crowd
