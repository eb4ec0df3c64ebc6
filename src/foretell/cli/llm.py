"""`foretell llm`: local models, the ledger, and what a prompt's parts, orders and repeats are worth."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

import typer

from foretell.cli.label import LlmOption
from foretell.cli.options import ExamplesOption, task_context
from foretell.cli.output import JsonOption, figure, given_options, next_step, print_json, print_table, say

__all__ = ["register"]

_group = typer.Typer(no_args_is_help=True, help="Local language models, the ledger of calls, and prompt studies.")

_Observations = Annotated[Path, typer.Option("--observations", help="Labelled architectures.")]
_Task = Annotated[str | None, typer.Option("--task", help="Which task, where the data hold several.")]
_Metric = Annotated[str | None, typer.Option("--metric", help="What is predicted.")]
_Demonstrations = Annotated[int, typer.Option("--demonstrations", min=1, help="Labels that are shown.")]
_Options = Annotated[str, typer.Option("--options", help='Further options of the predictor: "orders=1, style=raw".')]


def register(app: typer.Typer) -> None:
    """Add the group to the command line."""
    app.add_typer(_group, name="llm")


@_group.command("list")
def _list(as_json: JsonOption = False) -> None:
    """List the local models that are known by name, and the encoders that `foretell shrink` takes.

    Example: `foretell llm list`
    """
    from foretell.llm import ENCODERS, MODELS
    from foretell.llm.models import DEFAULT_MODEL

    models = [
        {"name": m.name, "about": m.about, "megabytes": round(m.size / 1e6), "fetched": m.fetched}
        for m in (*MODELS.values(), *ENCODERS.values())
    ]
    if as_json:
        print_json({"models": models})
    else:
        rows = [[m["name"], str(m["megabytes"]), "yes" if m["fetched"] else "no", str(m["about"])] for m in models]
        print_table("Local models", ["name", "MB", "fetched", "what"], [[str(cell) for cell in row] for row in rows])
        next_step("One is fetched by", "llm", "fetch", DEFAULT_MODEL)


@_group.command("fetch")
def _fetch(
    name: Annotated[str, typer.Argument(help="A name of `foretell llm list`.")], as_json: JsonOption = False
) -> None:
    """Fetch a local model, verify its hash and keep it in the cache folder.

    Example: `foretell llm fetch gemma-3-270m`
    """
    from foretell.llm import ENCODERS, MODELS, fetch_encoder, fetch_model

    encodes = name in ENCODERS
    path = fetch_encoder(name) if encodes else fetch_model(name)
    model = ENCODERS[name] if encodes else MODELS[name]
    if as_json:
        print_json({"name": name, "path": str(path), "sha256": model.sha256, "licence": model.licence})
        return
    say(f"{path}\n{model.licence}")
    if encodes:
        texts = ("--data", "home-assistant-languages", "--constraint", "params<=60%")
        next_step("It is made to tell classes by", "shrink", f"local:{name}", *texts)
    else:
        next_step("It labels architectures by", "label", "--llm", f"local:{name}", "--n", 20)


@_group.command("ledger")
def _ledger(
    path: Annotated[Path | None, typer.Argument(help="The ledger; default: the one in the cache.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Sum up all calls that were ever made.

    Example: `foretell llm ledger`
    """
    from foretell.errors import InputError
    from foretell.llm import Ledger, default_ledger, spelling_of

    path = path or default_ledger()
    if not path.exists():
        raise InputError(f"there is no ledger {path}; it is made by the first call.")
    totals = Ledger(path).by_model()
    if as_json:
        print_json({"ledger": str(path), "models": [vars(each) | {"endpoint": e, "model": m} for e, m, each in totals]})
        return
    rows = [
        [
            f"{e}#{m}",
            f"{t.calls:,}",
            f"{t.prompt_tokens:,}",
            f"{t.cached_tokens:,}",
            f"{t.completion_tokens:,}",
            _money(t),
        ]
        for e, m, t in totals
    ]
    print_table(str(path), ["model", "calls", "read", "cached", "written", "US$"], rows)
    if totals:
        endpoint, model, _ = max(totals, key=lambda each: each[2].calls)
        again = [
            "--llm",
            spelling_of(endpoint, model),
            "--n",
            20,
            "--ledger",
            path,
            "--out",
            f"{Path(model).name}.jsonl",
        ]
        next_step("What was asked is answered from it; more is asked by", "label", *again)


def _money(totals: Any) -> str:
    return "unknown" if totals.dollars is None else f"{totals.dollars:.4f}"


