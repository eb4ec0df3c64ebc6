"""Encoders that come trained say what transformers says, whole and in part."""

import json

import pytest
import torch

from foretell.errors import InputError, IntegrityError
from foretell.families.decoder.cutting import Parts, leading_parts
from foretell.families.decoder.genes import DecoderShape, LayerShape
from foretell.families.encoder.bert.cutting import cut, reorder
from foretell.families.encoder.bert.reading import read_encoder
from tests.conftest import fetched

pytestmark = pytest.mark.network
transformers = pytest.importorskip("transformers", reason="needs the extra hf")


def make_bert(folder, **changes):
    """A random BERT of two layers, norms and biases included, kept in a folder."""
    sizes = {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 80}
    sizes |= {"vocab_size": 90, "max_position_embeddings": 40}
    config = transformers.BertConfig(**{**sizes, **changes})
    torch.manual_seed(1)
    model = transformers.BertModel(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.3)
    model.save_pretrained(folder)
    return model


def texts(rows, length=17):
    """Token ids, and which are real: the second text is shorter."""
    tokens = torch.randint(0, rows, (3, length), generator=torch.Generator().manual_seed(2))
    real = torch.ones_like(tokens, dtype=torch.bool)
    real[1, length // 2 :] = False
    return tokens, real


def agree(model, found):
    tokens, real = texts(found.backbone.vocabulary)
    with torch.no_grad():
        theirs = model(tokens, attention_mask=real.long()).last_hidden_state
        network = found.load()
        ours = network.hidden(tokens, real[:, None, None])
        torch.testing.assert_close(ours[real], theirs[real], atol=1e-4, rtol=0)
        mean = torch.stack([each[kept].mean(0) for each, kept in zip(theirs, real, strict=True)])
        torch.testing.assert_close(network.features(tokens, real[:, None, None]), mean, atol=1e-4, rtol=0)


@pytest.mark.parametrize("changes", [{}, {"hidden_act": "gelu_new", "num_attention_heads": 3}, {"hidden_act": "relu"}])
def test_a_folder_says_what_transformers_says(tmp_path, changes):
    agree(make_bert(tmp_path, **changes), read_encoder(tmp_path))


def test_a_bert_under_a_head_is_read_too(tmp_path):
    config = transformers.BertConfig(
        vocab_size=90, hidden_size=48, num_hidden_layers=2, num_attention_heads=4, intermediate_size=80
    )
    model = transformers.BertForSequenceClassification(config).eval()
    model.save_pretrained(tmp_path)
    agree(model.bert, read_encoder(tmp_path))


def test_minilm_says_what_transformers_says():
    folder = fetched("minilm-l6-v2")
    agree(transformers.BertModel.from_pretrained(folder, attn_implementation="eager").eval(), read_encoder(folder))


def test_order_changes_nothing_and_leading_parts_are_what_is_cut(tmp_path):
    make_bert(tmp_path)
    network = read_encoder(tmp_path).load()
    tokens, real = texts(90)
    mask = real[:, None, None]
    draw = torch.Generator().manual_seed(3)
    orders = [Parts(torch.randperm(4, generator=draw), torch.randperm(80, generator=draw)) for _ in range(2)]
    with torch.no_grad():
        before = network.features(tokens, mask)
        for layers in ([(1, 30), (3, 7)], [(0, 16), (2, 0)], [(0, 0), (2, 40)]):
            shape = DecoderShape(48, tuple(LayerShape(heads, heads, ffn) for heads, ffn in layers))
            alone = cut(network, leading_parts(shape, orders))
            ordered = read_encoder(tmp_path).load()
            reorder(ordered, orders)
            torch.testing.assert_close(ordered.features(tokens, mask), before, atol=1e-4, rtol=0)
            torch.testing.assert_close(
                ordered.features(tokens, mask, shape), alone.features(tokens, mask), atol=1e-5, rtol=0
            )
    with pytest.raises(InputError, match="does not fit"):
        network.hidden(tokens, mask, DecoderShape(48, (LayerShape(5, 5, 80),) * 2))
    with pytest.raises(InputError, match="41 tokens, the encoder reads 40"):
        network.hidden(torch.zeros(1, 41, dtype=torch.int64))


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"model_type": "roberta"}, InputError, "of type 'roberta'"),
        ({"position_embedding_type": "relative_key"}, InputError, "reads 'absolute' alone"),
        ({"hidden_act": "mish"}, InputError, "hidden_act 'mish'"),
        ({"num_attention_heads": 5}, IntegrityError, "do not divide"),
        ({"hidden_size": "many"}, IntegrityError, "hidden_size 'many'"),
        ({"intermediate_size": 81}, IntegrityError, "its configuration says"),
        ({"num_hidden_layers": 3}, IntegrityError, "lacks 16 tensors"),
    ],
)
def test_what_is_not_read_is_said_in_one_sentence(tmp_path, changes, error, said):
    make_bert(tmp_path)
    plain = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**plain, **changes}))
    with pytest.raises(error, match=said):
        read_encoder(tmp_path).load()


def test_pickles_and_empty_folders_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"no config\.json"):
        read_encoder(tmp_path)
    make_bert(tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(InputError, match="never read"):
        read_encoder(tmp_path)
