"""What people are told of a model that was shrunk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foretell.families.decoder.card import Card
from foretell.study.shrinking.config import Shrinking
from foretell.study.shrinking.sources import EncoderSource, Source

__all__ = ["model_card"]


def model_card(
    config: Shrinking,
    source: Source | EncoderSource,
    entries: Mapping[str, Mapping[str, Any]],
    *,
    parent: str,
    limits: str,
    metric: tuple[str, str, int],
) -> Card:
    """Parent, licence, limits and scores.

    Args:
        config: What was asked.
        source: The parent.
        entries: Of `result.json`: the parent, the winner and the baselines by name.
        parent: What it is, in a few words.
        limits: What must not be expected of the winner.
        metric: Which one is told, what people call it, and its digits.
    """
    licence = source.licence or "not told by the checkpoint: ask whoever made it"
    healed = f"healed by {config.heal} updates of distillation" if config.heal else "not healed"
    metric_name, title, digits = metric
    rows = [f"| Model | Parameters | {title} | {title} after healing |", "|---|---|---|---|"]
    for name, entry in entries.items():
        before, after = entry["metrics"]["before"], entry["metrics"]["after"]
        said = f"{after[metric_name]:.{digits}f}" if after else "-"
        parameters = f"{entry['costs']['parameters']:,.0f}"
        rows.append(f"| {name} | {parameters} | {before[metric_name]:.{digits}f} | {said} |")
    whole = entries["parent"]["costs"]["parameters"]
    lines = (
        f"Made by `foretell shrink` of {source.name} ({parent}, {whole:,.0f} parameters) under "
        f"{', '.join(config.constraints)}; {healed}.",
        f"Licence of the parent: {licence}",
        f"Limits: {limits}",
        "\n".join(rows),
    )
    return Card(f"{source.name}-shrunk", lines, source.checkpoint.licence)
