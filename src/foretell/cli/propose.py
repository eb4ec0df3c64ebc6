"""`foretell propose`: a language model as generator of architectures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from foretell.cli.label import (
    LlmOption,
    MaxTokensOption,
    MaxUsdOption,
    ObservationsOption,
    OfflineOption,
    TimeoutOption,
)
from foretell.cli.options import keep_apart, labelled
from foretell.cli.output import JsonOption, next_step, print_json, say

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("propose")(_propose)


def _propose(
    llm: LlmOption = "",
    n: Annotated[int, typer.Option("--n", min=1, help="Architectures wanted.")] = 20,
    observations: ObservationsOption = None,
    task: Annotated[str | None, typer.Option(help="Which task, where the data hold several.")] = None,
    metric: Annotated[
        str | None, typer.Option(help="What shall be good. Default: what a table is of, else the task's first.")
    ] = None,
    space: Annotated[str, typer.Option(help="Without observations: the space.")] = "small-seq2seq",
    constraint: Annotated[list[str] | None, typer.Option("--constraint", "-c", help='Such as "params<=60M".')] = None,
    rounds: Annotated[int, typer.Option(min=1, help="The most replies that are asked for.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="Of sampling, where the back end honours one.")] = 0,
    timeout: TimeoutOption = 60.0,
    max_usd: MaxUsdOption = None,
    max_tokens: MaxTokensOption = None,
    offline: OfflineOption = False,
    out: Annotated[Path, typer.Option(help="JSON lines to write them to.")] = Path("proposals.jsonl"),
    as_json: JsonOption = False,
) -> None:
    """Let a language model propose architectures: valid ones, each once, that keep the limits, eight a reply.

    They can join the initial population of a search, or be labelled and trained.

    Example: `foretell propose --llm local:qwen2.5-coder-1.5b --n 5 --constraint "params<=0.5M"`
    """
    import numpy as np

    from foretell import spaces
    from foretell.costs import CostModel
    from foretell.display import one_line, shortened
    from foretell.errors import BudgetReachedError, ForetellError
    from foretell.llm import DEFAULT_LLM, Proposer, open_session
    from foretell.observations import ObservationSet, load
    from foretell.progress import track
    from foretell.study.limits import resolve_limits

    keep_apart(out, "--out", observations)
    known = labelled(load(observations, task), metric) if observations else ObservationSet(spaces.create(space), ())
    found, quality = known.space, known.quality(metric)
    costs = CostModel(found)
    limits = resolve_limits(tuple(constraint or ()), costs)
    trained = [item for item in known.observations if quality.key in item.metrics]
    session = open_session(llm or DEFAULT_LLM, timeout=timeout, max_usd=max_usd, max_tokens=max_tokens, offline=offline)
    proposer = Proposer(
        session.asker(),
        found,
        quality.for_labels([item.metrics[quality.key] for item in trained]),
        keeps=lambda rows: limits.satisfied(costs, rows),
        limits=str(limits) if limits.items else "",
        seed=seed,
    )
    shown = [(item.architecture.row, item.metrics[quality.key]) for item in trained]
    rows = found.population([])
    stop: BudgetReachedError | None = None
    with track("propose", n) as meter:
        while len(rows) < n and proposer.said.calls < rounds and not proposer.exhausted:
            meter.update(len(rows), f"waits for reply {proposer.said.calls + 1}")
            try:
                rows = np.concatenate([rows, proposer.ask(n - len(rows), shown, rows)])
            except BudgetReachedError as error:
                stop = error  # what was paid for is kept
                break
    said, proposed = proposer.said, [architecture.to_dict() for architecture in found.architectures(rows)]
    summary = {"wanted": n, "proposed": proposed, **said.to_dict(), "out": str(out)}
    del summary["instead"], summary["judged"]  # of searches
    counts = f"{said.valid} valid, {said.repaired} repaired, {said.repeated} repeated, {said.dropped} dropped"
    if not proposed:
        raise stop or ForetellError(
            f"no architecture was proposed in {said.calls} replies ({counts}; the last begins "
            f"{shortened(one_line(proposer.last), 80)!r}); loosen the limits or ask another model with --llm."
        )
    _write(out, found.name, proposed)
    if as_json:
        print_json(summary)
    else:
        for architecture in found.architectures(rows):
            say(f"{architecture.key}\n{architecture.to_text()}\n")
        say(f"{len(rows)} of {n} from {said.calls} replies: {counts}; {said.tokens:,} tokens, {said.seconds:.0f} s")
    if stop is not None:
        raise stop
    if as_json:
        return
    if observations is not None:  # what was learnt from can judge them
        next_step("What is foretold of them", "predict", "--observations", observations, "--architectures", out)
    elif found.family is not None:
        next_step("A search that begins with them", "search", "--space", space, "--initial", out)


def _write(path: Path, space: str, rows: Sequence[Mapping[str, Any]]) -> None:
    import json

    from foretell.records import write_atomic

    write_atomic(path, "".join(json.dumps({"space": space, "architecture": row}) + "\n" for row in rows))
