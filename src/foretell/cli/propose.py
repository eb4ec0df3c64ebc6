"""`foretell propose`: a language model as generator of architectures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from foretell.cli.label import LlmOption, MaxTokensOption, MaxUsdOption, ObservationsOption, OfflineOption
from foretell.cli.output import JsonOption, print_json, say
from foretell.metrics import PRIMARY_METRIC

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("propose")(_propose)


def _propose(
    llm: LlmOption = "",
    n: Annotated[int, typer.Option("--n", min=1, help="Architectures wanted.")] = 20,
    observations: ObservationsOption = None,
    task: Annotated[str | None, typer.Option(help="Which task, where the data hold several.")] = None,
    metric: Annotated[str, typer.Option(help="What shall be good.")] = PRIMARY_METRIC,
    space: Annotated[str, typer.Option(help="Without observations: the space.")] = "small-seq2seq",
    constraint: Annotated[list[str] | None, typer.Option("--constraint", "-c", help='Such as "params<=60M".')] = None,
    rounds: Annotated[int, typer.Option(min=1, help="The most replies that are asked for.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="Of sampling, where the back end honours one.")] = 0,
    max_usd: MaxUsdOption = None,
    max_tokens: MaxTokensOption = None,
    offline: OfflineOption = False,
    out: Annotated[Path | None, typer.Option(help="Also write them as JSON lines.")] = None,
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
    from foretell.metrics import metric_named
    from foretell.observations import load

    known = load(observations, task) if observations else None
    found = known.space if known else spaces.create(space)
    limits, costs = Constraints.parse(constraint or []), CostModel(found)
    shown = [(item.architecture, item.metric(metric)) for item in known.observations] if known else []
    session = open_session(llm or DEFAULT_LLM, max_usd=max_usd, max_tokens=max_tokens, offline=offline)
    result = propose(
        session.asker(),
        found,
        metric_named(metric).for_labels([value for _, value in shown]),
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
    if out is not None:
        _write(out, found.name, summary["proposed"])
    if not result.architectures:
        raise ForetellError(
            f"no architecture was proposed in {result.replies} replies ({result.invalid} invalid, {result.repeated} "
            f"repeated, {result.infeasible} beyond the limits); loosen the limits or ask another model with --llm."
        )
    if as_json:
        print_json(summary)
        return
    for architecture in result.architectures:
        say(f"{architecture.key}\n{architecture.to_text()}\n")
    say(
        f"{len(result.architectures)} of {n} from {result.replies} replies; left out: {result.invalid} invalid, "
        f"{result.repeated} repeated, {result.infeasible} beyond the limits"
    )
    if out is not None:
        say(f"A search begins with them by: foretell search --initial {out}")


def _write(path: Path, space: str, rows: object) -> None:
    import json

    from foretell.records import write_atomic

    assert isinstance(rows, list)  # noqa: S101 - built above
    write_atomic(path, "".join(json.dumps({"space": space, "architecture": row}) + "\n" for row in rows))
