"""What a study would fail of, found out before the first second of work."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from foretell import spaces
from foretell.costs import Constraints, CostModel
from foretell.errors import InputError
from foretell.llm import open_session
from foretell.llm.local import why_unusable
from foretell.objectives import Objective
from foretell.observations import load
from foretell.predictors import Context, create
from foretell.search import Propose
from foretell.search.algorithms import describe
from foretell.spaces import SearchSpace
from foretell.study.architectures import initial_rows
from foretell.study.config import EMBEDDED, StudyConfig
from foretell.study.device import quick_check
from foretell.study.distilling import study_labels
from foretell.study.limits import is_relative, limited_cost, limited_costs
from foretell.study.trial_config import TrialStudyConfig
from foretell.tasks import Task, task_kind, task_kinds
from foretell.tasks.translation import Task as TranslationTask

__all__ = [
    "ShortfallWarning",
    "check_proposer",
    "corpus_files",
    "look_at_task",
    "refuse_early",
    "refuse_trials_early",
    "told_of_data",
]

_STACK = 4
"""Labels by which the default teacher weighs the language model and the regression (`foretell.predictors.Weighted`)."""

_FEW_PAIRS = 4
"""In an update; fewer teach long sentences worse in the same time (docs/tutorial.md)."""

_MANY_TIMES = 20
"""Over a corpus in one training: English-Polish (3,700 pairs) has its best weights after 10 to 15 of 40."""

_TRIED = 2
"""Sentences that a scorer is tried on."""


class ShortfallWarning(UserWarning):
    """Less of the data is there than was asked for."""


def refuse_early(study: StudyConfig, *, limits: bool = True) -> SearchSpace:
    """Refuse what can be known to fail before anything is fetched, measured for long, or trained.

    Args:
        study: What is to be done.
        limits: Also look whether anything can keep the limits, which times one architecture where latency is limited.

    Returns:
        The study's space.

    Raises:
        InputError: The space has no network for the task, a file or the device is not there, the teacher has no labels
            to learn from or not enough, or a limit is on a cost that the space does not have.
        InfeasibleError: Clearly nothing keeps the limits.
    """
    from foretell.training import choose_device

    space = spaces.create(study.space)
    _check_family(study, space)
    for path in corpus_files(study):
        if not path.exists():
            raise InputError(f"the corpus's file {path} does not exist; correct its path in the study.")
    for device in (study.device, *study.devices):
        choose_device(device)
    for text in study.constraints:
        if is_relative(text):
            CostModel(space).full_name(limited_cost(text))
    _check_teacher(study, space)
    if "distilled" in study.predictors:
        _check_its_labels(study, space)
    elif study.search.finalists_race is not None:
        load(study.distilled.observations)
    initial_rows(study.search.initial, space)
    _check_scorers(study)
    if not study.predictors and (study.search.propose is not None or describe(study.search.algorithm).asks):
        raise InputError(
            "a language model proposes what a search looks at, and this study has none; give it a schedule such as "
            "supernet:1-30."
        )
    check_proposer(study.search.algorithm, study.search.propose)
    if limits:
        quick_check(space, study, study.vocabulary)
    return space


def refuse_trials_early(config: TrialStudyConfig) -> Objective:
    """The objective of a study of trials, after all that can be known to fail was looked at.

    Raises:
        InputError: The objective cannot work, or the predictor needs more labels than there will be.
        InfeasibleError: No architecture keeps the limits.
    """
    objective = config.make_objective()
    space, settings = config.search_space(), config.search
    by_genes, _ = limited_costs(config.limits(), space, config.objective.costs)
    if len(by_genes):
        by_genes.check_feasible(CostModel(space), np.random.default_rng(settings.seed))
    if settings.algorithm == "predictor" and settings.trials:
        needed = create(settings.predictor, context=Context(space, metric=config.quality())).minimum
        if needed >= settings.trials:
            raise InputError(
                f"the predictor {settings.predictor} learns from {needed} labels or more, and the study has "
                f"{settings.trials} trials, so it would choose none; give more trials, or algorithm: random."
            )
    check_proposer(settings.algorithm, settings.propose)
    _check_beginning(config, by_genes)
    return objective


def _check_beginning(config: TrialStudyConfig, limits: Constraints) -> None:
    """Say which of the architectures to begin with break a limit; refuse them where all do."""
    rows = config.beginning()
    if rows is None or not len(limits):
        return
    broken = int((~limits.satisfied(CostModel(config.search_space()), rows)).sum())
    if broken == len(rows):
        raise InputError(
            f"all {broken} architectures to begin with (search: initial:) break {limits}; name others, or relax it."
        )
    if broken:
        warnings.warn(
            f"{broken} of {len(rows)} architectures to begin with break {limits}, and are left out.",
            ShortfallWarning,
            stacklevel=2,
        )


def check_proposer(algorithm: str, propose: Propose | None) -> None:
    """Refuse a language model that cannot be named or had, where one shall propose.

    Raises:
        InputError: It is so.
    """
    if propose is None and not describe(algorithm).asks:
        return
    settings = propose or Propose()
    open_session(settings.llm, offline=settings.offline, context=settings.context)
    kind, _, name = settings.llm.partition(":")
    if kind == "local" and not settings.offline and (why := why_unusable(name)):
        raise InputError(f"the language model {settings.llm} shall propose: {why}")


def told_of_data(study: StudyConfig, task: Task) -> list[str]:
    """What the data and the recipe lack or ask for, each as a sentence: fewer sentences than wanted, tiny batches.

    Raises:
        UnknownNameError: The race goes by what the task does not measure.
    """
    from foretell.study.finalist_race import target_of

    told, recipe = list(task.shortfalls), study.train.recipe
    if study.search.finalists_race is not None:
        target_of(study, task)
    if recipe.warmup > recipe.updates:
        told.append(
            f"The learning rate rises for {recipe.warmup:,} updates and a training has {recipe.updates:,}: lower "
            f"warmup of the recipe (train: recipe: warmup: {recipe.updates // 10})."
        )
    if isinstance(task, TranslationTask):
        tokens = recipe.tokens_per_update or recipe.max_tokens
        longer = np.maximum(task.train.source.lengths, task.train.target.lengths) + 1
        long, times = float(longer.mean()), recipe.updates * tokens / float(longer.sum())
        if tokens / long < _FEW_PAIRS:
            enough = int(np.ceil(2 * _FEW_PAIRS * long / 100)) * 100
            told.append(
                f"An update reads about {tokens / long:.1f} sentence pairs, for these are long: raise max_tokens of "
                f"the recipe (train: recipe: max_tokens: {enough})."
            )
        if times > _MANY_TIMES and not recipe.patience:
            told.append(
                f"A training goes {times:.0f} times over the corpus, of which the last may teach nothing: let it end "
                "after two validations without a better loss (train: recipe: patience: 2)."
            )
    return told


def look_at_task(study: StudyConfig, task: Task, folder: Path) -> None:
    """Before anything is trained: say what the data do not allow, and score two validation references.

    Args:
        study: Whose scorers are tried, as if a network had said the references.
        task: Its task.
        folder: Of the run, which keeps that the scorers work.

    Raises:
        InputError: A scorer does not work, or the race goes by an unknown metric; the message says which.

    Warns:
        ShortfallWarning: Something was asked of the data that is not in them.
    """
    for text in told_of_data(study, task):
        warnings.warn(text, ShortfallWarning, stacklevel=2)
    for scorer in study.scorers():
        sources, references = zip(*task.examples("valid")[:_TRIED], strict=True)
        texts = {"hypotheses": references, "sources": sources, "references": references}
        scorer.score(texts, folder / "scorers")


def corpus_files(study: StudyConfig) -> list[Path]:
    """The files of the user's that the study reads its text from."""
    corpus = study.corpus
    return [path for name in type(corpus).model_fields if name.endswith("paths") for path in getattr(corpus, name)]


