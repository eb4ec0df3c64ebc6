"""The user's text as a pretrained model reads it: blocks without padding, in the model's own tokens."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from foretell.errors import InputError
from foretell.tasks.language_model.batches import BlockBatches, TextBatch
from foretell.tasks.language_model.config import TextConfig
from foretell.tasks.language_model.pretrained import PretrainedTokenizer
from foretell.tasks.language_model.task import LanguageModelling, judged, read_texts
from foretell.tasks.task import SPLITS, Measured, Split, measuring_options

if TYPE_CHECKING:
    import torch

__all__ = ["PretrainedText", "pretrained_text"]

_MEASURED_TOKENS = 512


@dataclass(frozen=True, eq=False)
class PretrainedText(LanguageModelling):
    """Foretell the next token of the user's text; see `foretell.tasks.Task`.

    What is held out are blocks that lie evenly over the held-out documents, one after the other in `tokens`: each has a
    token more than `block`. There is no padding, so that every id may be a token.
    """

    def batches(self, max_tokens: int, seed: int) -> BlockBatches:
        """Training batches; see `BlockBatches`."""
        return BlockBatches(self.tokens["train"], self.block, max_tokens, seed)

    def held_out(self, split: Split, max_tokens: int) -> list[TextBatch]:
        """The blocks of a split."""
        import torch

        rows = torch.from_numpy(self.tokens[split].reshape(-1, self.block + 1).astype(np.int64))
        at_once = max(1, max_tokens // self.block)
        parts = [rows[start : start + at_once] for start in range(0, len(rows), at_once)]
        return [TextBatch(p[:, :-1].contiguous(), p[:, 1:].contiguous(), len(p) * self.block) for p in parts]

    def validation_batches(self, max_tokens: int) -> list[TextBatch]:
        """The blocks that choose."""
        return self.held_out("valid", max_tokens)

    def validation_tensors(self) -> dict[str, torch.Tensor]:
        """None: what a pretrained model is judged by is not kept for other machines."""
        return {}

    def measure(self, network: torch.nn.Module, splits: Sequence[Split], **options: Any) -> Measured:
        """Loss in bits a token, perplexity, bits a byte, next-token accuracy; see `foretell.tasks.Task`."""
        measuring_options(self.options, options)
        metrics: dict[str, float] = {}
        for split in splits:
            batches = self.held_out(split, _MEASURED_TOKENS)
            bits, right = judged(network, batches)
            tokens = sum(batch.tokens for batch in batches)
            found = {"loss": bits / tokens, "perplexity": 2.0 ** min(bits / tokens, 1000.0)}
            found |= {"bits_per_byte": bits / self.text_bytes[split], "accuracy": 100 * right / tokens}
            metrics |= {f"{split}_{name}": value for name, value in found.items()}
        return Measured(metrics)


def pretrained_text(
    config: TextConfig, tokenizer: PretrainedTokenizer, tokens: Mapping[Split, int], cache_dir: Path | None = None
) -> PretrainedText:
    """Read, split and encode the user's text.

    Args:
        config: Which text; its `block` is what is read at a time.
        tokenizer: The model's.
        tokens: How many tokens of each held-out split to use.
        cache_dir: Where a corpus that is fetched is kept.

    Raises:
        InputError: The text cannot be had, or is too little for the model's tokenizer.
    """
    splits = read_texts(config, cache_dir)
    found: dict[Split, NDArray[np.int32]] = {}
    sizes: dict[Split, int] = {}
    for name, texts in zip(SPLITS, splits, strict=True):
        found[name], sizes[name] = _encoded(texts, tokenizer), 0
        if len(found[name]) - len(texts) - 1 < config.block:
            raise InputError(
                f"the tokenizer makes {len(found[name]) - len(texts) - 1:,} tokens of the {name} text, a block has "
                f"{config.block}; give more text, or lower --block."
            )
    for name in ("valid", "test"):
        rows = _spread(found[name], config.block, max(1, tokens[name] // config.block))
        sizes[name] = sum(len(text.encode("utf-8", "replace")) for text in tokenizer.decode(rows[:, 1:].tolist()))
        found[name] = rows.reshape(-1)
    digest = hashlib.sha256(b"".join(each.tobytes() for each in found.values())).hexdigest()[:16]
    return PretrainedText(digest, tokenizer, found, sizes, config.block)


def _encoded(texts: Sequence[str], tokenizer: PretrainedTokenizer) -> NDArray[np.int32]:
    parts = [np.array([tokenizer.separator], dtype=np.int32)]
    parts += [np.array([*ids, tokenizer.separator], dtype=np.int32) for ids in tokenizer.encode(texts)]
    return np.concatenate(parts)


def _spread(tokens: NDArray[np.int32], block: int, count: int) -> NDArray[np.int32]:
    """At most so many blocks that do not overlap, evenly over the text: `[blocks, block + 1]`."""
    places = (len(tokens) - 1) // block
    chosen = np.unique(np.linspace(0, places - 1, min(count, places)).round().astype(int))
    return tokens[chosen[:, None] * block + np.arange(block + 1)]
