"""Beam search and greedy decoding with cached keys and values."""

from __future__ import annotations

import math
from itertools import count

import torch
from torch import Tensor

from foretell.errors import InputError
from foretell.families.encoder_decoder.genes import TransformerShape
from foretell.families.encoder_decoder.network import Seq2SeqTransformer
from foretell.families.encoder_decoder.state import DecoderState
from foretell.nn.tokens import BOS, EOS, PAD

__all__ = ["beam_search"]


@torch.no_grad()
def beam_search(
    network: Seq2SeqTransformer,
    source: Tensor,
    beam: int = 4,
    length_penalty: float = 0.6,
    max_length: int | Tensor = 200,
    shape: TransformerShape | None = None,
) -> list[list[int]]:
    """Translate a batch; what is said of a sentence does not depend on the others.

    A finished hypothesis scores its log-probability, end mark included, divided by its length (with the
    end mark) to the power of `length_penalty`, as in HAT. A sentence is done when as many hypotheses as
    the beam is wide have ended, or when none that is still open could beat the best finished one. Done
    sentences leave the batch. The network is run in evaluation mode and left in the mode it was in.

    Args:
        network: The model.
        source: int64 [B, S], padded on the right.
        beam: Hypotheses kept for each sentence; 1 is greedy decoding.
        length_penalty: Exponent of the length; 0 compares plain log-probabilities.
        max_length: Most tokens of a translation, end mark not counted; one number, or int64 [B], each sentence's.
        shape: The architecture to run as; None: the network itself.

    Returns:
        One list of token ids for each sentence, without `EOS`.

    Raises:
        InputError: `shape` does not fit into the network, or an option is out of range.
    """
    limits = source.new_zeros(len(source)) + torch.as_tensor(max_length, device=source.device)
    if beam < 1 or bool((limits < 1).any()) or length_penalty < 0:
        raise InputError(
            f"beam {beam}, max_length {max_length}, length_penalty {length_penalty}: "
            "the first two must be at least 1 and the last not negative."
        )
    training = network.training
    network.eval()
    try:
        state = network.start(network.encode(source, shape), shape)
        if beam == 1:
            return _greedy(network, state, source, limits, shape)
        return _Search(network, state, source, beam, length_penalty, limits, shape).run()
    finally:
        network.train(training)


def _next_logits(
    network: Seq2SeqTransformer, tokens: Tensor, state: DecoderState, shape: TransformerShape | None
) -> Tensor:
    """Logits [N, V] of the tokens that may follow; never padding or the reserved beginning."""
    logits = network.logits(network.step(tokens, state, shape), shape).float()
    logits[:, PAD] = -math.inf
    logits[:, BOS] = -math.inf
    return logits


def _greedy(
    network: Seq2SeqTransformer,
    state: DecoderState,
    source: Tensor,
    limits: Tensor,
    shape: TransformerShape | None,
) -> list[list[int]]:
    sentences = torch.arange(len(source), device=source.device)
    tokens = torch.full_like(sentences, EOS)
    longest = int(limits.max())
    output = source.new_full((len(source), longest), EOS)
    for position in range(longest):
        tokens = _next_logits(network, tokens, state, shape).argmax(-1)
        output[sentences, position] = tokens
        going = ((tokens != EOS) & (position + 1 < limits[sentences])).nonzero().squeeze(1)
        if len(going) == 0:
            break
        if len(going) < len(tokens):
            state.select(going)
            state.keep_sentences(going)
            tokens, sentences = tokens[going], sentences[going]
    return [row[: row.index(EOS)] if EOS in row else row for row in output.tolist()]