def _check_family(study: StudyConfig, space: SearchSpace) -> None:
    known = study.task_kind.families
    own = None if space.family is None else space.family.name
    if own in known:
        return
    fits = [name for name in task_kinds() if own in task_kind(name).families]
    other = f", or task: {fits[0]}" if fits else ""
    has = "no networks of a family" if own is None else f"networks of the family {own}"
    raise InputError(
        f"the space {space.name} has {has}, and the task {study.task} needs {' or '.join(known)}; choose a space of "
        f"that family{other}."
    )


def _check_scorers(study: StudyConfig) -> None:
    if study.metrics and not study.task_kind.has_references:
        raise InputError(
            f"the study has a scorer ({next(iter(study.metrics))}), but what a {study.task} says has no "
            "reference to be compared with; leave metrics out."
        )
    study.scorers()
    for name in study.metrics:
        study.metric(f"valid_{name}")


def _check_teacher(study: StudyConfig, space: SearchSpace) -> None:
    """A fault in what is said of the distilled predictor, whether the schedule has it or not."""
    settings, context = study.distilled, Context(space, seed=study.distilled.seed)
    create("distilled", context=context, features=settings.features, recipe=settings.recipe)
    if settings.teacher not in (EMBEDDED, "supernet"):
        create(settings.teacher, context=context)


def _check_its_labels(study: StudyConfig, space: SearchSpace) -> None:
    settings = study.distilled
    teacher, context = settings.teacher, Context(space, metric=study.quality(), seed=settings.seed)
    if teacher == "supernet":
        return
    labels = [item for item in study_labels(study, space) if not item.failed]
    metric = context.quality
    if labels and not any(metric.key in item.metrics for item in labels):
        raise InputError(
            f"the observations {study.distilled.observations} have no {metric.key}, which the teacher learns; found "
            f"{', '.join(labels[0].metrics) or 'no metrics'}."
        )
    minimum = _STACK if teacher == EMBEDDED else create(teacher, context=context).minimum
    found = len({item.architecture for item in labels if metric.key in item.metrics})
    if found < minimum:
        raise InputError(
            f"the teacher {teacher} needs at least {minimum} labelled architectures, and "
            f"{study.distilled.observations} has {found}; label more of them (foretell train --observe {minimum})."
        )
