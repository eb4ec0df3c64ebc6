"""One door to all search algorithms, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module

from foretell.errors import InputError, known_name
from foretell.search.algorithm import Algorithm, Setting
from foretell.search.settings import Evolution

__all__ = [
    "GENIUS",
    "ROUNDS",
    "Entry",
    "check_proposing",
    "create",
    "describe",
    "known_algorithm",
    "names",
    "sizes_for",
]

GENIUS, ROUNDS = "genius", 10
"""The algorithm of arXiv 2304.10970, and how long it is there."""


@dataclass(frozen=True)
class Entry:
    """How one name becomes an algorithm.

    Attributes:
        target: "module:attribute" of a callable that takes a `Setting`; imported when first used.
        about: One line for people.
        kind: What is handed over besides: the name that Optuna's side knows it by; empty for our own.
        fidelities: Whether it trains many a little and few in full.
        labels: Whether it learns from labels as a predictor does: not for scores that cost nothing.
        proposes: Whether a language model can propose in it.
    """

    target: str
    about: str
    kind: str = ""
    fidelities: bool = False
    labels: bool = False
    proposes: bool = False

    @property
    def asks(self) -> bool:
        """Whether it asks a language model in any case."""
        return self.target == _LLM


_S = "foretell.search."
_OPTUNA = _S + "optuna_samplers:OptunaSearch"
_LLM = _S + "proposed:LanguageModelLed"
_BUILT_IN: Mapping[str, Entry] = {
    "evolution": Entry(_S + "evolution:Evolve", "the best beget the next: HAT, HS-NAS", proposes=True),
    "random": Entry(_S + "generations:RandomSearch", "random architectures that keep the limits"),
    "regularised": Entry(_S + "regularised:Regularised", "tournaments, and the oldest die", proposes=True),
    "nsga2": Entry(_S + "nsga:Nsga2", "trade-offs between the metric and costs", proposes=True),
    "llm": Entry(_LLM, "a language model proposes, eight at a time", proposes=True),
    GENIUS: Entry(_LLM, "a language model proposes, one a round", "one", proposes=True),
    "predictor": Entry(_S + "asking:PredictorLed", "a design, then a predictor's upper confidence", labels=True),
    "tpe": Entry(_OPTUNA, "Optuna: tree-structured Parzen estimators", "tpe"),
    "gp": Entry(_OPTUNA, "Optuna: a Gaussian process", "gp"),
    "cmaes": Entry(_OPTUNA, "Optuna: CMA-ES, for genes that are all numbers", "cmaes"),
    "bohb": Entry(_OPTUNA, "Optuna: TPE with the Hyperband pruner", "bohb", fidelities=True),
    "asha": Entry(_OPTUNA, "Optuna: random with the successive-halving pruner", "asha", fidelities=True),
}


def names() -> list[str]:
    """All algorithms."""
    return list(_BUILT_IN)


def describe(name: str) -> Entry:
    """How a name becomes an algorithm; nothing is imported.

    Raises:
        UnknownNameError: There is no algorithm of that name; the message names the nearest.
    """
    return _BUILT_IN[known_algorithm(name)]


def known_algorithm(name: str) -> str:
    """An algorithm's name, as it is spelt.

    Raises:
        UnknownNameError: There is no algorithm of that name; the message names the nearest.
    """
    return known_name("algorithm", name, _BUILT_IN)


def check_proposing(name: str) -> None:
    """Refuse an algorithm in which no language model can propose.

    Raises:
        InputError: It is none of those; the message names them.
    """
    able = [each for each, entry in _BUILT_IN.items() if entry.proposes]
    if name not in able:
        raise InputError(
            f"a language model shall propose, and the algorithm {name} takes no proposals; choose "
            f"{', '.join(able)}, or leave propose out."
        )


def create(name: str, setting: Setting) -> Algorithm:
    """The algorithm of that name, at its beginning.

    Raises:
        UnknownNameError: There is none; the message names the nearest.
        InputError: It does not apply to this setting, or the extra `[optuna]` is not installed.
        InfeasibleError: No architecture keeps the limits.
    """
    entry = describe(name)
    if entry.fidelities and not setting.fidelities.unit:
        raise InputError(
            f"{name} trains many architectures a little and few in full, and what gives the labels here has only the "
            "full training; declare the objective's fidelity, or choose another algorithm."
        )
    module, _, attribute = entry.target.partition(":")
    build: Callable[..., Algorithm] = getattr(import_module(module), attribute)
    return build(setting, entry.kind) if entry.kind else build(setting)


def sizes_for(evaluations: int | None) -> Evolution:
    """Sizes of generations where so many evaluations are all there will be (None: a few): four generations or more."""
    population = min(125, max(4, (evaluations or 16) // 4))
    parents = max(2, population // 5)
    mutations = (population - parents + 1) // 2
    return Evolution(
        population=population, parents=parents, mutations=mutations, crossovers=population - parents - mutations
    )