class _Search:
    """One beam search; rows [B·beam] of every tensor are hypotheses, those of a sentence together."""

    def __init__(
        self,
        network: Seq2SeqTransformer,
        state: DecoderState,
        source: Tensor,
        beam: int,
        length_penalty: float,
        limits: Tensor,
        shape: TransformerShape | None,
    ) -> None:
        self.network, self.state, self.shape = network, state, shape
        self.beam, self.length_penalty, self.limits = beam, length_penalty, limits
        batch = len(source)
        self.sentences = list(range(batch))  # which sentence each row of the beam matrices is
        self.tokens = source.new_full((batch * beam,), EOS)
        self.history = source.new_empty((batch * beam, 0))
        # At the start the hypotheses of a sentence are all the same: only the first may be extended.
        self.scores = torch.full((batch, beam), -math.inf, device=source.device)
        self.scores[:, 0] = 0.0
        self.finished: list[list[tuple[float, list[int]]]] = [[] for _ in range(batch)]

    def run(self) -> list[list[int]]:
        for length in count(1):
            last = length > self.limits
            scores, parents, tokens = self._extend(last)
            self._collect(scores, parents, tokens, last, length)
            self._advance(scores, parents, tokens)
            self._drop_done()
            if not self.sentences:
                break
        return [max(found, key=lambda pair: pair[0])[1] for found in self.finished]

    def _extend(self, last: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The 2·beam best continuations of each sentence: scores, parent rows, tokens, [B, 2·beam].

        Where it is the last token, bool [B], only the end mark may follow.
        """
        logits = _next_logits(self.network, self.tokens, self.state, self.shape)
        gains = logits.log_softmax(-1)
        if bool(last.any()):
            ending = gains[:, EOS].clone()
            gains[last.repeat_interleave(self.beam)] = -math.inf
            gains[:, EOS] = ending
        batch, vocabulary = len(self.sentences), gains.shape[1]
        totals = (self.scores.view(-1, 1) + gains).view(batch, -1)
        # Twice the beam: even if every hypothesis ends, as many go on.
        scores, flat = totals.topk(min(2 * self.beam, totals.shape[1]), dim=1)
        first = torch.arange(batch, device=flat.device)[:, None] * self.beam
        return scores, flat.div(vocabulary, rounding_mode="floor") + first, flat.remainder(vocabulary)

    def _collect(self, scores: Tensor, parents: Tensor, tokens: Tensor, last: Tensor, length: int) -> None:
        """Keep the hypotheses that end among the best `beam` (among all, for the last token)."""
        looked_at = last[:, None] | (torch.arange(scores.shape[1], device=last.device) < self.beam)
        ending = (tokens == EOS) & scores.isfinite() & looked_at
        rows, columns = ending.nonzero(as_tuple=True)
        totals = scores[rows, columns] / length**self.length_penalty
        texts = self.history[parents[rows, columns]]
        for row, total, text in zip(rows.tolist(), totals.tolist(), texts.tolist(), strict=True):
            self.finished[self.sentences[row]].append((total, text))

    def _advance(self, scores: Tensor, parents: Tensor, tokens: Tensor) -> None:
        """Go on with the best `beam` continuations that do not end."""
        self.scores, order = scores.masked_fill(tokens == EOS, -math.inf).topk(self.beam, dim=1)
        parents = parents.gather(1, order).flatten()
        self.tokens = tokens.gather(1, order).flatten()
        self.history = torch.cat((self.history[parents], self.tokens[:, None]), dim=1)
        self.state.select(parents)

    def _drop_done(self) -> None:
        # Scores only fall, so an open hypothesis ends at best with its present score at the full length; past the
        # limit none is open.
        longest = self.scores.new_tensor([(limit + 1) ** self.length_penalty for limit in self.limits.tolist()])
        best_open = (self.scores[:, 0] / longest).tolist()
        going = [
            row
            for row, (sentence, bound) in enumerate(zip(self.sentences, best_open, strict=True))
            if len(self.finished[sentence]) < self.beam
            and max((score for score, _ in self.finished[sentence]), default=-math.inf) < bound
        ]
        if len(going) == len(self.sentences):
            return
        kept = torch.tensor(going, dtype=torch.int64, device=self.tokens.device)
        hypotheses = (kept[:, None] * self.beam + torch.arange(self.beam, device=kept.device)).flatten()
        self.sentences = [self.sentences[row] for row in going]
        self.scores, self.limits = self.scores[kept], self.limits[kept]
        self.tokens, self.history = self.tokens[hypotheses], self.history[hypotheses]
        self.state.select(hypotheses)
        self.state.keep_sentences(kept)
