"""Decoders in other runtimes say what ours says."""

import json

import numpy as np
import pytest
import torch

from foretell.errors import InputError, UnknownNameError
from foretell.families.decoder.exporting import Card, export
from foretell.families.decoder.genes import Backbone, DecoderShape, LayerShape
from foretell.families.decoder.network import LanguageModel
from foretell.tasks.language_model.tokenizers import exported_tokenizer
from foretell.tasks.language_model.vocabulary import ByteVocabulary, train_vocabulary

pytestmark = pytest.mark.network

ALIKE = (LayerShape(4, 2, 96),) * 2
DIFFERENT = (
    LayerShape(0, 0, 96),
    LayerShape(4, 2, 64),
    LayerShape(2, 1, 0),
    LayerShape(4, 4, 32),
    LayerShape(2, 1, 0),
)
TEXT = [
    "def  add(x1, y):\n\treturn x1 + 27 # größer\n",
    "class Summe:\n    pass\n",
    "for x in range(10):\n  add(x, 3)\n",
]
STRANGE = "def  f(x):\n\té 你好 </s>   return 12\n"


def make(layers, vocabulary, **constants):
    torch.manual_seed(0)
    backbone = Backbone(head_size=16, context=96, **constants)
    network = LanguageModel(DecoderShape(64, layers), backbone, vocabulary).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(0.0, 0.2)
        network.embed_tokens[[0, 1, 3]] = 0.0  # marks that are never written
    return network


def written(tmp_path, target, layers, kind="bytes", weights="f32", **constants):
    vocabulary = train_vocabulary(TEXT * 20, 298 if kind == "unigram" else 310, kind, code=True)
    network = make(layers, vocabulary.size, **constants)
    folder = tmp_path / target
    export(network, exported_tokenizer(vocabulary), Card("a test"), target, folder, weights)
    return folder, network, vocabulary


@pytest.mark.parametrize("layers", [ALIKE, DIFFERENT], ids=["alike", "different"])
@pytest.mark.parametrize("constants", [{}, {"tied": False, "theta": 500.0}])
def test_transformers_says_the_same(tmp_path, layers, constants):
    transformers = pytest.importorskip("transformers", reason="needs the extra hf")
    if layers is DIFFERENT:
        import foretell.integrations.transformers  # noqa: F401 - registers
    folder, network, vocabulary = written(tmp_path, "hf", layers, **constants)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    assert type(model).__name__ == ("LlamaForCausalLM" if layers is ALIKE else "ForetellDecoderForCausalLM")
    tokens = torch.randint(4, vocabulary.size, (2, 50), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(model(tokens).logits, network(tokens), atol=1e-4, rtol=0)
    prompt = tokens[0, :20]
    greedy = model.generate(prompt[None], max_new_tokens=24)[0, 20:].tolist()
    assert greedy == network.write(prompt.tolist(), 24, temperature=0)[0]


@pytest.mark.parametrize("kind", ["bpe", "unigram", "bytes"])
def test_transformers_reads_and_spells_text_the_same(tmp_path, kind):
    transformers = pytest.importorskip("transformers", reason="needs the extra hf")
    folder, _, vocabulary = written(tmp_path, "hf", ALIKE, kind)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    # Under a unigram model transformers takes an end mark that is spelt out in a text for one.
    text = STRANGE.replace("</s>", "") if kind == "unigram" else STRANGE
    tokens = tokenizer(text)["input_ids"]
    assert tokens == [2, *vocabulary.encode([text])[0]]
    assert tokenizer.decode(tokens, skip_special_tokens=True) == text


def test_a_folder_needs_no_class_of_ours_where_layers_are_alike(tmp_path):
    folder, network, _ = written(tmp_path, "hf", ALIKE, weights="bf16")
    config = json.loads((folder / "config.json").read_text())
    assert (config["model_type"], config["num_key_value_heads"], config["dtype"]) == ("llama", 2, "bfloat16")
    from safetensors.torch import load_file

    kept = load_file(folder / "model.safetensors")
    assert sum(tensor.numel() for tensor in kept.values()) == network.parameter_count(embeddings=True)
    card = (folder / "README.md").read_text()
    assert "plain Llama" in card
    assert "| 1 | 4 | 2 | 96 |" in card


def test_onnx_says_the_same(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra onnx")
    pytest.importorskip("onnxscript", reason="needs the extra onnx")
    folder, network, vocabulary = written(tmp_path, "onnx", DIFFERENT)
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    for rows, length in ((1, 5), (3, 96)):
        tokens = torch.randint(4, vocabulary.size, (rows, length), generator=torch.Generator().manual_seed(1))
        with torch.no_grad():
            expected = network(tokens).numpy()
        np.testing.assert_allclose(session.run(None, {"tokens": tokens.numpy()})[0], expected, atol=1e-4)


def test_what_a_target_cannot_express_is_said(tmp_path):
    gelu = make(ALIKE, 260, feed_forward="gelu")
    tokenizer, card = exported_tokenizer(ByteVocabulary()), Card("a test")
    with pytest.raises(UnknownNameError, match="onnx"):
        export(gelu, tokenizer, card, "onx", tmp_path / "out")
    with pytest.raises(InputError, match="f32, f16, bf16, not q8_0"):
        export(gelu, tokenizer, card, "hf", tmp_path / "out", "q8_0")
    with pytest.raises(InputError, match="f32 weights, not f16"):
        export(gelu, tokenizer, card, "onnx", tmp_path / "out", "f16")
    with pytest.raises(InputError, match="without layers"):
        export(make((), 260), tokenizer, card, "hf", tmp_path / "out")
    assert not list(tmp_path.iterdir())
