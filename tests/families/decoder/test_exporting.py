"""Decoders in other runtimes say what ours says."""

import json

import numpy as np
import pytest
import torch

from foretell.errors import InputError, UnknownNameError
from foretell.families.decoder.card import Card
from foretell.families.decoder.exporting import export
from foretell.families.decoder.genes import Backbone, DecoderShape, LayerShape
from foretell.families.decoder.network import LanguageModel
from foretell.llama_cpp import serve
from foretell.tasks.language_model.tokenizers import exported_tokenizer
from foretell.tasks.language_model.vocabulary import ByteVocabulary, train_vocabulary

pytestmark = pytest.mark.network

ALIKE = (LayerShape(4, 2, 96),) * 2
DIFFERENT = (
    LayerShape(0, 0, 96),  # llama.cpp wants heads in the first layer
    LayerShape(4, 2, 64),
    LayerShape(2, 1, 0),  # and drops attention without a feed-forward network
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
        head = network.embed_tokens if network.lm_head is None else network.lm_head.weight
        head[[0, 1, 3]] = 0.0  # marks that are never written
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


@pytest.mark.parametrize("weights", ["bf16", "f16"])
def test_transformers_computes_unlike_layers_in_half_precision(tmp_path, weights):
    transformers = pytest.importorskip("transformers", reason="needs the extra hf")
    import foretell.integrations.transformers  # noqa: F401 - registers

    folder, network, vocabulary = written(tmp_path, "hf", DIFFERENT, weights=weights)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype="auto").eval()
    assert model.dtype == {"bf16": torch.bfloat16, "f16": torch.float16}[weights]
    tokens = torch.randint(4, vocabulary.size, (2, 20), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        said, expected = model(tokens).logits.float(), network(tokens)
    assert (said - expected).norm() < 0.05 * expected.norm()


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


def runtime(path):
    """llama.cpp without what makes its numbers coarse: flash attention, a half-precision cache."""
    xllamacpp = pytest.importorskip("xllamacpp", reason="needs the extra local")
    exact = {
        "flash_attn_type": xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED,
        "cache_type_k": xllamacpp.ggml_type.GGML_TYPE_F32,
        "cache_type_v": xllamacpp.ggml_type.GGML_TYPE_F32,
    }
    return serve(xllamacpp, path, context=128, **exact)


def chances(server, prompt, vocabulary):
    """Log-probabilities of what follows, by token."""
    body = {"prompt": prompt, "n_predict": 1, "n_probs": vocabulary, "cache_prompt": False, "temperature": 0.0}
    reply = server.handle_completions({**body, "logit_bias": [[10, 1000.0]]})  # the bias is not in what it reports
    found = reply["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
    return np.array([each["logprob"] for each in sorted(found, key=lambda each: each["id"])])


@pytest.mark.parametrize("layers", [ALIKE, DIFFERENT], ids=["alike", "different"])
@pytest.mark.parametrize("constants", [{}, {"tied": False, "theta": 500.0}])
def test_llama_cpp_says_the_same(tmp_path, layers, constants):
    pytest.importorskip("gguf", reason="needs the extra hf")
    folder, network, vocabulary = written(tmp_path, "gguf", layers, **constants)
    server = runtime(folder / "model.gguf")
    prompt = [2, *vocabulary.encode(["def add(x1, y):"])[0]]
    with torch.no_grad():
        expected = network(torch.tensor([prompt]))[0, -1].log_softmax(-1).numpy()
    np.testing.assert_allclose(chances(server, prompt, vocabulary.size), expected, atol=1e-3)
    # It reports tokens by characters: several at once, and the last only if they end one.
    body = {"prompt": prompt, "n_predict": 70, "n_probs": 1, "temperature": 0.0}
    reply = server.handle_completions(body)["choices"][0]["logprobs"]["content"]
    written_there = [byte + 4 for each in reply for byte in each["bytes"]]
    assert written_there[:64] == network.write(prompt, 64, temperature=0)[0]


@pytest.mark.parametrize(
    "layer", [LayerShape(2, 2, 96), LayerShape(2, 1, 96), LayerShape(3, 3, 96), LayerShape(4, 2, 96)]
)
def test_llama_cpp_says_the_same_of_qwen2_with_few_heads(tmp_path, layer):
    pytest.importorskip("gguf", reason="needs the extra hf")
    folder, network, vocabulary = written(tmp_path, "gguf", (layer,) * 2, attention_bias=True)
    prompt = [2, *vocabulary.encode(["def add(x1, y):"])[0]]
    with torch.no_grad():
        expected = network(torch.tensor([prompt]))[0, -1].log_softmax(-1).numpy()
    said = chances(runtime(folder / "model.gguf"), prompt, vocabulary.size)
    np.testing.assert_allclose(said, expected, atol=1e-3)


@pytest.mark.parametrize("kind", ["bpe", "bytes"])
def test_llama_cpp_reads_text_the_same(tmp_path, kind):
    pytest.importorskip("gguf", reason="needs the extra hf")
    folder, _, vocabulary = written(tmp_path, "gguf", ALIKE, kind)
    text = STRANGE.replace("</s>", "")  # its completions take an end mark that is spelt out in a text for one
    ours = [2, *vocabulary.encode([text])[0]]
    server = runtime(folder / "model.gguf")
    said = (chances(server, prompt, vocabulary.size) for prompt in (text, ours))
    np.testing.assert_allclose(*said, atol=1e-5)


@pytest.mark.parametrize(("weights", "kinds"), [("f16", {"F16", "F32"}), ("q8_0", {"Q8_0", "F32"})])
def test_gguf_holds_the_weights_as_asked(tmp_path, weights, kinds):
    gguf = pytest.importorskip("gguf", reason="needs the extra hf")
    folder, network, _ = written(tmp_path, "gguf", ALIKE, weights=weights)
    reader = gguf.GGUFReader(folder / "model.gguf")
    assert {tensor.tensor_type.name for tensor in reader.tensors} == kinds
    assert {t.tensor_type.name for t in reader.tensors if "norm" in t.name} == {"F32"}
    found = next(t for t in reader.tensors if t.name == "blk.1.ffn_up.weight")
    data = gguf.quants.dequantize(found.data, found.tensor_type)
    np.testing.assert_allclose(data, network.layers[1].mlp.up_proj.weight.detach(), atol=0.01)


def test_characters_without_a_piece_are_lost_in_llama_cpp_under_a_unigram_model(tmp_path):
    pytest.importorskip("gguf", reason="needs the extra hf")
    with pytest.warns(UserWarning, match="spells no bytes"):
        written(tmp_path, "gguf", ALIKE, "unigram")


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
    with pytest.raises(UnknownNameError, match="gguf"):
        export(gelu, tokenizer, card, "ggfu", tmp_path / "out")
    with pytest.raises(InputError, match="f32, f16, bf16, not q8_0"):
        export(gelu, tokenizer, card, "hf", tmp_path / "out", "q8_0")
    with pytest.raises(InputError, match="f32 weights, not f16"):
        export(gelu, tokenizer, card, "onnx", tmp_path / "out", "f16")
    with pytest.raises(InputError, match="without layers"):
        export(make((), 260), tokenizer, card, "hf", tmp_path / "out")
    pytest.importorskip("gguf", reason="needs the extra hf")
    with pytest.raises(InputError, match="gated feed-forward networks, this one has gelu; export to hf or onnx"):
        export(gelu, tokenizer, card, "gguf", tmp_path / "out")
    assert not list(tmp_path.iterdir())
