"""`foretell label`: a teacher's labels for a distillation set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from foretell.cli.options import ExamplesOption, labelled
from foretell.cli.output import JsonOption, next_step, print_json, say

if TYPE_CHECKING:
    from foretell.llm import Session
    from foretell.observations import ObservationSet
    from foretell.predictors import Predictor
    from foretell.predictors.llm import Llm
    from foretell.spaces import Population

__all__ = [
    "LlmOption",
    "MaxTokensOption",
    "MaxUsdOption",
    "ObservationsOption",
    "OfflineOption",
    "register",
    "use_llm",
]

LlmOption = Annotated[str, typer.Option("--llm", help="local:NAME, openai:MODEL or URL#MODEL.")]
ObservationsOption = Annotated[
    Path | None, typer.Option("--observations", help="Labelled architectures: the demonstrations.")
]
TimeoutOption = Annotated[
    float, typer.Option("--timeout", min=0.1, help="Seconds for one call; at least 300 of thinking.")
]
OfflineOption = Annotated[bool, typer.Option("--offline", help="Answer from the ledger only.")]
MaxUsdOption = Annotated[float | None, typer.Option("--max-usd", min=0, help="Stop before this is spent.")]
MaxTokensOption = Annotated[int | None, typer.Option("--max-tokens", min=1, help="Stop before these are used.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("label")(_label)


def use_llm(llm: str) -> None:
    """Make a language model the one that every predictor `llm` of this process asks, unless it names its own."""
    import os

    if llm:
        from foretell.predictors.llm import LLM_VARIABLE

        os.environ[LLM_VARIABLE] = llm


def _label(
    llm: LlmOption = "",
    teacher: Annotated[str, typer.Option(help="Instead of a language model: any predictor.")] = "",
    n: Annotated[int, typer.Option("--n", min=1, help="Architectures to label.")] = 3000,
    observations: ObservationsOption = None,
    task: Annotated[str | None, typer.Option(help="Which task, where the data hold several.")] = None,
    metric: Annotated[
        str | None, typer.Option(help="What is predicted. Default: what a table is of, else a validation metric.")
    ] = None,
    demonstrations: Annotated[int, typer.Option(min=1, help="How many labels are shown.")] = 10,
    study: ExamplesOption = None,
    space: Annotated[str, typer.Option(help="Without observations: the space; default: the study's.")] = "",
    uniform: Annotated[str, typer.Option(help="genes (all depths alike) or architectures.")] = "genes",
    seed: Annotated[int, typer.Option(min=0, help="Of the sample and the orders.")] = 0,
    out: Annotated[Path, typer.Option(help="JSON lines to append to.")] = Path("labels.jsonl"),
    template: Annotated[str, typer.Option(help="compact or paper.")] = "compact",
    orders: Annotated[int, typer.Option(min=0, help="Orders of demonstrations; 0: 4 locally, 1 elsewhere.")] = 0,
    repeats: Annotated[int, typer.Option(min=1, help="How often each question is asked.")] = 1,
    decoding: Annotated[str, typer.Option(help="expected, median, greedy or sampled.")] = "expected",
    per_request: Annotated[int, typer.Option(min=1, help="Architectures in one request.")] = 1,
    style: Annotated[str, typer.Option(help="chat or raw, for endpoints.")] = "",
    concurrency: Annotated[int, typer.Option(min=1, help="Calls at the same time.")] = 32,
    timeout: TimeoutOption = 60.0,
    batch: Annotated[bool, typer.Option("--batch", help="Use the Batch API: within a day, half price.")] = False,
    max_usd: MaxUsdOption = None,
    max_tokens: MaxTokensOption = None,
    prices: Annotated[Path | None, typer.Option(help="YAML of your own prices.")] = None,
    ledger: Annotated[Path | None, typer.Option(help="File of all calls; default: in the cache.")] = None,
    offline: OfflineOption = False,
    resume: Annotated[bool, typer.Option("--resume", help="It resumes by itself; accepted all the same.")] = False,
    show_prompt: Annotated[bool, typer.Option("--show-prompt", help="Print a prompt and stop.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Let a language model, or any predictor, label a sample of the space.

    Without observations the demonstrations are those of the study, for the default study the architectures
    that come with foretell.

    Every reply is in the ledger and every label in the file soon after it comes; after an interruption, or
    at a limit, the same command goes on and pays nothing twice.

    Examples:
    `foretell label --n 300`

    `foretell label --llm local:gemma-3-270m --observations labels.jsonl --n 300`

    `foretell label --llm openai:gpt-4o-mini --observations labels.jsonl --n 3000 --max-usd 1`
    """
    from foretell import predictors
    from foretell.errors import ForetellError
    from foretell.evaluation.splits import demonstrations_of
    from foretell.observations import load
    from foretell.predictors.labelling import draw_architectures, label_architectures
    from foretell.records import fingerprint

    teacher = "" if teacher.strip().lower() == "llm" else teacher  # which is the teacher where none is named
    known = (
        labelled(load(observations, task), metric)
        if observations is not None
        else _of_study(study, space, demonstrations)
    )
    shown, found_space, quality = demonstrations_of(known, demonstrations), known.space, known.quality(metric)
    context = predictors.Context(found_space, quality, seed=seed)
    if study is not None or observations is None:
        from foretell.study import load_study
        from foretell.study.prompting import with_task

        context = with_task(context, load_study(study), examples=not teacher and template == "paper")
    session = asked = None
    if teacher:
        use_llm(llm)
        predictor: Predictor = predictors.create(teacher, context=context)
    else:
        session = _session(llm, style, concurrency, timeout, ledger, prices, max_usd, max_tokens, offline, batch)
        # What is left to ask of an earlier run may well be what it has no answer to.
        session.proven = out.exists() and out.stat().st_size > 0
        given = {"template": template, "orders": orders, "repeats": repeats, "decoding": decoding}
        predictor = asked = _llm(context, session, {**given, "per_request": per_request})
    predictor.fit(shown)
    sample = draw_architectures(found_space, n, seed, uniform_over=_uniform(uniform))
    if show_prompt:
        _show(predictor, sample, as_json)
        return
    settings = [teacher, template, orders, repeats, decoding, per_request] if session else [teacher]
    told = {"model": session.model.name} if session else {}
    if session and style not in ("", "chat"):  # the default is not told: files from before keep their key
        settings.append(style)
    labels = [[item.architecture.key, item.metrics.get(quality.key)] for item in shown]
    name = teacher or "llm"
    said = [context.task, list(context.examples)] if context.task else []
    key = fingerprint([told, settings, quality.key, seed, labels, found_space.fingerprint, *said])
    if session is not None and asked is not None:
        _announce(asked, session, sample)
    provenance = {"teacher": name, **told, "key": key, "demonstrations": len({item.architecture for item in shown})}
    result = label_architectures(predictor, sample, out, name=name, metric=quality.key, provenance=provenance)
    _print(result, predictor, session, out, as_json)
    if not result.labels:
        why = "; ".join(sorted(set(result.abstained.values()))[:2])
        raise ForetellError(f"nothing was labelled: {why or 'no reply'}; see the question by --show-prompt.")


