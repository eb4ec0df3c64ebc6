"""A sentence encoder that is shrunk for telling the classes of texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from foretell.errors import InputError
from foretell.families.decoder.cutting import Parts
from foretell.families.encoder.bert.classifier import BertClassifier, classifier_of
from foretell.families.encoder.bert.cutting import cut, reorder
from foretell.families.encoder.bert.family import encoder_parts
from foretell.families.encoder.exporting import export
from foretell.records import fingerprint
from foretell.study.shrinking.card import model_card
from foretell.study.shrinking.config import ShrinkClassifier
from foretell.study.shrinking.judging import Healer, healing_recipe, precision_of
from foretell.study.shrinking.sources import check_memory, find_encoder
from foretell.tasks.classification import LabelledBatch, TextClassification, TextReader
from foretell.tasks.classification.word_pieces import WordPieces
from foretell.training.checkpoint import save_network
from foretell.training.loop import train
from foretell.training.sampling import Fixed

__all__ = ["EncoderSubject"]

_AT_ONCE = 1024
"""Tokens of a batch on which the search judges."""


class EncoderSubject:
    """See `foretell.study.shrinking.subject.Subject`.

    Of the encoder's vocabulary the parent has the pieces that the training texts are cut into, and of its places as
    many as a text has tokens: what it says of those texts stays what it was.

    Args:
        config: Which model and texts.

    Raises:
        InputError: The model or the texts cannot be used.
    """

    costs: tuple[str, ...] = ("parameters", "parameters_without_embeddings", "weight_bytes", "memory_bytes", "flops")
    learns = True

    def __init__(self, config: ShrinkClassifier) -> None:
        self.config, self.source = config, find_encoder(config.model)
        found, corpus = self.source.checkpoint, config.corpus
        tokenizer = found.tokenizer()
        if not 3 <= corpus.tokens <= found.backbone.context:
            raise InputError(
                f"texts of {corpus.tokens} tokens cannot be read: {self.source.name} reads up to "
                f"{found.backbone.context} of a text, and two are marks; correct the corpus's tokens."
            )
        check_memory(
            found.path,
            found.parameters,
            160 * config.max_tokens * found.shape.width * len(found.shape.layers),
            learns=True,
        )
        task = TextClassification.prepare(corpus.model_copy(update={"pieces": "bytes", "lowercase": False}))
        pieces, self.rows = WordPieces.of(tokenizer, [text for text, _ in task.splits["train"]])
        self.task = replace(task, reader=TextReader(pieces, task.classes, corpus.tokens, lowercase=False))
        self.pieces, self.name, self.max_tokens = pieces, self.source.name, config.max_tokens
        self.sizes: Mapping[str, int] = self.task.sizes
        learning = [config.learn, config.learning_rate, config.max_tokens, config.seed, precision_of(config)]
        self.fingerprint = fingerprint({"encoder": found.fingerprint, "rows": self.rows, "learning": learning})
        backbone = replace(found.backbone, vocabulary=pieces.size, context=corpus.tokens)
        self.space = encoder_parts(
            self.name, found.shape, backbone, len(self.task.classes), uniform=config.uniform, step=config.step
        )

    def load(self) -> tuple[BertClassifier, TextClassification]:
        """See `Subject`; the layer that tells classes is fresh."""
        encoder, corpus = self.source.checkpoint.load(), self.config.corpus
        classes = len(self.task.classes)
        return classifier_of(encoder, self.rows, corpus.tokens, classes, self.config.seed), self.task

    def learn(self, network: BertClassifier, folder: Path) -> dict[str, Any]:
        """See `Subject`; of the present weights those that are best on the validation texts."""
        config = self.config
        recipe = healing_recipe(config.learn, config.learning_rate, self.max_tokens, precision_of(config))
        about = {"parent": self.fingerprint}
        done = train(
            network,
            self.task,
            recipe,
            Fixed(),
            folder,
            seed=config.seed,
            about=about,
            title="learning the classes",
            device=config.device,
        )
        network.to("cpu").eval()
        (folder / "state.safetensors").unlink(missing_ok=True)  # three times the weights, and no longer of use
        found = self.source.checkpoint
        original = {"parameters": found.parameters, "pieces": found.backbone.vocabulary}
        return {"original": original, "pieces": self.pieces.size, "updates": done.updates, "loss": done.best_loss}

    def importance_batches(self) -> list[LabelledBatch]:
        """See `Subject`."""
        batches, found, texts = self.task.batches(self.max_tokens, self.config.seed).epoch(0), [], 0
        for batch in batches:
            found.append(batch)
            texts += len(batch)
            if texts >= self.config.importance_texts:
                break
        return found

    def search_batches(self) -> list[LabelledBatch]:
        """See `Subject`."""
        return self.task.validation_batches(_AT_ONCE, self.config.search_texts)

    def reorder(self, network: BertClassifier, orders: Sequence[Parts]) -> None:
        """See `Subject`."""
        reorder(network, orders)

    def cut(self, network: BertClassifier, parts: Sequence[Parts], width: int | None = None) -> BertClassifier:
        """See `Subject`."""
        return cut(network, parts)

    def further(self, network: BertClassifier, path: Path, key: str) -> dict[str, float]:
        """None."""
        return {}

    def beside(self, healer: Healer, folder: Path) -> dict[str, dict[str, Any]]:
        """None."""
        return {}

    def references(self) -> dict[str, dict[str, float]]:
        """The most frequent class, and a logistic regression on character n-grams."""
        floor = self.task.floor("test")
        return {name: {key.removeprefix("test_"): v for key, v in row.items()} for name, row in floor.items()}

    def export(
        self, network: BertClassifier, entries: Mapping[str, Mapping[str, Any]], folder: Path
    ) -> dict[str, list[Path]]:
        """Write the winner where `foretell classify` finds it, and for other runtimes."""
        winner = folder / "winner"
        save_network(winner / "model.safetensors", network, {"model": self.name, "parent": self.fingerprint})
        self.task.keep(winner)
        card = model_card(
            self.config,
            self.source,
            entries,
            parent=f"which learnt to tell {len(self.task.classes)} classes",
            limits="it was chosen and judged on the user's texts alone "
            f"({len(self.task.splits['test']):,} of them held out), and nothing is known of how it does on others.",
            metric=("accuracy", "Accuracy, %", 1),
        )
        tokenizer = self.pieces.cut_to(self.config.corpus.tokens)
        return {
            target: export(
                network, tokenizer, card, self.task.classes, target, folder / "exported" / target, self.config.weights
            )
            for target in dict.fromkeys(self.config.to)
        }
