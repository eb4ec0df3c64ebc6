"""One door to all predictors, by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Literal

from foretell import spaces
from foretell.errors import InputError, UnknownNameError
from foretell.predictors.base import Predictor
from foretell.predictors.context import Context
from foretell.predictors.spelling import Spelling, parse
from foretell.spaces import SearchSpace

__all__ = ["ENTRY_POINTS", "Entry", "alone", "check_name", "create", "describe", "names", "parsed"]

ENTRY_POINTS = "foretell.predictors"
"""The entry-point group in which other packages register theirs: name to a callable `(context, **options)`."""


@dataclass(frozen=True)
class Entry:
    """How one name becomes a predictor.

    Attributes:
        target: "module:attribute" of a callable that takes `context` and options; imported when first used.
        about: One line for people.
        takes: What stands inside: nothing, plain text, one predictor, or several.
        fixed: Options that the name implies.
        alone: Whether labels alone make it: it reads no trained network and asks no language model.
    """

    target: str
    about: str
    takes: Literal["nothing", "text", "one", "many"] = "nothing"
    fixed: tuple[tuple[str, Any], ...] = ()
    alone: bool = True


def _line(cost: str, about: str) -> Entry:
    return Entry("foretell.predictors.ridge:CostLine", about, fixed=(("cost", cost),))


def _supernet(kind: str, about: str) -> Entry:
    target = "foretell.predictors.trained:from_folder"
    return Entry(target, f"supernet: {about}", "text", (("kind", kind),), alone=False)


def _proxy(name: str, about: str) -> Entry:
    return Entry("foretell.predictors.zero_cost:ZeroCost", f"untrained network: {about}", fixed=(("proxy", name),))


_P = "foretell.predictors."
_BUILT_IN: Mapping[str, Entry] = {
    "constant": Entry(_P + "trivial:Constant", "the mean label for everybody"),
    "params": _line("params", "line in the parameters without embeddings"),
    "params-with-embeddings": _line("params-with-embeddings", "line in the parameters, embeddings included"),
    "flops": _line("flops", "line in the FLOPs without output layer"),
    "flops-with-output-layer": _line("flops-with-output-layer", "line in the FLOPs, output layer included"),
    "depth": _line("depth", "line in the number of decoder layers"),
    "latency": _line("latency", "line in the latency, measured or predicted"),
    "column": Entry(_P + "trivial:Column", "a score or cost on record, as in column:HAT", takes="text"),
    "linear": Entry(_P + "ridge:Linear", "least squares on any features"),
    "ridge": Entry(_P + "ridge:Ridge", "ridge regression on any features"),
    "gp": Entry(_P + "estimators:GaussianProcess", "Gaussian process on any features"),
    "forest": Entry(_P + "estimators:Forest", "random forest on any features"),
    "boosting": Entry(_P + "estimators:Boosting", "gradient boosting on any features"),
    "hist-boosting": Entry(_P + "estimators:HistogramBoosting", "gradient boosting of histogram trees"),
    "regression": Entry(_P + "ridge:Regression", "structured ridges averaged by evidence: the default"),
    "experience": Entry(
        _P + "experience:Experience", "what labels of other tasks teach, with none of this one or some"
    ),
    "power-law": Entry(_P + "power_law:PowerLaw", "power law in size and data, Gaussian process on the rest"),
    "log-params": Entry(_P + "power_law:LogParams", "line in the logarithm of the parameters, counted or on record"),
    "l2_norm": _proxy("l2_norm", "norms of the weights"),
    "grad_norm": _proxy("grad_norm", "norms of the gradients"),
    "plain": _proxy("plain", "weight times gradient"),
    "snip": _proxy("snip", "absolute weight times gradient"),
    "grasp": _proxy("grasp", "minus weight times Hessian-gradient product"),
    "synflow": _proxy("synflow", "flow through absolute weights"),
    "fisher": _proxy("fisher", "squared activation times gradient"),
    "nwot": _proxy("nwot", "how unlike the ReLU codes of tokens are"),
    "jacov": _proxy("jacov", "how unlike the Jacobians of sentences are"),
    "epe": _proxy("epe", "correlation of Jacobians inside quarters of length"),
    "zen": _proxy("zen", "how far noise on the input moves the output"),
    "spos": _supernet("spos", "one random architecture an update (HAT), as in spos:FOLDER"),
    "sandwich": _supernet("sandwich", "a random architecture, the largest and the smallest, as in sandwich:FOLDER"),
    "layerwise-mos": _supernet("layerwise-mos", "experts mixed by layer, as in layerwise-mos:FOLDER"),
    "neuronwise-mos": _supernet("neuronwise-mos", "experts mixed by neuron, as in neuronwise-mos:FOLDER"),
    "distilled": Entry(_P + "distilled:Distilled", "a small network that imitates whatever made its labels"),
    "student": Entry(
        _P + "student:from_folder", "what `foretell distill` has kept, as in student:FOLDER", "text", alone=False
    ),
    "calibrated": Entry(_P + "calibrated:Calibrated", "offset or line from a score to the labels", takes="one"),
    "rank": Entry(_P + "rank:Rank", "a predictor fitted to ranks", takes="one"),
    "stacked": Entry(_P + "stacked:Stacked", "scores and cheap features in one regression", takes="many"),
    "mean": Entry(_P + "blend:Blend", "the mean of predictors", takes="many", fixed=(("how", "mean"),)),
    "consensus": Entry(_P + "blend:Blend", "the median of predictors", takes="many", fixed=(("how", "median"),)),
    "weighted": Entry(_P + "weighted:Weighted", "the mean of predictors, weighted by unseen errors", takes="many"),
    "llm": Entry(_P + "llm:Llm", "a language model asked with the labels as demonstrations", alone=False),
    "llm-embedding": Entry(_P + "llm_embedding:LlmEmbedding", "ridge on a language model's hidden states", alone=False),
    "auto": Entry(_P + "auto:Auto", "the cheapest source that labels cannot tell from the best", takes="many"),
}


@cache
def _entries() -> dict[str, Entry]:
    """All names; a package's own predictor may not take a name that is taken."""
    found = dict(_BUILT_IN)
    for point in entry_points(group=ENTRY_POINTS):
        found.setdefault(point.name, Entry(point.value, f"from {point.dist.name if point.dist else point.value}"))
    return found


