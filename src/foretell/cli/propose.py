"""`foretell propose`: a language model as generator of architectures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from foretell.cli.label import LlmOption, MaxTokensOption, MaxUsdOption, ObservationsOption, OfflineOption
from foretell.cli.options import labelled
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
    max_usd: MaxUsdOption = None,
    max_tokens: MaxTokensOption = None,
    offline: OfflineOption = False,
    out: Annotated[Path, typer.Option(help="JSON lines to write them to.")] = Path("proposals.jsonl"),
    as_json: JsonOption = False,
) -> None:
    """Let a language model propose architectures: valid ones, each once, that keep the limits.

    They can join the initial population of a search, or be labelled and trained.

    Example: `foretell propose --llm local:qwen2.5-coder-1.5b --n 5 --constraint "params<=0.5M"`
    """
    from foretell import spaces
    from foretell.costs import Constraints, CostModel
    from foretell.errors import ForetellError
    from foretell.llm import DEFAULT_LLM, open_session
    from foretell.llm.proposing import propose
    from foretell.observations import ObservationSet, load

    known = labelled(load(observations, task), metric) if observations else ObservationSet(spaces.create(space), ())
    found, quality = known.space, known.quality(metric)
    limits, costs = Constraints.parse(constraint or []), CostModel(found)
    trained = [item for item in known.observations if quality.key in item.metrics]
    shown = [(item.architecture, item.metrics[quality.key]) for item in trained]
    session = open_session(llm or DEFAULT_LLM, max_usd=max_usd, max_tokens=max_tokens, offline=offline)
    result = propose(
        session.asker(),
        found,
        quality.for_labels([value for _, value in shown]),
        shown,
        n,
        keeps=lambda rows: limits.satisfied(costs, rows),
        limits=str(limits) if limits.items else "",
        rounds=rounds,
        seed=seed,
    )
    summary = {
        "asked": n,
        "proposed": [architecture.to_dict() for architecture in result.architectures],
        "replies": result.replies,
        "invalid": result.invalid,
        "repeated": result.repeated,
        "infeasible": result.infeasible,
    }
    if not result.architectures:
        raise ForetellError(
            f"no architecture was proposed in {result.replies} replies ({result.invalid} invalid, {result.repeated} "
            f"repeated, {result.infeasible} beyond the limits); loosen the limits or ask another model with --llm."
        )
    _write(out, found.name, summary["proposed"])
    if as_json:
        print_json({**summary, "out": str(out)})
        return
    for architecture in result.architectures:
        say(f"{architecture.key}\n{architecture.to_text()}\n")
    say(
        f"{len(result.architectures)} of {n} from {result.replies} replies; left out: {result.invalid} invalid, "
        f"{result.repeated} repeated, {result.infeasible} beyond the limits"
    )
    if observations is not None:  # what was learnt from can judge them
        next_step("What is foretold of them", "predict", "--observations", observations, "--architectures", out)
    elif found.family is not None:
        next_step("A search that begins with them", "search", "--space", space, "--initial", out)


def _write(path: Path, space: str, rows: object) -> None:
    import json

    from foretell.records import write_atomic

    assert isinstance(rows, list)  # noqa: S101 - built above
    write_atomic(path, "".join(json.dumps({"space": space, "architecture": row}) + "\n" for row in rows))