@_group.command("ablation")
def _ablation(
    context: typer.Context,
    observations: _Observations,
    llm: LlmOption = "",
    task: _Task = None,
    metric: _Metric = None,
    demonstrations: _Demonstrations = 10,
    options: _Options = "",
    study: ExamplesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Judge the paper's prompt with each of its components added in turn: the seven rows of its Table 1.

    Without a study, whose corpus gives the task examples, the second instruction is left out.

    Example: `foretell llm ablation --observations published:tfs-eval-wmt14ende --llm local:gemma-3-270m`
    """
    from foretell.llm import ABLATION

    rows = {name: f"template=paper, prompt={name}" for name in ABLATION}
    _evaluate(
        context, "Prompt ablation", rows, observations, llm, task, metric, demonstrations, options, as_json, study
    )


@_group.command("probe")
def _probe(
    context: typer.Context,
    observations: _Observations,
    llm: LlmOption = "",
    task: _Task = None,
    metric: _Metric = None,
    demonstrations: _Demonstrations = 10,
    n: Annotated[int, typer.Option("--n", min=10, help="Of a larger table so many architectures are drawn.")] = 200,
    options: _Options = "",
    as_json: JsonOption = False,
) -> None:
    """Ask whether a model reasons or remembers: the same prompt with names hidden, and with labels shuffled.

    A model that remembers published results loses without the names; one that reads the demonstrations
    loses when their labels are dealt out at random. A regression on the same labels stands beside it.

    Example: `foretell llm probe --observations published:tfs-eval-wmt14ende --llm openai:gpt-4o-mini`
    """
    rows = {"as it is": "", "names hidden": "hide=true", "labels shuffled": "shuffle=true"}
    rows["both"] = "hide=true, shuffle=true"
    asked = (observations, llm, task, metric, demonstrations, options, as_json)
    _evaluate(context, "Memorisation probe", rows, *asked, n=n, beside={"a regression": "regression"})


def _evaluate(
    context: typer.Context,
    title: str,
    variants: dict[str, str],
    observations: Path,
    llm: str,
    task: str | None,
    metric: str | None,
    demonstrations: int,
    options: str,
    as_json: bool,
    study: Path | None = None,
    n: int | None = None,
    beside: Mapping[str, str] = MappingProxyType({}),
) -> None:
    import numpy as np

    from foretell.evaluation import SplitPlan, evaluate
    from foretell.observations import load

    known = load(observations, task)
    if n is not None and len(known) > n and not known.splits:
        drawn = np.sort(np.random.default_rng(0).permutation(len(known))[:n])
        known = replace(known, observations=tuple(known.observations[place] for place in drawn))
    spelt = {name: _spell(llm, options, extra) for name, extra in variants.items()} | dict(beside)
    plan = SplitPlan("stored" if known.splits else "random:3", ())
    result = evaluate(
        known,
        list(spelt.values()),
        metric=metric,
        demonstrations=[demonstrations],
        plan=plan,
        trivial=False,
        draws=200,
        context=task_context(study),
    )
    rows = [{"row": name, "predictor": text, **_figures(result.row(text).values)} for name, text in spelt.items()]
    if as_json:
        print_json({"rows": rows, "protocol": result.protocol})
    else:
        print_table(title, ["prompt", "MAE", "tau"], [[str(r["row"]), _cell(r["mae"]), _cell(r["tau"])] for r in rows])
        errors = {name: result.row(text).values["mae"] for name, text in spelt.items()}
        known_errors = {name: error for name, error in errors.items() if math.isfinite(error)}
        if known_errors:
            best = min(known_errors, key=lambda name: known_errors[name])
            _next(context, f"{best!r} was least wrong; it predicts by", "predict", spelt[best], observations)


def _next(context: typer.Context, purpose: str, command: str, predictor: str, observations: Path) -> None:
    """The same data with a predictor, in the command that judges it or that uses it."""
    others = ["--architectures", observations] if command == "predict" else []
    given = given_options(context, "task", "metric")
    next_step(purpose, command, "--predictor", predictor, "--observations", observations, *others, *given)


def _figures(values: dict[str, float]) -> dict[str, float | None]:
    return {key: values[key] if math.isfinite(values[key]) else None for key in ("mae", "tau")}


def _cell(value: object) -> str:
    return figure(value if isinstance(value, float) else None)


def _spell(llm: str, options: str, extra: str = "") -> str:
    """The predictor's name with its options."""
    parts = [f"model={llm}" if llm else "", options.strip(), extra]
    inside = ", ".join(part for part in parts if part)
    return f"llm({inside})" if inside else "llm"


@_group.command("repeatability")
def _repeatability(
    context: typer.Context,
    observations: _Observations,
    llm: LlmOption = "",
    task: _Task = None,
    metric: _Metric = None,
    demonstrations: _Demonstrations = 10,
    repeats: Annotated[int, typer.Option("--repeats", min=2, help="How often each architecture is predicted.")] = 3,
    n: Annotated[int, typer.Option("--n", min=2, help="Architectures.")] = 100,
    temperature: Annotated[float, typer.Option("--temperature", help="Of sampling; negative: the provider's.")] = 1.0,
    options: _Options = "",
    as_json: JsonOption = False,
) -> None:
    """Predict the same architectures several times, and print the mean of their standard deviations.

    Example: `foretell llm repeatability --observations published:tfs-eval-wmt14ende --repeats 3 --n 100`
    """
    import numpy as np

    from foretell import predictors
    from foretell.observations import load
    from foretell.predictors.labelling import draw_architectures

    known = load(observations, task)
    drawn = f"decoding=sampled, temperature={temperature:g}, repeats={repeats}, orders=1"
    predictor: Any = predictors.create(
        _spell(llm, options, drawn), context=predictors.Context(known.space, known.quality(metric))
    )
    from foretell.evaluation.splits import demonstrations_of

    predictor.fit(demonstrations_of(known, demonstrations))
    found = predictor.estimates(draw_architectures(known.space, n, 0))
    several = [[value for value in each.values if np.isfinite(value)] for each in found]
    deviations = [float(np.std(values, ddof=1)) for values in several if len(values) > 1]
    summary = {
        "architectures": n,
        "repeats": repeats,
        "mean_sd": float(np.mean(deviations)) if deviations else None,
        "without_two_replies": n - len(deviations),
    }
    if as_json:
        print_json(summary)
    elif deviations:
        say(f"mean of {len(deviations)} standard deviations over {repeats} repeats: {summary['mean_sd']:.3f}")
    else:
        say("no architecture has two usable replies.")
    if not as_json:
        _next(context, "How far its predictions can be trusted", "evaluate", _spell(llm, options), observations)
