"""The language model as generator: it writes configurations, and only valid ones get through."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from foretell.errors import InputError
from foretell.llm.asking import Asker
from foretell.llm.model import Decoding, Request
from foretell.metrics import Metric
from foretell.spaces import Architecture, Gene, Population, SearchSpace

__all__ = ["Proposals", "proposal_prompt", "propose"]

VERSION = 1
Keeps = Callable[[Population], npt.NDArray[np.bool_]]


@dataclass(frozen=True)
class Proposals:
    """What a model came up with.

    Attributes:
        architectures: Valid, distinct, within the limits, none of those it was shown.
        replies: Replies that were read.
        invalid: Blocks that are no architecture of the space.
        repeated: Architectures proposed before, or shown to it.
        infeasible: Architectures that break a limit.
    """

    architectures: tuple[Architecture, ...]
    replies: int
    invalid: int
    repeated: int
    infeasible: int

    @property
    def population(self) -> Population:
        """The proposals as rows, `int16 [n, columns]`, for the initial population of a search.

        Raises:
            InputError: There are none.
        """
        if not self.architectures:
            raise InputError("the model proposed no usable architecture; ask a larger one, or for more rounds.")
        return self.architectures[0].space.population(self.architectures)


def proposal_prompt(
    space: SearchSpace, metric: Metric, shown: Sequence[tuple[Architecture, float]], limits: str
) -> tuple[str, str]:
    """The shared beginning and the ending of the prompt.

    Args:
        space: Its genes, descriptions and choices are explained.
        metric: What shall be good.
        shown: Known architectures with their labels; worst first, so that what follows should be better.
        limits: The constraints in words; empty for none.
    """
    genes = "\n".join(f"{gene.name}-subtransformer: {gene.description}; {_choices(gene)}" for gene in space.genes)
    worst_first = sorted(shown, key=lambda item: item[1], reverse=not metric.higher_is_better)
    examples = "".join(f"{a.to_text()}\n{metric.word}: {metric.format(value)}\n\n" for a, value in worst_first)
    wish = f"They must keep {limits}. " if limits else ""
    heading = (
        "You design neural networks. A network is described by these lines, each gene once and in this order:\n"
        f"{genes}\n\nPropose new networks with the best {metric.word} that you can. {wish}Vary them. Write nothing "
        "but such descriptions, with an empty line between two networks.\n\n"
    )
    return heading + examples, f"{space.genes[0].name}-subtransformer:"


def _choices(gene: Gene) -> str:
    values = ", ".join(map(str, gene.choices))
    return f"a list with one value a layer, each one of {values}" if gene.depth else f"one of {values}"


def propose(
    asker: Asker,
    space: SearchSpace,
    metric: Metric,
    shown: Sequence[tuple[Architecture, float]],
    n: int,
    *,
    keeps: Keeps | None = None,
    limits: str = "",
    rounds: int = 20,
    seed: int = 0,
    temperature: float = 0.9,
) -> Proposals:
    """Ask until there are `n` usable architectures, or enough replies have been read.

    Args:
        asker: Model, ledger and limits.
        space: The space.
        metric: What shall be good.
        shown: Known architectures with labels; may be empty.
        n: How many are wanted.
        keeps: Which rows keep the constraints, `bool [n]`; None: all do.
        limits: The constraints in words, for the prompt.
        rounds: The most replies.
        seed: Of sampling.
        temperature: Of sampling.
    """
    prefix, ending = proposal_prompt(space, metric, shown, limits)
    seen = {architecture for architecture, _ in shown}
    found: list[Architecture] = []
    replies = invalid = repeated = infeasible = 0
    length = len(space.largest().to_text()) // 2 + 40
    while len(found) < n and replies < rounds:
        # What was found so far is not shown again: the beginning stays the same and is read from the cache.
        decoding = Decoding(length * min(4, n - len(found)), temperature, seed=seed + replies)
        request = Request(prefix, ending, decoding, repeat=replies, template=f"propose/{VERSION}")
        (answer,) = asker.ask([request])
        replies += 1
        for block in _blocks(answer.reply.text, ending):
            architecture = _read(space, block)
            if architecture is None:
                invalid += 1
            elif architecture in seen:
                repeated += 1
            elif keeps is not None and not keeps(space.population([architecture]))[0]:
                infeasible += 1
                seen.add(architecture)
            elif len(found) < n:
                found.append(architecture)
                seen.add(architecture)
    return Proposals(tuple(found), replies, invalid, repeated, infeasible)


def _blocks(text: str, ending: str) -> Iterator[str]:
    """Descriptions in a reply that goes on from `ending`, or starts anew."""
    start = text if text.lstrip().startswith(ending) else f"{ending}{text}"
    for block in re.split(rf"(?m)^(?={re.escape(ending)})", start):
        lines = [line.strip() for line in block.splitlines()]
        genes = [line for line in lines if re.match(r"[a-z-]+-subtransformer\s*:", line)]
        if genes:
            yield "\n".join(genes)


def _read(space: SearchSpace, block: str) -> Architecture | None:
    try:
        return Architecture.from_text(space, block)
    except InputError:
        return None
