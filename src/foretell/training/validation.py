"""How good a network is on held-out sentences: loss, translations, scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from foretell.errors import InputError
from foretell.families.base import Network
from foretell.families.encoder_decoder.decoding import beam_search
from foretell.families.encoder_decoder.network import Seq2SeqTransformer
from foretell.nn import PAD
from foretell.progress import track
from foretell.tasks import Batch, Vocabulary
from foretell.tasks.translation import Score, Sequences, Split, Task, source_batches

__all__ = ["score_translations", "translate", "translate_split", "validation_loss"]


@torch.inference_mode()
def validation_loss(network: Network, batches: Sequence[Batch], smoothing: float, member: Any = None) -> float:
    """Label-smoothed loss in bits a target, dropout off.

    Args:
        network: The network; its training mode is restored afterwards.
        batches: The whole validation set.
        smoothing: Label smoothing of the loss.
        member: The sub-network to run; None runs the whole.
    """
    was_training = network.training
    network.eval()
    total, tokens = 0.0, 0
    for batch in batches:
        loss, _, count = network.loss(batch, member, smoothing=smoothing)
        total += float(loss)
        tokens += int(count)
    network.train(was_training)
    return total / tokens / 0.6931471805599453


def translate(
    network: Network,
    vocabulary: Vocabulary,
    sources: Sequences,
    *,
    beam: int = 4,
    length_penalty: float = 1.0,
    title: str = "translating",
) -> list[str]:
    """Translate encoded sentences with beam search; each as if it were alone.

    Args:
        network: A trained network.
        vocabulary: What turns its tokens into text.
        sources: What to translate.
        beam: Hypotheses kept for each sentence; 1 is greedy search.
        length_penalty: Scores are divided by length to this power. 1 is best on the validation sentences of the
            default study, which are short; HAT takes 0.6 for WMT.
        title: What the progress display calls it.

    Returns:
        One translation a sentence, in the order of `sources`.

    Raises:
        InputError: The network is of a family that cannot translate.
    """
    if not isinstance(network, Seq2SeqTransformer):
        raise InputError(f"a network of the family {network.family} cannot translate; give an encoder_decoder.")
    device = next(network.parameters()).device
    batches = source_batches(sources, max_tokens=max(1024 // beam, 64))
    texts = [""] * len(sources)
    done = 0
    with track(title, len(sources), "sentences") as meter:
        for batch in batches:
            # Twice the source and a little: enough for any pair of languages, and an end to babbling.
            source = batch.source.to(device)
            limits = 2 * (source != PAD).sum(1) + 10
            found = beam_search(network, source, beam=beam, length_penalty=length_penalty, max_length=limits)
            for row, text in zip(batch.rows.tolist(), vocabulary.decode(found), strict=True):
                texts[row] = text
            done += len(batch.rows)
            meter.update(done)
    return texts


def translate_split(
    network: Network, task: Task, split: Split, *, beam: int = 4, length_penalty: float = 1.0
) -> list[str]:
    """Translate a split of the task with beam search."""
    sources, title = task.pairs(split).source, f"translating {split}"
    return translate(network, task.vocabulary, sources, beam=beam, length_penalty=length_penalty, title=title)


def score_translations(task: Task, translations: list[str], split: Split) -> dict[str, Score]:
    """BLEU, chrF and TER of a split's translations, keyed "test_bleu" and so on."""
    return {f"{split}_{score.name}": score for score in task.score(translations, split)}
