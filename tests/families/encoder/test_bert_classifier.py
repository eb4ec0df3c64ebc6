"""An encoder that comes trained, under a layer for classes: what it says, its parts and its costs."""

import numpy as np
import pytest
import torch

from foretell.errors import InputError
from foretell.families.base import networks_of, restore
from foretell.families.decoder.cutting import leading_parts
from foretell.families.decoder.importance import SCORES, magnitudes, measured_importance, orders_of
from foretell.families.encoder.bert.classifier import classifier_of
from foretell.families.encoder.bert.cutting import cut, reorder
from foretell.families.encoder.bert.family import encoder_parts
from foretell.families.encoder.bert.reading import read_encoder
from foretell.tasks.classification import LabelledBatch, TextReader
from foretell.tasks.classification.batches import labelled_batches
from foretell.tasks.classification.word_pieces import WordPieces
from tests.checkpoints import write_word_pieces
from tests.families.encoder.test_bert import make_bert

pytestmark = pytest.mark.network
transformers = pytest.importorskip("transformers", reason="needs the extra hf")

TEXTS = ["apple pie", "a hammer and a saw", "lynx", "otter otter otter"]


def made(folder, context=12):
    """A classifier of a random encoder, transformers' encoder, and the pieces."""
    rows = write_word_pieces(folder, ["apple", "hammer", "lynx", "otter"])
    model = make_bert(folder, vocab_size=rows)
    encoder = read_encoder(folder)
    pieces, kept = WordPieces.of(encoder.tokenizer(), TEXTS)
    return classifier_of(encoder.load(), kept, context, 3, seed=1), model, pieces


def batch(network, seed=1):
    draw = torch.Generator().manual_seed(seed)
    tokens = torch.randint(5, network.vocabulary, (4, 9), generator=draw)
    tokens[:, 0] = 2
    tokens[1, 6:] = 1
    return LabelledBatch(tokens, torch.randint(3, (4,), generator=draw))


def test_fewer_pieces_say_what_all_of_them_say(tmp_path):
    network, model, pieces = made(tmp_path / "encoder", context=40)
    texts = TextReader(pieces, ("a", "b", "c"), 40, lowercase=False).encode(TEXTS)
    ours = torch.zeros(len(TEXTS), 48)
    for part, rows in zip(*labelled_batches(texts, np.zeros(len(TEXTS), dtype=np.int64), 64), strict=True):
        ours[rows] = network.features(part.inputs, part.mask).detach()
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "encoder")
    for text, mine in zip(TEXTS, ours, strict=True):
        with torch.no_grad():
            theirs = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].mean(0)
        torch.testing.assert_close(mine, theirs, atol=1e-4, rtol=0)


@pytest.mark.parametrize("score", [*SCORES, "magnitude"])
def test_order_changes_nothing_and_members_are_what_is_cut_and_counted(tmp_path, score):
    network, _, _ = made(tmp_path / "encoder")
    some = batch(network)
    with torch.no_grad():
        before, _ = network.predictions(some)
    scores = magnitudes(network) if score == "magnitude" else measured_importance(network, [some])
    orders = orders_of(scores, score, 2)
    space = encoder_parts("a test", network.shape, network.backbone, 3, uniform=False, step=32)
    rows = space.read([[2, 1, 1, 1, 3, 32, 64], [2, 1, 0, 2, 4, 64, 80], [2, 1, 1, 0, 3, 64, 0]])
    members = [networks_of(space).member(each) for each in space.architectures(rows)]
    alone = [cut(network, leading_parts(member, orders)) for member in members]
    reorder(network, orders)
    with torch.no_grad():
        torch.testing.assert_close(network.predictions(some)[0], before, atol=1e-4, rtol=0)
        for member, each in zip(members, alone, strict=True):
            torch.testing.assert_close(
                network.predictions(some, member)[0], each.predictions(some)[0], atol=1e-5, rtol=0
            )
            assert each.parameter_count(embeddings=True) == sum(p.numel() for p in each.parameters())
        together = network.losses(members, some, smoothing=0.1)
        single = [float(each.loss(some, smoothing=0.1)[0]) for each in alone]
    assert together.tolist() == pytest.approx(single, rel=1e-5)
    costs = space.family.count(space, rows, ["parameters", "parameters_without_embeddings"], {})
    for name, embeddings in (("parameters", True), ("parameters_without_embeddings", False)):
        assert costs[name].tolist() == [each.parameter_count(embeddings=embeddings) for each in alone]


def test_what_does_nothing_comes_last(tmp_path):
    network, _, _ = made(tmp_path / "encoder")
    with torch.no_grad():
        network.layers[0].contract.weight[:, 5] = 0
        network.layers[1].output.weight[:, 12:24] = 0  # the second head
    scores = measured_importance(network, [batch(network)])
    for score in SCORES:
        orders = orders_of(scores, score, 2)
        assert orders[0].neurons[-1] == 5
        assert orders[1].groups[-1] == 1
    assert all(each.grad is None and each.requires_grad for each in network.parameters())


def test_a_damaged_description_is_named(tmp_path):
    network, _, _ = made(tmp_path / "encoder")
    with pytest.raises(InputError, match="description is damaged"):
        restore("bert", {**network.config(), "backbone": {}})