_KINDS: tuple[tuple[type, Any, str], ...] = (
    (bool, bool, "true or false"),
    (int, int, "a whole number"),
    (float, int | float, "a number"),
)


def names(pattern: str = "*") -> list[str]:
    """The registered names that match a pattern such as "flops*"."""
    return [name for name in _entries() if fnmatch(name, pattern)]


def describe(name: str) -> Entry:
    """How a name becomes a predictor.

    Raises:
        UnknownNameError: There is no predictor of that name; the message names the nearest.
    """
    if name not in _entries():
        raise UnknownNameError("predictor", name, _entries())
    return _entries()[name]


def alone(name: str) -> bool:
    """Whether labels alone make the predictor of that name and all those inside; nothing is imported or built.

    Args:
        name: As for `create`.

    Raises:
        UnknownNameError: An unknown predictor; the message names the nearest.
        InputError: The name cannot be read.
    """
    return _alone(parsed(name))


def _alone(spelling: Spelling) -> bool:
    return describe(spelling.name).alone and all(map(_alone, spelling.inner))


def check_name(name: str, also: Sequence[str] = ()) -> None:
    """Refuse a name that `create` would not know, or one inside it; nothing is imported or built.

    Args:
        name: As for `create`.
        also: Further names that the message may offer.

    Raises:
        UnknownNameError: An unknown predictor; the message names the nearest.
        InputError: The name cannot be read.
    """
    _check_name(parsed(name), also)


def _check_name(spelling: Spelling, also: Sequence[str]) -> None:
    if spelling.name not in _entries():
        raise UnknownNameError("predictor", spelling.name, [*also, *_entries()])
    for inner in spelling.inner:
        _check_name(inner, ())


def parsed(name: str) -> Spelling:
    """What a predictor's name consists of; nothing is imported or built.

    Raises:
        InputError: The name cannot be read.
    """
    return parse(name, [each for each, entry in _entries().items() if entry.takes == "text"])


def create(
    name: str, *, space: SearchSpace | str | None = None, context: Context | None = None, **options: Any
) -> Predictor:
    """The predictor of that name, unfitted.

    Args:
        name: A registered name, with options and predictors inside where it takes them:
            `"regression"`, `"ridge(features=log-depth+log-params, strength=0.1)"`,
            `"calibrated:column:HAT"`, `"stacked(column:HAT, regression)"`.
        space: The space, or its name; None: the context's, or that of the observations at `fit`.
        context: What every predictor may know beforehand.
        options: Further options of the outermost predictor.

    Raises:
        UnknownNameError: An unknown predictor or option; the message names the nearest.
        InputError: The name cannot be read, or an option makes no sense.
    """
    context = context or Context()
    if space is not None:
        context = replace(context, space=spaces.create(space) if isinstance(space, str) else space)
    spelling = parsed(name)
    return _build(replace(spelling, options={**spelling.options, **options}), context)


def _build(spelling: Spelling, context: Context) -> Predictor:
    entry = describe(spelling.name)
    arguments = _inside(spelling, entry, context)
    factory = _factory(entry)
    options = {**dict(entry.fixed), **spelling.options}
    known = {
        each: parameter.default
        for each, parameter in inspect.signature(factory).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }
    for option, value in options.items():
        if option not in known:
            raise UnknownNameError("option", option, list(known) or ["(none)"], spelling.name)
        options[option] = _typed(spelling.name, option, value, known[option])
    predictor: Predictor = factory(*arguments, context=context, **options)
    if spelling.options:
        predictor.name = str(spelling)
    return predictor


def _typed(name: str, option: str, value: Any, default: Any) -> Any:
    """An option's value of the kind that its default has; a number where words are expected is a word."""
    if isinstance(default, str) and isinstance(value, int | float):
        return str(value)
    for kind, accepted, said in _KINDS:
        if isinstance(default, kind):
            if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
                raise InputError(
                    f"the option {option} of {name} is {value!r}; expected {said}, as in {name}({option}={default}); "
                    "options are parted by commas."
                )
            break
    return value


def _inside(spelling: Spelling, entry: Entry, context: Context) -> list[Any]:
    """What is handed to the factory before the context."""
    given = len(spelling.inner)
    if entry.takes == "text":
        if not spelling.text:
            raise InputError(f"{spelling.name} needs a name after the colon, as in {spelling.name}:HAT.")
        return [spelling.text]
    if entry.takes == "many":
        return [[_build(each, context) for each in spelling.inner]]
    if entry.takes == "one" and given != 1:
        raise InputError(f"{spelling.name} takes one predictor, found {given}; write {spelling.name}:NAME.")
    if entry.takes == "nothing" and given:
        raise InputError(f"{spelling.name} takes no predictor inside; options are written name=value.")
    return [_build(each, context) for each in spelling.inner]


def _factory(entry: Entry) -> Callable[..., Any]:
    module, _, attribute = entry.target.partition(":")
    factory: Callable[..., Any] = getattr(import_module(module), attribute)
    return factory
