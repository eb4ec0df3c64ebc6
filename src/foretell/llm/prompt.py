"""Prompts: pure functions from a task, labelled architectures and unlabelled ones to text.

Two templates, both in words of our own. `paper_prompt` has the composition, order and number formats of the
published system (LLM-PP, `gpt_scorer.py`), each component a switch. `compact_prompt` says the same in one line an
architecture, for models that run on a laptop. Everything before the architectures in question is the same for
all of them, so that providers and runtimes can keep it in their prefix caches.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from foretell.display import one_line, shortened
from foretell.errors import known_name
from foretell.metrics import Metric
from foretell.spaces import Architecture, SearchSpace

__all__ = [
    "ABLATION",
    "FULL",
    "VERSION",
    "Parts",
    "Prompt",
    "TaskCard",
    "compact_prompt",
    "paper_prompt",
    "parts_named",
]

_LONGEST = 300  # characters of what a gene means
_TRANSLATES = "the Transformer encoder-decoder"
"""The family that the published prompt is of; prompts of others do not speak of translation."""
VERSION = 1
"""Part of every call's key; raise it when any word below changes."""

QueryCost = Literal["code", "figure"]
"""Whether the architecture in question has its own GFLOPS line: "code" yes, "figure" no, as the paper's figure 3."""


@dataclass(frozen=True)
class TaskCard:
    """What a prompt may say of the task.

    Attributes:
        name: Such as "WMT'14 English to German".
        metric: The predicted quality.
        examples: A few sentence pairs (source, target), in the order in which they are shown.
        backbone: The family of networks, in a phrase.
        paper: Where it was published.
    """

    name: str
    metric: Metric
    examples: tuple[tuple[str, str], ...] = ()
    backbone: str = _TRANSLATES
    paper: str = '"Attention Is All You Need" (Vaswani et al., 2017)'

    def __post_init__(self) -> None:
        # Lines are a prompt's only delimiters. Names and sentences come from files: each stays on its line, so
        # that a sentence cannot pose as a demonstration or as the question.
        object.__setattr__(self, "name", one_line(self.name))
        lines = tuple((one_line(source), one_line(target)) for source, target in self.examples)
        object.__setattr__(self, "examples", lines)


@dataclass(frozen=True)
class Parts:
    """Which components of the paper's prompt are in it.

    Attributes:
        role: Who the model shall be.
        instructions: Which of the five: 1 task and metric, 2 task examples, 3 backbone, 4 efficiency metric,
            5 concentrate on the demonstrations.
        definitions: What the hyper-parameters mean.
    """

    role: bool = True
    instructions: tuple[int, ...] = (1, 2, 3, 4, 5)
    definitions: bool = True


FULL = Parts()

ABLATION: dict[str, Parts] = {
    "demonstrations": Parts(role=False, instructions=(), definitions=False),
    "role+definitions": Parts(instructions=()),
    "instruction-1": Parts(instructions=(1,)),
    "instruction-2": Parts(instructions=(1, 2)),
    "instruction-3": Parts(instructions=(1, 2, 3)),
    "instruction-4": Parts(instructions=(1, 2, 3, 4)),
    "full": FULL,
}
"""The seven rows of the paper's prompt ablation, each with the components of the row before and one more."""


def parts_named(name: str) -> Parts:
    """The parts of a row of the ablation.

    Raises:
        UnknownNameError: There is no such row; the message names the nearest.
    """
    return ABLATION[known_name("prompt", name, ABLATION)]


@dataclass(frozen=True)
class Prompt:
    """A prompt for many architectures.

    Attributes:
        prefix: The shared beginning.
        queries: One ending for each architecture; each ends in the metric's name, a colon and a space.
        template: Name and version, for the key of a call.
        ask: The sentence before several architectures that are asked about in one request.
    """

    prefix: str
    queries: tuple[str, ...]
    template: str
    ask: str = ""

    def together(self, members: Sequence[int]) -> str:
        """The ending that asks about several architectures at once, numbered from 1."""
        parts = [f"[{number}]\n{self.queries[index].rstrip()}\n" for number, index in enumerate(members, 1)]
        ask = self.ask.replace("{count}", str(len(members)))
        return f"{ask}\n\n" + "\n".join(parts) + "\nAnswers:\n"

    @property
    def fingerprint(self) -> str:
        """Names the shared beginning."""
        return hashlib.sha256(self.prefix.encode()).hexdigest()[:16]


def paper_prompt(
    card: TaskCard,
    space: SearchSpace,
    demonstrations: Sequence[tuple[Architecture, float, float]],
    queries: Sequence[tuple[Architecture, float]],
    parts: Parts = FULL,
    query_cost: QueryCost = "code",
) -> Prompt:
    """The long prompt.

    Args:
        card: The task.
        space: Its gene descriptions become the definitions.
        demonstrations: Architecture, GFLOPs with the output layer, and label, in the order shown.
        queries: Architecture and GFLOPs of those in question.
        parts: Which components.
        query_cost: "code" as in the published program; "figure" as in the paper's figure: numbered
            demonstrations with the label before the GFLOPS, and no GFLOPS line for the query.
    """
    blocks = [*_opening(card, parts), *_definitions(space, parts)]
    shown = [_demonstration(card, i, *each, query_cost) for i, each in enumerate(demonstrations, 1)]
    tail = f"{card.metric.word}: "
    costs = [f"GFLOPS: {gflops:.1f}\n" if query_cost == "code" else "" for _, gflops in queries]
    endings = tuple(f"{a.to_text()}\n{cost}{tail}" for (a, _), cost in zip(queries, costs, strict=True))
    prefix = "".join(f"{block}\n\n" for block in [*blocks, *shown])
    row = next((name for name, known in ABLATION.items() if known == parts), repr(parts))
    return Prompt(prefix, endings, f"paper/{VERSION}/{row}/{query_cost}", _several(card))