def _of_study(study: Path | None, space: str, count: int) -> ObservationSet:
    """The observations of a study; says that it is they that are used."""
    from foretell import spaces
    from foretell.errors import InputError
    from foretell.observations import load
    from foretell.study import load_study

    chosen = load_study(study)
    source, wanted = chosen.distilled.observations, spaces.create(space or chosen.space)
    known = load(source)
    if known.space.fingerprint != wanted.fingerprint:
        raise InputError(
            f"a teacher for the space {wanted.name} needs labelled architectures to learn from, and {source} holds "
            f"those of {known.space.name}; give some with --observations (`foretell train --observe 10` makes them)."
        )
    say(f"foretell: note: the demonstrations are the first {count} of {source}", err=True)
    return known


def _session(
    llm: str,
    style: str,
    concurrency: int,
    timeout: float,
    ledger: Path | None,
    prices: Path | None,
    max_usd: float | None,
    max_tokens: int | None,
    offline: bool,
    batch: bool,
) -> Session:
    from foretell.llm import DEFAULT_LLM, open_session, read_prices

    return open_session(
        llm or DEFAULT_LLM,
        style=style,
        concurrency=concurrency,
        timeout=timeout,
        ledger=ledger,
        prices=read_prices(prices) if prices else None,
        max_usd=max_usd,
        max_tokens=max_tokens,
        offline=offline,
        batch=batch,
    )


def _llm(context: Any, session: Session, options: dict[str, Any]) -> Llm:
    from foretell.predictors.llm import Llm

    return Llm(context, session=session, **options)


def _uniform(name: str) -> Literal["genes", "architectures"]:
    from foretell.errors import known_name

    return known_name("kind of sample", name, ("genes", "architectures"))  # type: ignore[return-value]


def _show(predictor: Predictor, sample: Population, as_json: bool) -> None:
    from foretell.errors import InputError
    from foretell.llm.local import LocalModel
    from foretell.predictors.llm import Llm

    if not isinstance(predictor, Llm):
        raise InputError("only a language model has a prompt; leave --teacher or --show-prompt out.")
    prompt = predictor.prompts(sample[:1])[0]
    model = predictor.session.model
    if isinstance(model, LocalModel) and model.path.exists():
        model.load()  # its own tokenizer counts exactly
    text = prompt.prefix + prompt.queries[0]
    tokens, shared = model.count_tokens(text), model.count_tokens(prompt.prefix)
    if as_json:
        print_json({"prompt": text, "tokens": tokens, "shared_tokens": shared, "template": prompt.template})
    else:
        say(text)
        say(f"({tokens:,} tokens, {shared:,} of them the same for every architecture)", err=True)


def _announce(predictor: Llm, session: Session, sample: Population) -> None:
    """Say what it will take before the first call."""
    prompts = predictor.prompts(sample)
    requests = predictor.estimator(sample).requests(prompts, range(len(sample)))
    estimate = session.asker().estimate(requests)
    say(f"foretell: {session.model.name}: {estimate} (prefix caching not counted)", err=True)


def _print(result: Any, predictor: Any, session: Session | None, out: Path, as_json: bool) -> None:
    from foretell.predictors.distilled import Distilled

    spent = predictor.spent
    summary: dict[str, Any] = {
        "labels": result.labels,
        "new": result.new,
        "abstained": len(result.abstained),
        "reasons": sorted(set(result.abstained.values()))[:5],
        "out": str(out),
        "calls": session.budget.calls if session else 0,
        "tokens": spent.tokens,
        "dollars": session.budget.dollars if session else 0.0,
        "seconds": spent.seconds,
    }
    if as_json:
        print_json(summary)
        return
    money = "unknown" if summary["dollars"] is None else f"${summary['dollars']:.4f}"
    say(
        f"{result.labels:,} labels in {out}, {result.new:,} of them new: {summary['calls']:,} calls, "
        f"{spent.tokens:,} tokens, {money}, {spent.seconds:.0f} s"
    )
    if result.abstained:
        say(f"{len(result.abstained):,} without a label: {'; '.join(summary['reasons'])}")
    if result.labels >= Distilled.minimum:
        next_step("A student that imitates them at no cost", "distill", out)
    elif result.labels:
        next_step("What they say of others", "predict", "--observations", out, "--architectures", out)
