import pytest
from hypothesis import given
from hypothesis import strategies as st

from foretell.tasks.cleaning import GroupedPair, clean, near_copy_key, normalise, word_count

anything = st.text(st.characters(exclude_categories=()), max_size=40)


@given(anything)
def test_normalising_twice_is_normalising_once(text):
    once = normalise(text)
    assert normalise(once) == once
    once.encode()  # no half surrogates are left
    assert not set(once) & set("\t\n\r\0\u2028\u200b")


@given(st.lists(st.tuples(st.sampled_from("ab"), anything, anything)), st.integers(1, 3), st.none() | st.integers(3, 9))
def test_cleaning_is_idempotent_and_counts_what_it_drops(rows, min_words, max_words):
    pairs = [GroupedPair(*row) for row in rows]
    kept, dropped = clean(pairs, min_words, max_words)
    assert len(kept) + sum(dropped.values()) == len(pairs)
    assert clean(kept, min_words, max_words) == (kept, {})


def test_composed_and_decomposed_letters_become_the_same_text():
    assert normalise("u\u0308ber  \u00a0den\tWolken\x07") == "über den Wolken"


def test_each_reason_to_drop_has_its_count():
    rows = [
        ("", "leer"),
        ("same text", "same  text"),
        ("one", "eins zwei"),
        ("a b c d", "a b c d e f"),
        ("a b", "a b c d e f g h i j k l m n o"),
        ("turn it on", "schalte es ein"),
    ]
    pairs = [GroupedPair("g", *row) for row in rows]
    kept, dropped = clean(pairs, 2, 5)
    assert [pair[1:] for pair in kept] == [("turn it on", "schalte es ein")]
    assert dropped == {"empty": 1, "equal sides": 1, "too short": 1, "too long": 2}
    assert clean([pairs[4]], 1, None)[1] == {"length ratio": 1}


def test_scripts_without_spaces_have_words_too():
    assert word_count("关闭客厅的灯") == 4
    assert word_count("turn off the light") == 4


def test_near_copies_differ_only_in_case_punctuation_and_numbers():
    assert near_copy_key("Zone 1 (left)") == near_copy_key("zone 22: LEFT!")
    assert near_copy_key("Zone 1 left") != near_copy_key("Zone 1 right")
    assert near_copy_key("++") != near_copy_key("--")


@pytest.mark.parametrize(
    ("one", "other"), [("कि", "की"), ("ไป", "ไปี"), ("ភី", "ភិ"), ("קָם", "קַם"), ("كَتَبَ", "كُتِبَ"), ("मत", "मंत")]
)
def test_vowel_signs_tell_texts_apart(one, other):
    assert near_copy_key(f"a {one} b") != near_copy_key(f"a {other} b")
    assert near_copy_key(f"A {one}, b!") == near_copy_key(f"a {one} b")
