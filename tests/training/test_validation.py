import pytest

from foretell.spaces import create
from foretell.tasks.translation import Sequences
from foretell.training import Recipe, build_network, translate


@pytest.mark.network
@pytest.mark.parametrize("beam", [1, 4])
@pytest.mark.parametrize("seed", range(4))
def test_a_sentence_is_translated_alone_as_in_a_batch(task, beam, seed):
    """Untrained networks babble up to the limit, which must be the sentence's own."""
    network = build_network(create("small-seq2seq").smallest(), task.sizes, Recipe(), seed)
    sources = Sequences.of([task.valid.source[row][:length] for row, length in enumerate((1, 9, 2, 5, 3))])
    together = translate(network, task.vocabulary, sources, beam=beam)
    alone = [
        text
        for row in range(len(sources))
        for text in translate(network, task.vocabulary, Sequences.of([sources[row]]), beam=beam)
    ]
    assert together == alone
