import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foretell.errors import InputError, IntegrityError
from foretell.tasks import Vocabulary
from foretell.tasks.cleaning import normalise
from foretell.tasks.translation import EOS, PAD, UNK

from .sentences import corpus, made_up


@pytest.fixture(scope="module")
def vocabulary():
    return Vocabulary.train(corpus(), 200)


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_the_same_corpus_gives_the_same_bytes_and_the_size_asked_for(kind):
    one, two = (Vocabulary.train(corpus(), 150, kind) for _ in range(2))
    assert one.fingerprint == two.fingerprint
    assert one.size == len(one) == 150


def test_only_the_training_split_is_read(vocabulary):
    changed = dataclasses.replace(corpus(), valid=[("ωωω ωωω", "ψψψ ψψψ")], test=[("ωψ", "ψω")])
    assert Vocabulary.train(changed, 200).fingerprint == vocabulary.fingerprint


@given(st.lists(st.sampled_from([text for pair in made_up(300) for text in pair]), max_size=5))
def test_text_survives_encoding(vocabulary, texts):
    encoded = vocabulary.encode(texts)
    assert all(UNK < token < vocabulary.size for ids in encoded for token in ids)
    assert vocabulary.decode(encoded) == texts


@given(st.lists(st.text(max_size=20), max_size=3))
def test_any_text_can_be_encoded_and_any_ids_decoded(vocabulary, texts):
    encoded = vocabulary.encode(texts)
    assert len(encoded) == len(texts)
    for text, decoded in zip(texts, vocabulary.decode(encoded), strict=True):
        assert len(decoded) <= len(normalise(text))


def test_decoding_stops_at_the_end_mark_and_skips_special_tokens(vocabulary):
    (ids,) = vocabulary.encode(["the lamp glows"])
    assert vocabulary.decode([[EOS], [PAD, *ids, EOS, *ids], [*ids, UNK, 10**6]]) == ["", *["the lamp glows"] * 2]


def test_encoding_normalises_as_the_corpus_was(vocabulary):
    assert vocabulary.encode(["u\u0308ber\u200b  uns"]) == vocabulary.encode(["über uns"])


def test_a_small_corpus_gives_all_the_pieces_it_has():
    tiny = corpus(train=3)
    vocabulary = Vocabulary.train(tiny, 2000)
    assert 20 < vocabulary.size < 2000
    texts = [text for pair in tiny.train for text in pair]
    assert vocabulary.decode(vocabulary.encode(texts)) == texts


def test_too_small_a_size_is_refused_with_the_least_one():
    with pytest.raises(InputError, match=r"of 10 pieces cannot hold .* at least \d+ by itself; .*vocabulary: 1000\."):
        Vocabulary.train(corpus(), 10)
    with pytest.raises(InputError, match="the training split is empty"):
        Vocabulary.train(corpus(train=0), 100)


def test_training_is_silent(capfd):
    Vocabulary.train(corpus(), 150)
    assert capfd.readouterr() == ("", "")


def test_what_is_saved_is_loaded(vocabulary, tmp_path):
    vocabulary.save(tmp_path / "v.model")
    loaded = Vocabulary.load(tmp_path / "v.model")
    assert loaded.fingerprint == vocabulary.fingerprint
    assert loaded.encode(["the lamp"]) == vocabulary.encode(["the lamp"])


def test_what_is_no_vocabulary_is_refused(tmp_path, capfd):
    with pytest.raises(InputError, match="cannot be read"):
        Vocabulary.load(tmp_path / "none.model")
    for data in (b"", b"\x00hello", b"hello" * 50):
        (tmp_path / "bad.model").write_bytes(data)
        with pytest.raises(IntegrityError, match=r"bad\.model: "):
            Vocabulary.load(tmp_path / "bad.model")
    assert capfd.readouterr().err == ""
