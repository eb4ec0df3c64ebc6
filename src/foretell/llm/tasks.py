"""What prompts say of a task: its name in words, and a few of its sentence pairs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from foretell.errors import InputError
from foretell.llm.prompt import Prompt, TaskCard

__all__ = ["draw_examples", "hide_names", "read_examples", "task_title"]

_TITLES = {
    "wmt14ende": "WMT'14 English to German",
    "wmt14enfr": "WMT'14 English to French",
    "wmt19ende": "WMT'19 English to German",
}


def task_title(name: str) -> str:
    """A published task's name in words; any other name as it is."""
    return _TITLES.get(name, name)


def draw_examples(pairs: Sequence[tuple[str, str]], n: int, seed: int) -> tuple[tuple[str, str], ...]:
    """Sentence pairs for the prompt: distinct, drawn with a seed, in the corpus's order (REFERENCE 8.1).

    Args:
        pairs: Source and target sentences, such as a corpus's training pairs.
        n: How many; fewer where there are fewer.
        seed: Of the draw; nothing else decides.
    """
    distinct = list(dict.fromkeys((source, target) for source, target in pairs))
    drawn = np.random.default_rng(seed).permutation(len(distinct))[:n]
    return tuple(distinct[index] for index in np.sort(drawn))


def read_examples(path: Path, n: int, seed: int) -> tuple[tuple[str, str], ...]:
    """Examples from a TSV file, one pair a line.

    Raises:
        InputError: No such file, or a line that is not a pair.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise InputError(f"the examples {path} cannot be read ({error.strerror}); check the path.") from error
    pairs = []
    for number, line in enumerate(lines, 1):
        source, tab, target = line.rstrip("\r").partition("\t")
        if line and not tab:
            raise InputError(f"{path}, line {number} is not a pair of sentences with a tab between them; correct it.")
        if line:
            pairs.append((source, target))
    return draw_examples(pairs, n, seed)


def hide_names(prompt: Prompt, names: Sequence[str], card: TaskCard) -> Prompt:
    """A prompt whose words tell nothing: a model that only remembers published results is lost without them.

    Args:
        prompt: As it would be asked.
        names: Genes or fields; they become "quantity 1", "quantity 2", ...
        card: Its task and metric are hidden as well.
    """
    words = {card.metric.label: "score", "GFLOPS": "quantity 0", "-subtransformer": ""}
    words |= {name: f"quantity {number}" for number, name in enumerate(names, 1)}
    if card.name:
        words[card.name] = "a task"
    pattern = re.compile("|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)))

    def replaced(text: str) -> str:
        return pattern.sub(lambda match: words[match[0]], text)

    endings = tuple(replaced(query) for query in prompt.queries)
    return Prompt(replaced(prompt.prefix), endings, f"{prompt.template}/hidden", replaced(prompt.ask))
