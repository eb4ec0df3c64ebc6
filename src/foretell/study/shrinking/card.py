"""What people are told of a model that was shrunk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foretell.families.decoder.card import Card
from foretell.study.shrinking.config import ShrinkConfig
from foretell.study.shrinking.sources import Source

__all__ = ["model_card"]


def model_card(config: ShrinkConfig, source: Source, entries: Mapping[str, Mapping[str, Any]], held_out: int) -> Card:
    """Parent, licence, limits and scores.

    Args:
        config: What was asked.
        source: The parent.
        entries: Of `result.json`: the parent, the winner and the baselines by name.
        held_out: Tokens that it was judged on.
    """
    found, parent = source.checkpoint, entries["parent"]
    licence = source.licence or "not told by the checkpoint: ask whoever made it"
    healed = f"healed by {config.heal} updates of distillation" if config.heal else "not healed"
    rows = ["| Model | Parameters | Bits a byte | Bits a byte after healing |", "|---|---|---|---|"]
    for name, entry in entries.items():
        before, after = entry["metrics"]["before"], entry["metrics"]["after"]
        said = f"{after['bits_per_byte']:.4f}" if after else "-"
        rows.append(f"| {name} | {entry['costs']['parameters']:,.0f} | {before['bits_per_byte']:.4f} | {said} |")
    lines = (
        f"Made by `foretell shrink` of {source.name} ({found.model_type}, "
        f"{parent['costs']['parameters']:,.0f} parameters) under {', '.join(config.constraints)}; {healed}.",
        f"Licence of the parent: {licence}",
        "Limits: it says what its parent says, less well; it was chosen and judged on the user's text alone "
        f"({held_out:,} tokens of it held out), and nothing is known of how it does on other text.",
        "\n".join(rows),
    )
    return Card(f"{source.name}-shrunk", lines, found.licence)
