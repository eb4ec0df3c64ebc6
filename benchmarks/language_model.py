"""How much of what a language model of Python writes is Python, beside an n-gram model of the same tokens.

    python benchmarks/language_model.py runs/lm

Each of 100 samples begins a document and has at most 96 tokens; its last line, if no end mark follows it, is left out.
"""

import argparse
import ast
import warnings
from pathlib import Path

import numpy as np

from foretell.parsing import read_yaml
from foretell.study import load_study
from foretell.study.use import trained_network
from foretell.tasks import EOS
from foretell.tasks.language_model import LanguageModelling, Writer

TOKENS = 96


def is_python(text: str, ended: bool) -> bool:
    """Whether Python's parser takes a text, without its last line where that is cut."""
    whole = text if ended else text[: text.rfind("\n") + 1]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of doubtful escapes
            ast.parse(whole)
    except (SyntaxError, ValueError):
        return False
    return bool(whole.strip())


def interval(share: float, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share."""
    z = 1.96
    middle, reach = share + z * z / 2 / n, z * np.sqrt(share * (1 - share) / n + z * z / 4 / n / n)
    return (middle - reach) / (1 + z * z / n), (middle + reach) / (1 + z * z / n)


def main() -> None:
    """Print both shares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--samples", type=int, default=100)
    given = parser.parse_args()
    task = load_study(None, read_yaml(given.run / "study.yaml", "the study")).make_task()
    network = trained_network(given.run)
    assert isinstance(task, LanguageModelling)
    assert isinstance(network, Writer)
    ways = {"temperature 1": {}, "as foretell generate does": {"temperature": 0.8, "top_p": 0.95}}
    for name, options in ways.items():
        show(f"network, {name}", task, network.write([EOS], TOKENS, samples=given.samples, **options))
    ngram, rng = task.ngram(), np.random.default_rng(0)
    show("4-gram model", task, [ngram.generate([EOS], TOKENS, EOS, rng) for _ in range(given.samples)])


def show(name: str, task: LanguageModelling, written: list[list[int]]) -> None:
    """One line: the share, and its interval."""
    texts = task.vocabulary.decode(written)
    taken = [is_python(text, len(tokens) < TOKENS) for text, tokens in zip(texts, written, strict=True)]
    share = float(np.mean(taken))
    low, high = interval(share, len(taken))
    print(f"{name:<35} {share:.0%} of {len(taken)} are Python (95 % {low:.0%} to {high:.0%})")


if __name__ == "__main__":
    main()
