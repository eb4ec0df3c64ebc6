import itertools
import math

import pytest
import torch
from hypothesis import given

from foretell.errors import InputError
from foretell.families.encoder_decoder.decoding import beam_search
from foretell.families.encoder_decoder.network import Seq2SeqTransformer
from foretell.nn import BOS, EOS, PAD

from .cases import SPACES, TINY, names, quick, random_shape, seeds, sentences, shifted, supernet

pytestmark = pytest.mark.network

SOURCE = sentences([7, 3, 5], seed=1)


def stepwise_argmax(network, source, shape, max_length):
    results = []
    for row in source:
        tokens = [EOS]
        while len(tokens) <= max_length:
            logits = network(row[row != PAD][None], torch.tensor([tokens]), shape)[0, -1].detach()
            logits[[PAD, BOS]] = -math.inf
            if (best := int(logits.argmax())) == EOS:
                break
            tokens.append(best)
        results.append(tokens[1:])
    return results


@quick
@given(names, seeds)
def test_greedy_decoding_is_the_stepwise_argmax(name, seed):
    network, shape = supernet(name, seed=seed).eval(), random_shape(name, seed)
    expected = stepwise_argmax(network, SOURCE, shape, 9)
    assert beam_search(network, SOURCE, beam=1, max_length=9, shape=shape) == expected


@quick
@given(names, seeds)
def test_steps_give_the_features_of_the_full_pass(name, seed):
    network, shape = supernet(name).eval(), random_shape(name, seed)
    target_in = shifted(sentences([6, 6, 6], seed=seed))
    with torch.no_grad():
        encoded = network.encode(SOURCE, shape)
        full = network.decode(target_in, encoded, shape)
        state = network.start(encoded, shape)
        steps = torch.stack([network.step(column, state, shape) for column in target_in.unbind(1)], dim=1)
    torch.testing.assert_close(steps, full, atol=1e-5, rtol=1e-5)


def exhaustive(network, source, vocabulary, max_length, penalty):
    """The best of all translations of one sentence, by full forward passes."""
    words = [v for v in range(vocabulary) if v not in (BOS, PAD, EOS)]
    scored = []
    for length in range(max_length + 1):
        for text in itertools.product(words, repeat=length):
            logits = network(source, torch.tensor([[EOS, *text]]))[0]
            logits[:, [BOS, PAD]] = -math.inf
            gains = logits.log_softmax(-1)
            total = sum(gains[i, v].item() for i, v in enumerate((*text, EOS)))
            scored.append((total / (length + 1) ** penalty, list(text)))
    return max(scored)


@pytest.mark.parametrize("penalty", [0.0, 0.6, 1.5])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_wide_beam_finds_the_best_of_all_translations(seed, penalty):
    torch.manual_seed(seed)
    network = Seq2SeqTransformer(TINY, SPACES["pre-shared"].constants, 6).eval()
    source = sentences([5, 3], vocabulary=6, seed=seed)
    with torch.no_grad():
        network.tokens.shared.mul_(2.0)
        found = beam_search(network, source, beam=64, length_penalty=penalty, max_length=3)
        best = [exhaustive(network, row[row != PAD][None], 6, 3, penalty)[1] for row in source]
    assert found == best


@quick
@given(names, seeds)
def test_a_sentence_is_translated_the_same_in_any_company(name, seed):
    network, shape = supernet(name, vocabulary=12, seed=seed), random_shape(name, seed)
    source = sentences([7, 3, 5, 4], vocabulary=12, seed=seed)
    together = beam_search(network, source, beam=3, max_length=12, shape=shape)
    alone = [beam_search(network, row[row != PAD][None], 3, 0.6, 12, shape)[0] for row in source]
    assert together == alone
    assert network.training


@pytest.mark.parametrize("beam", [1, 3])
@quick
@given(names, seeds)
def test_each_sentence_has_a_limit_of_its_own(beam, name, seed):
    network, shape = supernet(name, vocabulary=12, seed=seed), random_shape(name, seed)
    source, limits = sentences([7, 3, 5, 4], vocabulary=12, seed=seed), torch.tensor([2, 9, 1, 5])
    together = beam_search(network, source, beam, 0.6, limits, shape)
    alone = [
        beam_search(network, row[row != PAD][None], beam, 0.6, limit, shape)[0]
        for row, limit in zip(source, limits.tolist(), strict=True)
    ]
    assert together == alone
    assert all(len(text) <= limit for text, limit in zip(together, limits.tolist(), strict=True))


def test_translations_respect_the_limit_and_hold_no_special_tokens():
    network = supernet("small-seq2seq")
    for beam in (1, 2, 5):
        for text in beam_search(network, SOURCE, beam=beam, max_length=4):
            assert len(text) <= 4
            assert not {BOS, PAD, EOS} & set(text)


def test_a_shape_that_does_not_fit_is_refused_and_leaves_the_mode():
    network = supernet("pre-shared")
    with pytest.raises(InputError, match="does not fit"):
        beam_search(network, SOURCE, shape=supernet("small-seq2seq").shape)
    assert network.training


@pytest.mark.parametrize(
    "option", [{"beam": 0}, {"max_length": 0}, {"max_length": torch.tensor([3, 0, 3])}, {"length_penalty": -1.0}]
)
def test_options_out_of_range_are_refused(option):
    with pytest.raises(InputError, match="at least 1"):
        beam_search(supernet("pre-shared"), SOURCE, **option)
