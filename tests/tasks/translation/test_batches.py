import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.errors import InputError
from foretell.tasks.translation import (
    EOS,
    PAD,
    EncodedPairs,
    Sequences,
    TokenBatches,
    source_batches,
    validation_batches,
)

sentence = st.lists(st.integers(4, 50), max_size=9)
pairs_of = st.lists(st.tuples(sentence, sentence), min_size=1, max_size=60)


def encode(pairs):
    return EncodedPairs(*(Sequences.of(side) for side in zip(*pairs, strict=True)))


def stripped(matrix):
    return [[token for token in row if token != PAD] for row in matrix.tolist()]


def same(one, other):
    return all(
        torch.equal(getattr(one, name), getattr(other, name)) for name in ("source", "target_in", "target_out", "rows")
    )


@settings(deadline=None)
@given(pairs_of, st.integers(10, 60), st.integers(0, 5), st.integers(0, 3))
def test_an_epoch_is_the_data_once_in_batches_of_bounded_size(pairs, max_tokens, seed, epoch):
    batches = TokenBatches(encode(pairs), max_tokens, seed)
    seen = []
    for batch in batches.epoch(epoch):
        assert max(batch.source.shape[1], batch.target_in.shape[1]) * len(batch) <= max_tokens
        assert batch.target_in.shape == batch.target_out.shape
        assert batch.tokens == int((batch.target_out != PAD).sum())
        for row, source, before, after in zip(
            batch.rows.tolist(),
            stripped(batch.source),
            stripped(batch.target_in),
            stripped(batch.target_out),
            strict=True,
        ):
            assert source == [*pairs[row][0], EOS]
            assert before == [EOS, *pairs[row][1]]
            assert after == [*pairs[row][1], EOS]
            seen.append(row)
    assert sorted(seen) == list(range(len(pairs)))


@settings(deadline=None, max_examples=30)
@given(pairs_of, st.integers(10, 60), st.integers(0, 5), st.integers(0, 3))
def test_order_is_a_function_of_seed_and_epoch_alone(pairs, max_tokens, seed, epoch):
    used = TokenBatches(encode(pairs), max_tokens, seed)
    for other in (3, 1, 2):
        used.epoch(other)
    fresh = TokenBatches(encode(pairs), max_tokens, seed)
    one, other = used.epoch(epoch), fresh.epoch(epoch)
    assert len(one) == len(other) == len(fresh)
    assert all(map(same, one, other))
    assert same(one[len(one) - 1], one[-1])


def long_and_short():
    return encode([([5] * (row % 7), [6 + row] * (row % 5 + 1)) for row in range(200)])


def test_training_resumes_at_any_position():
    batches = TokenBatches(long_and_short(), 40, seed=1)
    whole = list(itertools.islice(batches.stream(), 3 * len(batches)))
    assert [(epoch, index) for epoch, index, _ in whole[: len(batches) + 1]][-2:] == [(0, len(batches) - 1), (1, 0)]
    for cut in (0, 1, len(batches) - 1, len(batches) + 4):
        epoch, index, _ = whole[cut]
        resumed = TokenBatches(long_and_short(), 40, seed=1).stream(epoch, index + 1)
        for before, after in zip(whole[cut + 1 : cut + 6], resumed, strict=False):
            assert before[:2] == after[:2]
            assert same(before[2], after[2])


def test_epochs_and_seeds_differ():
    batches = TokenBatches(long_and_short(), 40, seed=1)
    rows = [torch.cat([batch.rows for batch in batches.epoch(epoch)]).tolist() for epoch in range(3)]
    assert rows[0] != rows[1] != rows[2]
    other = torch.cat([batch.rows for batch in TokenBatches(long_and_short(), 40, seed=2).epoch(0)]).tolist()
    assert other != rows[0]


def test_lengths_are_bucketed_so_that_little_is_padding():
    batches = TokenBatches(long_and_short(), 40).epoch(0)
    real = sum(batch.tokens for batch in batches)
    assert real / sum(batch.target_out.numel() for batch in batches) > 0.9


def test_slices_are_lists_of_batches():
    epoch = TokenBatches(long_and_short(), 40).epoch(0)
    assert [len(batch) for batch in epoch[1:3]] == [len(epoch[1]), len(epoch[2])]
    with pytest.raises(IndexError):
        epoch[len(epoch)]


def test_a_pair_that_is_longer_than_a_batch_is_one_by_itself():
    batches = TokenBatches(encode([([4] * 11, [4]), ([5], [5]), ([6], [6])]), 10).epoch(0)
    assert sorted(sorted(batch.rows.tolist()) for batch in batches) == [[0], [1, 2]]


def test_a_pair_that_fits_no_batch_and_no_pairs_are_refused():
    with pytest.raises(
        InputError, match=r"a sentence pair has 3,001 tokens, a batch at most 2,048; lower .* max_words"
    ):
        TokenBatches(encode([([4] * 3000, [4])]), 10)
    with pytest.raises(InputError, match="no sentence pairs"):
        TokenBatches(EncodedPairs(Sequences.of([]), Sequences.of([])), 10)


@settings(deadline=None, max_examples=30)
@given(pairs_of, st.integers(1, 40))
def test_validation_and_translation_see_every_sentence_once(pairs, max_tokens):
    encoded = encode(pairs)
    valid = validation_batches(encoded, max_tokens)
    assert sorted(torch.cat([batch.rows for batch in valid]).tolist()) == list(range(len(pairs)))
    assert sum(batch.tokens for batch in valid) == sum(len(target) + 1 for _, target in pairs)
    for batch in valid:
        assert len(batch) == 1 or max(batch.source.shape[1], batch.target_in.shape[1]) * len(batch) <= max_tokens
    sources = {}
    for batch in source_batches(encoded.source, max_tokens):
        sources.update(zip(batch.rows.tolist(), stripped(batch.source), strict=True))
    assert [sources[row] for row in range(len(pairs))] == [[*source, EOS] for source, _ in pairs]


def test_nothing_to_validate_is_no_batches():
    nothing = Sequences.of([])
    assert validation_batches(EncodedPairs(nothing, nothing), 10) == []
    assert source_batches(nothing, 10) == []


def test_a_batch_moves_to_a_device():
    batch = TokenBatches(long_and_short(), 40).epoch(0)[0]
    assert batch.to("meta").source.device.type == "meta"
    assert batch.to("cpu").tokens == batch.tokens