def _opening(card: TaskCard, parts: Parts) -> list[str]:
    label, wanted = card.metric.word, parts.instructions
    translates = card.backbone == _TRANSLATES
    backbone = f"{card.backbone} of {card.paper}" if translates else card.backbone
    blocks = []
    if parts.role:
        blocks.append(
            f"You estimate how well neural networks{' for machine translation' if translates else ''} will do. "
            f"From the description of an untrained test architecture you give the {label} score that it reaches after "
            "training."
        )
    sentences = {
        1: f"The networks are trained on the {card.name} task; their quality is the {card.metric.sentence}.",
        2: "Here are some examples of the task:\n\n" + _task_examples(card),
        3: f"All networks share one backbone, {backbone}, and were trained with the same "
        "training hyper-parameters and the same optimiser.",
        4: "Their efficiency is given in GFLOPS: billions of floating-point operations of one forward pass over "
        f"a single {'translation ' if translates else ''}example.",
        5: f"Study the demonstrations below with care, and learn from them how a configuration, its {label} and its "
        "GFLOPS go together.",
    }
    if wanted:
        blocks.append("Please keep to these instructions:")
    given = [sentences[each] for each in wanted if each != 2 or card.examples]
    return blocks + [f"{number}. {sentence}" for number, sentence in enumerate(given, 1)]


def _task_examples(card: TaskCard) -> str:
    return "\n\n".join(
        f"Example {number}:\nInput: {source}\nOutput: {target}"
        for number, (source, target) in enumerate(card.examples, 1)
    )


def _definitions(space: SearchSpace, parts: Parts) -> list[str]:
    if not parts.definitions:
        return []
    lines = [f"{gene.name}-subtransformer: {gene.description}" for gene in space.genes]
    heading = ["What the hyper-parameters mean:"] if parts.instructions else []
    return ["\n".join([*heading, *lines])]


def _demonstration(
    card: TaskCard, number: int, architecture: Architecture, gflops: float, label: float, query_cost: QueryCost
) -> str:
    cost = f"GFLOPS: {gflops:.1f}"
    quality = f"{card.metric.word}: {card.metric.format(label)}"
    if query_cost == "figure":
        return f"Example {number}:\n{architecture.to_text()}\n{quality}\n{cost}"
    return f"{architecture.to_text()}\n{cost}\n{quality}"


def compact_prompt(
    card: TaskCard,
    demonstrations: Sequence[tuple[str, float]],
    queries: Sequence[str],
    *,
    instruct: bool = False,
    others: Sequence[tuple[str, Sequence[tuple[str, float]]]] = (),
    meant: Sequence[tuple[str, str]] = (),
) -> Prompt:
    """One line an architecture: "decoder layers: 2, parameters: 31M, BLEU: 25.46".

    Args:
        card: The task; only its name and metric are used.
        demonstrations: What is said of a labelled architecture (see `foretell.llm.fields`), and its label,
            in the order shown.
        queries: What is said of the architectures in question.
        instruct: Also say what to do, for models that answer a message instead of continuing a text.
        others: Other tasks that are shown before, each with its name and demonstrations.
        meant: Names of what is said in words, and what they mean; each stays on its line.
    """
    label = card.metric.word
    name = card.name or ("a new task" if others else "")
    heading = f"Networks trained on {name}.\n" if name else ""
    if instruct:
        heading += f"Each line describes one network. Give the {label} of the last line: one number and nothing else.\n"
        heading += "" if card.metric.higher_is_better else f"A lower {label} is better.\n"
    endings = tuple(f"{said}, {label}: " for said in queries)
    before = "".join(
        f"Networks trained on {one_line(title) or 'another task'}.\n{_lines(card.metric, shown)}\n"
        for title, shown in others
    )
    explained = "".join(f"- {one_line(name)}: {shortened(one_line(about), _LONGEST)}\n" for name, about in meant)
    prefix = explained + before + heading + _lines(card.metric, demonstrations)
    return Prompt(prefix, endings, f"compact/{VERSION}", _several(card))


def _lines(metric: Metric, demonstrations: Sequence[tuple[str, float]]) -> str:
    return "".join(f"{said}, {metric.word}: {metric.format(value)}\n" for said, value in demonstrations)


def _several(card: TaskCard) -> str:
    return (
        f"Now estimate the {card.metric.word} of these {{count}} networks. Answer with {{count}} lines and nothing "
        f'else, each "number: {card.metric.word}", such as "1: {card.metric.format(_middle(card.metric))}".'
    )


def _middle(metric: Metric) -> float:
    return min(max(0.0, metric.low), metric.high)
