import pytest
import torch

from foretell.errors import InputError
from foretell.spaces import create
from foretell.tasks.translation import ParallelCorpus, Sequences, Task, translate
from foretell.training import Recipe, build_network
from tests.toy import pairs


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    found = pairs(60)
    corpus = ParallelCorpus("en", "de", found[:40], found[40:50], found[50:], {"name": "reversed words"})
    return Task.of(corpus, 40, tmp_path_factory.mktemp("cache"))


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


def test_a_network_that_cannot_translate_is_told(task):
    with pytest.raises(InputError, match="a Linear cannot translate; give a network of the family encoder_decoder"):
        translate(torch.nn.Linear(1, 1), task.vocabulary, task.valid.source)


@pytest.mark.network
@pytest.mark.parametrize("lines", [["", "a b", "  ", "\u200b", "c"], [""]])
def test_of_nothing_comes_nothing(task, lines):
    network = build_network(create("small-seq2seq").smallest(), task.sizes, Recipe(), 0)
    said = translate(network, task.vocabulary, Sequences.of(task.vocabulary.encode(lines)), beam=2)
    assert [bool(text) for text in said] == [line in {"a b", "c"} for line in lines]
