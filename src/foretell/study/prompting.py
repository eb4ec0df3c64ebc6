"""What prompts may say of a study's task."""

from __future__ import annotations

from dataclasses import replace

from foretell.llm import draw_examples
from foretell.predictors import Context
from foretell.study.config import StudyConfig

__all__ = ["corpus_title", "with_task"]


def corpus_title(study: StudyConfig) -> str:
    """What prompts call the task, such as "home-assistant (en to de)"."""
    return study.task_kind.title(study.corpus)


def with_task(context: Context, study: StudyConfig, *, examples: bool = True) -> Context:
    """The surroundings of a predictor with the study's task for prompts.

    Args:
        context: Its seed draws the examples.
        study: Says which corpus.
        examples: Also read the corpus and take examples of its training split, and of no other.

    Raises:
        InputError: The corpus cannot be had or used.
    """
    drawn = draw_examples(study.task_kind.examples(study.corpus), context.seed) if examples else ()
    return replace(context, task=corpus_title(study), examples=drawn)
