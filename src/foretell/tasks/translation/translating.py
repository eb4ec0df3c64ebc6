"""What a trained network makes of sentences."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from foretell.errors import InputError
from foretell.progress import track
from foretell.tasks.translation.batches import source_batches
from foretell.tasks.translation.encoded import EncodedPairs, Sequences
from foretell.tasks.vocabulary import PAD, Vocabulary

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["TRANSLATION", "Translator", "seconds_to_translate", "translate"]

_TIMED = 3

TRANSLATION = 2
"""Raise when the same weights come to other translations or scores; 2: the length limit is each sentence's own."""


@runtime_checkable
class Translator(Protocol):
    """A network that can translate."""

    def translate(self, source: Tensor, *, beam: int, length_penalty: float, max_length: Tensor) -> list[list[int]]:
        """Token ids of the best translation of each sentence, without end marks.

        Args:
            source: int64 [B, S], padded on the right.
            beam: Hypotheses kept for each sentence; 1 is greedy.
            length_penalty: Scores are divided by length to this power.
            max_length: Most tokens of each translation, int64 [B].
        """
        ...


def translate(
    network: nn.Module,
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
        InputError: The network cannot translate.
    """
    if not isinstance(network, Translator):
        raise InputError(f"a {type(network).__name__} cannot translate; give a network of the family encoder_decoder.")
    device = next(network.parameters()).device
    lengths = sources.lengths
    batches = source_batches(sources, max_tokens=_room(beam))
    texts = [""] * len(sources)
    done = 0
    with track(title, len(sources), "sentences") as meter:
        for batch in batches:
            # Twice the source and a little: enough for any pair of languages, and an end to babbling.
            source = batch.source.to(device)
            limits = 2 * (source != PAD).sum(1) + 10
            found = network.translate(source, beam=beam, length_penalty=length_penalty, max_length=limits)
            for row, text in zip(batch.rows.tolist(), vocabulary.decode(found), strict=True):
                # A network says something of nothing as well.
                texts[row] = text if lengths[row] else ""
            done += len(batch.rows)
            meter.update(done)
    return texts


def seconds_to_translate(network: Translator, pairs: EncodedPairs, *, beam: int, length_penalty: float) -> float:
    """About how long all sentences take, by a few batches from the shortest to the longest.

    Args:
        network: Of the size that is asked about; it need not be trained: translations are taken to be as long as the
            references.
        pairs: The sentences.
        beam: Hypotheses kept for each sentence.
        length_penalty: Scores are divided by length to this power.
    """
    import torch

    batches = source_batches(pairs.source, max_tokens=_room(beam))
    places = sorted({round(part * (len(batches) - 1) / (_TIMED - 1)) for part in range(_TIMED)})
    lengths = pairs.target.lengths
    start = time.perf_counter()
    for place in places:
        limits = torch.from_numpy(lengths[batches[place].rows.numpy()] + 1)
        network.translate(batches[place].source, beam=beam, length_penalty=length_penalty, max_length=limits)
    return (time.perf_counter() - start) / len(places) * len(batches)


def _room(beam: int) -> int:
    """Source tokens of a batch, padding included."""
    return max(1024 // beam, 64)
