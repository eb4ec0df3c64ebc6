"""What prompts say of a task: its name in words, and a few of its sentence pairs.

Sentences are data. In a prompt each stands on one line of its own, without control or invisible characters and
cut at a bound, so that no sentence can end its example and begin an instruction.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from foretell.display import one_line, shortened
from foretell.errors import InputError
from foretell.llm.prompt import Prompt, TaskCard
from foretell.parsing import read_text

__all__ = ["EXAMPLES", "draw_examples", "hide_names", "read_examples", "task_title"]

EXAMPLES = 5
"""Sentence pairs that the paper's prompt shows."""

_LONGEST = 300  # characters of a sentence in a prompt
_FINGERPRINT = re.compile("[0-9a-f]{16}")

_TITLES = {
    "wmt14ende": "WMT'14 English to German",
    "wmt14enfr": "WMT'14 English to French",
    "wmt19ende": "WMT'19 English to German",
}


def task_title(name: str) -> str:
    """A published task's name in words; any other name as it is, but a fingerprint tells a model nothing."""
    return "" if _FINGERPRINT.fullmatch(name) else _TITLES.get(name, _as_data(name))


def draw_examples(pairs: Sequence[tuple[str, str]], seed: int, n: int = EXAMPLES) -> tuple[tuple[str, str], ...]:
    """Sentence pairs for the prompt: distinct, drawn with a seed, in the corpus's order, as LLM-PP does.

    Args:
        pairs: Source and target sentences, such as a corpus's training pairs.
        seed: Of the draw; nothing else decides.
        n: How many; fewer where there are fewer.
    """
    distinct = list(dict.fromkeys((source, target) for source, target in pairs))
    drawn = np.random.default_rng(seed).permutation(len(distinct))[:n]
    return tuple((_as_data(distinct[index][0]), _as_data(distinct[index][1])) for index in np.sort(drawn))


def _as_data(text: str) -> str:
    """A sentence on one line of bounded length, whatever it holds."""
    return shortened(one_line(text), _LONGEST)


def read_examples(path: Path, seed: int, n: int = EXAMPLES) -> tuple[tuple[str, str], ...]:
    """Examples from a TSV file, one pair a line.

    Raises:
        InputError: No such file, or a line that is not a pair.
    """
    pairs = []
    for number, line in enumerate(read_text(path).split("\n"), 1):
        source, tab, target = line.rstrip("\r").partition("\t")
        if line and not tab:
            raise InputError(f"{path}, line {number} is not a pair of sentences with a tab between them; correct it.")
        if line:
            pairs.append((source, target))
    return draw_examples(pairs, seed, n)


def hide_names(prompt: Prompt, names: Sequence[str], card: TaskCard) -> Prompt:
    """A prompt whose words tell nothing: a model that only remembers published results is lost without them.

    Args:
        prompt: As it would be asked.
        names: Genes or fields; they become "quantity 1", "quantity 2", ...
        card: Its task and metric are hidden as well.
    """
    words = {card.metric.word: "score", "GFLOPS": "quantity 0", "-subtransformer": ""}
    words |= {name: f"quantity {number}" for number, name in enumerate(names, 1)}
    if card.name:
        words[card.name] = "a task"
    pattern = re.compile("|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)))

    def replaced(text: str) -> str:
        return pattern.sub(lambda match: words[match[0]], text)

    endings = tuple(replaced(query) for query in prompt.queries)
    return Prompt(replaced(prompt.prefix), endings, f"{prompt.template}/hidden", replaced(prompt.ask))
