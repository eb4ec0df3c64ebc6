"""Who teaches the study's distilled predictor, and how good each candidate alone would have been on the labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from foretell.evaluation import unseen_row
from foretell.llm import open_session
from foretell.observations import Observation, read_observations
from foretell.predictors import Context, Labels, Predictor, TooFewLabelsError, create
from foretell.predictors.calibrated import Calibrated
from foretell.predictors.distilled import Distilled
from foretell.predictors.labelling import label_architectures
from foretell.predictors.leave_one_out import held_out
from foretell.predictors.llm import Llm
from foretell.predictors.weighted import Weighted
from foretell.spaces import Population
from foretell.study.config import DistilledSettings

__all__ = ["PROMPT", "Taught", "ask_stack", "ask_teacher"]

Vector = npt.NDArray[np.float64]

PROMPT: dict[str, Any] = {"demonstrations": 10, "orders": 2}
"""How the language model is prompted: enough for it to read the labels' trend, short enough for two cores."""

_CONTEXT = 2048  # tokens: four times what the prompt takes, a quarter of the memory of the usual room


@dataclass(frozen=True)
class Taught:
    """What a teacher gave.

    Attributes:
        scores: Goodness of the sample, `[n]`; NaN where it abstained.
        name: Who taught.
        labels: How many labelled architectures it has seen.
        rows: Each predictor alone, judged on those labels, none of which it has seen when it predicts it.
        llm: The language model that was asked; empty where none was.
        asked: Architectures of the sample that it was asked about.
    """

    scores: Vector
    name: str
    labels: int
    rows: list[dict[str, Any]] = field(default_factory=list)
    llm: str = ""
    asked: int = 0

    def account(self) -> dict[str, Any]:
        """What `result.json` says of it (docs/formats.md)."""
        about = {"name": self.name, "labels": self.labels, "rows": self.rows}
        return {**about, "llm": self.llm, "asked": self.asked}


def ask_teacher(teacher: Predictor, observations: Sequence[Observation], sample: Population) -> Taught:
    """Let any predictor teach.

    Args:
        teacher: Unfitted, or one that does not learn.
        observations: What it is fitted on; may be none for one that does not learn.
        sample: Canonical, `int16 [n, columns]`.
    """
    teacher.fit(observations)
    scores = teacher.goodness(teacher.predict(sample))
    if not observations:
        return Taught(scores, teacher.name, 0)
    labels = Labels.of(observations, teacher.quality, teacher.space)
    truth = teacher.quality.goodness(labels.values)
    constant = create("constant", space=teacher.space, context=Context(metric=teacher.quality))
    try:
        alone = {each.name: held_out(each, labels.observations) for each in (constant, teacher)}
    except TooFewLabelsError:
        return Taught(scores, teacher.name, len(labels))
    unit = teacher.calibrated
    rows = [unseen_row(name, said, truth, in_unit=unit or name == "constant") for name, said in alone.items()]
    return Taught(scores, teacher.name, len(labels), rows)


def ask_stack(
    settings: DistilledSettings,
    observations: Sequence[Observation],
    sample: Population,
    context: Context,
    folder: Path,
    key: str,
) -> Taught:
    """Let a language model and the regression teach together, each with the weight it earns on unseen labels.

    The language model is asked about the first `asked` architectures of the sample; a small network that
    imitates those answers speaks for it about the rest. A language model without weight is not asked at all.

    Args:
        settings: The model, and how many it is asked about.
        observations: The labels.
        sample: Canonical, `int16 [n, columns]`.
        context: Space, vocabulary, seed, and the task's name in prompts.
        folder: Gets the language model's labels, each as soon as it exists.
        key: Names everything that those depend on.

    Raises:
        TooFewLabelsError: Fewer labels than weighing two predictors needs.
        LanguageModelError: The model cannot be asked.
    """
    # One thread: this runs beside other work, and threads that wait for each other's cores are slower than one.
    session = open_session(settings.llm, threads=1, context=_CONTEXT)
    # What other tasks teach comes in with the regression beside it; the model tells what it makes of these labels.
    model = Calibrated(Llm(context, session=session, others=0, **PROMPT), context)
    # The constant takes the weight of predictors that only pull towards the mean: a model that knows nothing does.
    voices = [create("constant", context=context), model, create("regression", context=context)]
    stack = Weighted(voices, context).fit(observations)
    constant, language, regression = stack.inner
    base, share, rest = (float(weight) for weight in stack.weights)
    scores = base * _goodness(constant, sample) + rest * _goodness(regression, sample)
    asked = 0
    if share:
        drawn = _distinct(sample)[: settings.asked]
        about = {"model": session.model.name, "key": key}
        imitation = _imitation(language, drawn, context, folder / "labels.jsonl", about)
        scores, asked = scores + share * _goodness(imitation, sample), len(drawn)
    rows = _stack_rows(stack, observations)
    return Taught(scores, stack.name, stack.labels, rows, session.model.name, asked)


def _goodness(predictor: Predictor, sample: Population) -> Vector:
    return predictor.goodness(predictor.predict(sample))


def _stack_rows(stack: Weighted, observations: Sequence[Observation]) -> list[dict[str, Any]]:
    truth = stack.quality.goodness(Labels.of(observations, stack.quality, stack.space).values)
    assert stack.held_out is not None  # noqa: S101 - it is fitted
    parts = zip(stack.inner, stack.scores, stack.weights, strict=True)
    rows = [{**unseen_row(each.name, said, truth), "weight": float(weight)} for each, said, weight in parts]
    return [*rows, unseen_row(stack.name, stack.held_out, truth)]


def _imitation(model: Predictor, drawn: Population, context: Context, path: Path, about: dict[str, Any]) -> Predictor:
    """A network that says what the language model would say, which it was asked about some architectures."""
    label_architectures(model, drawn, path, name=model.name, metric=model.metric, provenance=about)
    known = read_observations(path, context.space)
    answers = [Observation(i.architecture, {model.metric: i.score(model.name, model.metric)}) for i in known]
    alike = len({each.metric(model.metric) for each in answers}) == 1
    return (create("constant", context=context) if alike else Distilled(context)).fit(answers)


def _distinct(sample: Population) -> Population:
    """Each architecture once, in the sample's order."""
    _, first = np.unique(sample, axis=0, return_index=True)
    return sample[np.sort(first)]
