import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from foretell.tasks.translation import Sequences

lists = st.lists(st.lists(st.integers(4, 99), max_size=6), min_size=1, max_size=8)


@given(lists, st.data())
def test_padding_keeps_every_sequence(items, data):
    sequences = Sequences.of(items)
    assert len(sequences) == len(items)
    assert [ids.tolist() for ids in sequences] == items
    rows = np.array(data.draw(st.lists(st.integers(0, len(items) - 1), min_size=1)))
    matrix = sequences.padded(rows, first=2, last=3, pad=1)
    assert matrix.dtype == np.int64
    assert [[token for token in line if token != 1] for line in matrix.tolist()] == [[2, *items[r], 3] for r in rows]
    assert matrix.shape[1] == max(len(items[row]) for row in rows) + 2


def test_no_sequences_at_all():
    assert len(Sequences.of([])) == 0
    assert list(Sequences.of([])) == []
