import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.errors import InputError
from foretell.tasks.cleaning import GroupedPair, near_copy_key
from foretell.tasks.translation.splitting import deduplicate, split_by_group, without_copies_of_evaluation
from tests.tasks.sentences import made_up


def keys(pairs, side):
    return {near_copy_key(pair[side]) for pair in pairs}


@st.composite
def repetitive(draw):
    """Groups that share many strings, as components of one program do."""
    count = draw(st.integers(40, 150))
    words = st.integers(0, draw(st.integers(60, 400)))
    rows = draw(st.lists(st.tuples(st.integers(0, 12), words, words), min_size=count, max_size=count))
    letters = str.maketrans("0123456789", "abcdefghij")
    return [GroupedPair(str(g), f"s{s} x".translate(letters), f"t{t} y".translate(letters)) for g, s, t in rows]


@settings(max_examples=40, deadline=None)
@given(repetitive(), st.integers(0, 3))
def test_no_split_shares_a_group_or_a_near_copy_with_another(pairs, seed):
    try:
        splits = split_by_group(pairs, 10, 10, seed)
    except InputError:
        return  # refused in a sentence, tested below
    assert splits == split_by_group(pairs, 10, 10, seed)
    assert {pair for part in splits for pair in part} <= {pair[1:] for pair in pairs}
    for one, other in [(0, 1), (0, 2), (1, 2)]:
        for side in (0, 1):
            assert not keys(splits[one], side) & keys(splits[other], side)
    for part in splits:
        assert len({source for source, _ in part}) == len(part)


def test_sizes_are_exact_when_there_is_enough_and_groups_stay_together():
    pairs = [GroupedPair(str(row // 7), *pair) for row, pair in enumerate(made_up(2000))]
    splits = split_by_group(pairs, 120, 150, seed=3)
    assert (len(splits.valid), len(splits.test)) == (120, 150)
    assert len(splits.train) > 2000 - 120 - 150 - 3 * 7
    group = {pair[1:]: pair.group for pair in pairs}
    held = [{group[pair] for pair in part} for part in splits]
    assert not held[0] & held[1]
    assert not held[0] & held[2]
    assert not held[1] & held[2]
    assert splits.test != split_by_group(pairs, 120, 150, seed=4).test


def test_evaluation_never_takes_more_than_a_tenth():
    pairs = [GroupedPair(str(row), *pair) for row, pair in enumerate(made_up(100))]
    splits = split_by_group(pairs, 512, 1000, seed=0)
    assert [len(part) for part in splits] == [80, 10, 10]


def test_too_small_a_corpus_is_refused():
    pairs = [GroupedPair(str(row), *pair) for row, pair in enumerate(made_up(19))]
    with pytest.raises(InputError, match="19 usable sentence pairs after cleaning, at least 20 are needed"):
        split_by_group(pairs, 5, 5, seed=0)


def test_a_corpus_of_one_group_is_refused():
    pairs = [GroupedPair("only", *pair) for pair in made_up(50)]
    with pytest.raises(InputError, match="no unseen sentences are left"):
        split_by_group(pairs, 5, 5, seed=0)


def test_a_source_keeps_its_first_target():
    pairs = [GroupedPair("a", "on", "an"), GroupedPair("b", "on", "ein"), GroupedPair("b", "off", "aus")]
    assert deduplicate(pairs) == [("on", "an"), ("off", "aus")]


def test_published_evaluation_stays_whole_and_its_copies_leave_training():
    train = [GroupedPair("", *pair) for pair in [("Stay here!", "Bleib hier!"), ("Go home", "Geh heim")]]
    valid, test = [GroupedPair("", "stay HERE", "hierbleiben")], [GroupedPair("", "go away", "Geh weg")]
    splits = without_copies_of_evaluation(train, valid, test)
    assert splits == ([("Go home", "Geh heim")], [("stay HERE", "hierbleiben")], [("go away", "Geh weg")])
