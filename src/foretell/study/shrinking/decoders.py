"""A language model that is shrunk for the user's text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from foretell.families.decoder.cutting import Parts, cut, reorder
from foretell.families.decoder.exporting import export
from foretell.families.decoder.network import LanguageModel
from foretell.families.pruned.genes import pruned_space
from foretell.study.shrinking.card import model_card
from foretell.study.shrinking.config import ShrinkConfig
from foretell.study.shrinking.eval_tasks import EvalTasks
from foretell.study.shrinking.judging import Healer
from foretell.study.shrinking.smaller import find_smaller, smaller_entry
from foretell.study.shrinking.sources import find_model, refuse_early
from foretell.tasks.language_model.batches import TextBatch
from foretell.tasks.language_model.pretrained_text import PretrainedText, pretrained_text
from foretell.tasks.task import Split

__all__ = ["DecoderSubject"]


class DecoderSubject:
    """See `foretell.study.shrinking.subject.Subject`.

    Args:
        config: Which model and text.

    Raises:
        InputError: The model cannot be used.
    """

    costs: tuple[str, ...] = ("parameters", "weight_bytes", "memory_bytes", "flops", "prefill_flops", "decode_flops")
    learns = False

    def __init__(self, config: ShrinkConfig) -> None:
        self.config, self.source = config, find_model(config.model)
        found = self.source.checkpoint
        self.tokenizer = found.tokenizer()
        refuse_early(config, self.source, self.tokenizer)
        self.tasks = EvalTasks(config.lm_eval, config.lm_eval_limit) if config.lm_eval else None
        self.smaller = None if config.smaller is None else find_smaller(config, self.source)
        self.name, self.fingerprint, self.max_tokens = self.source.name, found.fingerprint, config.block
        self.space = pruned_space(
            self.name,
            found.shape,
            found.backbone,
            uniform=config.uniform,
            step=config.step,
            hidden_width=config.hidden_width,
        )
        self.sizes: Mapping[str, int] = {"vocabulary": found.vocabulary}

    def load(self) -> tuple[LanguageModel, PretrainedText]:
        """See `Subject`."""
        sizes: dict[Split, int] = {"train": 0, "valid": self.config.search_tokens, "test": self.config.test_tokens}
        self.task = pretrained_text(self.config.corpus, self.tokenizer, sizes)
        return self.source.checkpoint.load(), self.task

    def learn(self, network: LanguageModel, folder: Path) -> dict[str, Any]:
        """It knows already what it is for."""
        return {}

    def importance_batches(self) -> list[TextBatch]:
        """See `Subject`."""
        count = max(1, self.config.importance_tokens // self.config.block)
        blocks = self.task.batches(self.config.block, self.config.seed).epoch(0)
        return [blocks[place] for place in range(min(count, len(blocks)))]

    def search_batches(self) -> list[TextBatch]:
        """See `Subject`."""
        return self.task.validation_batches(1024)

    def reorder(self, network: LanguageModel, orders: Sequence[Parts]) -> None:
        """See `Subject`."""
        reorder(network, orders)

    def cut(self, network: LanguageModel, parts: Sequence[Parts], width: int | None = None) -> LanguageModel:
        """See `Subject`."""
        return cut(network, parts, width)

    def further(self, network: LanguageModel, path: Path, key: str) -> dict[str, float]:
        """Tasks of lm-eval's."""
        return {} if self.tasks is None else self.tasks.scores(network, self.tokenizer, path, key)

    def beside(self, healer: Healer, folder: Path) -> dict[str, dict[str, Any]]:
        """The smaller model that the user names."""
        if self.smaller is None:
            return {}
        return {"smaller": smaller_entry(self.config, self.smaller, healer, self.costs, folder, self.tasks)}

    def references(self) -> dict[str, dict[str, float]]:
        """None."""
        return {}

    def export(
        self, network: LanguageModel, entries: Mapping[str, Mapping[str, Any]], folder: Path
    ) -> dict[str, list[Path]]:
        """Write the winner for other runtimes."""
        told = self.tokenizer.exported(self.source.checkpoint.vocabulary, gguf="gguf" in self.config.to)
        held_out = sum(batch.tokens for batch in self.task.held_out("test", self.task.block))
        card = model_card(
            self.config,
            self.source,
            entries,
            parent=self.source.checkpoint.model_type,
            limits="it says what its parent says, less well; it was chosen and judged on the user's text alone "
            f"({held_out:,} tokens of it held out), and nothing is known of how it does on other text.",
            metric=("bits_per_byte", "Bits a byte", 4),
        )
        return {
            target: export(network, told, card, target, folder / "exported" / target, self.config.weights)
            for target in dict.fromkeys(self.config.to)
        }
