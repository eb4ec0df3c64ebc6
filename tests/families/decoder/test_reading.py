"""Pretrained checkpoints are read, and say what transformers says."""

import json

import pytest
import torch

from foretell.errors import InputError, IntegrityError
from foretell.families.decoder.card import Card
from foretell.families.decoder.exporting import export
from foretell.families.decoder.reading import TYPES, read_pretrained
from tests.checkpoints import SOURCE, make_checkpoint

pytestmark = pytest.mark.network
pytest.importorskip("transformers", reason="needs the extra hf")
pytest.importorskip("gguf", reason="needs the extra hf")


def agree(ours, theirs, tokens):
    with torch.no_grad():
        torch.testing.assert_close(ours(tokens), theirs(tokens).logits, atol=1e-4, rtol=0)


def drawn(rows):
    return torch.randint(0, rows, (2, 60), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize(
    "changes",
    [{"tie_word_embeddings": True}, {"head_dim": 32, "rope_parameters": {"rope_type": "default", "rope_theta": 500.0}}],
)
def test_a_folder_says_what_transformers_says(tmp_path, kind, changes):
    model = make_checkpoint(tmp_path, kind, **changes)
    found = read_pretrained(tmp_path)
    network = found.load()
    assert (found.model_type, found.backbone.attention_bias, found.backbone.head_norms) == (
        kind,
        kind == "qwen2",
        kind == "qwen3",
    )
    assert found.parameters == sum(parameter.numel() for parameter in model.parameters())
    agree(network, model, drawn(found.vocabulary))


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("target", ["hf", "gguf"])
def test_what_is_exported_is_read_again_the_same(tmp_path, kind, target):
    make_checkpoint(tmp_path / "parent", kind)
    first = read_pretrained(tmp_path / "parent")
    network, tokenizer = first.load(), first.tokenizer()
    export(
        network, tokenizer.exported(first.vocabulary, gguf=target == "gguf"), Card("a test"), target, tmp_path / "out"
    )
    second = read_pretrained(tmp_path / "out" / ("model.gguf" if target == "gguf" else ""))
    assert second.model_type == ("llama" if kind == "mistral" else kind)
    tokens = drawn(first.vocabulary)
    with torch.no_grad():
        torch.testing.assert_close(second.load()(tokens), network(tokens), atol=1e-5, rtol=0)
    text = ["def  add(x1, y2345):\n\treturn 'größer' + x1\n\n\n    pass\n", *SOURCE]
    assert second.tokenizer().encode(text) == tokenizer.encode(text)
    assert tokenizer.decode(tokenizer.encode(text)) == text


def refused(folder, error=InputError):
    def read():
        found = read_pretrained(folder)
        found.tokenizer()
        found.load()

    with pytest.raises(error) as caught:
        read()
    return str(caught.value)


def test_what_is_not_read_is_said_in_one_sentence(tmp_path):
    make_checkpoint(tmp_path, "llama")
    plain = json.loads((tmp_path / "config.json").read_text())

    def told(**changes):
        (tmp_path / "config.json").write_text(json.dumps({**plain, **changes}))
        return refused(tmp_path)

    assert "'gemma3'; foretell reads llama, mistral, qwen2, qwen3" in told(model_type="gemma3")
    assert "never runs" in told(model_type="mine", auto_map={"AutoModel": "mine.Model"})
    assert "quantised (gptq)" in told(quantization_config={"quant_method": "gptq"})
    assert "stretches its rotary positions (llama3)" in told(rope_parameters={"rope_type": "llama3"})
    assert "biases" in told(attention_bias=True)
    assert "expected a positive whole number" in told(hidden_size="64")
    assert "its configuration says" in told(intermediate_size=64)
    (tmp_path / "config.json").write_text(json.dumps(plain))
    (tmp_path / "tokenizer.json").rename(tmp_path / "away.json")
    assert "has no tokenizer.json" in refused(tmp_path)
    (tmp_path / "away.json").rename(tmp_path / "tokenizer.json")
    weights = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(weights[: len(weights) // 2])
    assert "no whole safetensors file" in refused(tmp_path, IntegrityError)
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    assert "can run code and are never read" in refused(tmp_path)
    assert "pickle" in refused(tmp_path / "pytorch_model.bin")
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    assert "lacks 2 of the 2 shards that its index names: model-00001" in refused(tmp_path)
    assert "no GGUF file" in refused(tmp_path / "config.json")
    assert "there is no model" in refused(tmp_path / "nothing")


def test_a_tensor_without_a_part_of_ours_is_named(tmp_path):
    from safetensors.torch import load_file, save_file

    make_checkpoint(tmp_path, "llama", tie_word_embeddings=True)
    weights = load_file(tmp_path / "model.safetensors")
    harmless = {"lm_head.weight": torch.zeros(2, 2), "model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(8)}
    save_file(weights | harmless, tmp_path / "model.safetensors")
    read_pretrained(tmp_path).load()
    save_file(weights | {"model.layers.1.self_attn.q_proj.bias": torch.ones(64)}, tmp_path / "model.safetensors")
    assert "layers.1.self_attn.q_proj.bias, and foretell's llama has no such part" in refused(tmp_path)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [("expert_count", 4, "among 4 experts"), ("rope.dimension_count", 8, "turns 8 of the 16 channels of a head")],
)
def test_a_gguf_file_of_another_build_is_refused(tmp_path, name, value, sentence):
    from foretell.families.decoder.reading import gguf

    told = {"attention.head_count": 4, "embedding_length": 64}
    with pytest.raises(InputError, match=sentence):
        gguf._read(
            {**{f"llama.{key}": each for key, each in told.items()}, f"llama.{name}": value}, "llama", set(), tmp_path
        )


def test_a_mark_beyond_the_embedding_is_left_out_of_a_gguf_file(tmp_path):
    make_checkpoint(tmp_path, "llama")
    described = json.loads((tmp_path / "tokenizer.json").read_text())
    found = read_pretrained(tmp_path)
    described["added_tokens"].append({**described["added_tokens"][0], "id": found.vocabulary, "content": "<|beyond|>"})
    (tmp_path / "tokenizer.json").write_text(json.dumps(described))
    with pytest.warns(UserWarning, match=r"'<\|beyond\|>' has the number .* left out of the GGUF file"):
        told = found.tokenizer().exported(found.vocabulary, gguf=True)
    assert len(told.gguf["tokens"]) == found.vocabulary


@pytest.mark.parametrize("where", ["chat_template.jinja", "tokenizer_config.json"])
def test_how_turns_are_written_goes_along_into_a_gguf_file(tmp_path, where):
    make_checkpoint(tmp_path / "parent", "llama")
    template, file = "{{ messages[0].content }}", tmp_path / "parent" / where
    if where == "chat_template.jinja":
        file.write_text(template)
    else:
        file.write_text(json.dumps({**json.loads(file.read_text()), "chat_template": template}))
    first = read_pretrained(tmp_path / "parent")
    told = first.tokenizer().exported(first.vocabulary, gguf=True)
    export(first.load(), told, Card("a test"), "gguf", tmp_path / "out")
    assert read_pretrained(tmp_path / "out" / "model.gguf").tokenizer().files["chat_template.jinja"] == template


def test_heads_of_qwen2_that_do_not_fill_the_width_are_refused_for_llama_cpp(tmp_path):
    make_checkpoint(tmp_path / "parent", "qwen2", head_dim=16, num_attention_heads=6, num_key_value_heads=2)
    first = read_pretrained(tmp_path / "parent")
    told = first.tokenizer().exported(first.vocabulary, gguf=True)
    with pytest.raises(
        InputError, match="only heads that fill the width of 64, and this network's fill 96; export to hf"
    ):
        export(first.load(), told, Card("a test"), "gguf", tmp_path / "out")


NONSENSE = [
    {"num_key_value_heads": "2"},
    {"head_dim": "x"},
    {"head_dim": -16},
    {"rms_norm_eps": "x"},
    {"rms_norm_eps": -1.0},
    {"max_position_embeddings": "long"},
    {"max_position_embeddings": -5},
    {"rope_parameters": "linear"},
    {"rope_parameters": None, "rope_scaling": [1]},
    {"rope_parameters": {"rope_type": "default", "rope_theta": "a"}},
    {"rope_parameters": {"rope_type": "default", "rope_theta": -1.0}},
    {"model_type": "mistral", "sliding_window": "x"},
]


def test_a_configuration_of_nonsense_is_said_to_be_one(tmp_path):
    make_checkpoint(tmp_path, "llama")
    plain = json.loads((tmp_path / "config.json").read_text())
    for changes in NONSENSE:
        (tmp_path / "config.json").write_text(json.dumps({**plain, **changes}))
        assert "restore it" in refused(tmp_path, IntegrityError)
    (tmp_path / "config.json").write_text(json.dumps({**plain, "quantization_config": "gptq"}))
    assert "quantised (gptq)" in refused(tmp_path)


@pytest.mark.parametrize("told", [{"weight_map": [1]}, {"weight_map": {"a": 3}}])
def test_a_damaged_index_or_header_is_said_to_be_one(tmp_path, told):
    make_checkpoint(tmp_path, "llama")
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(told))
    assert "which file each tensor is in" in refused(tmp_path, IntegrityError)
    (tmp_path / "model.safetensors.index.json").unlink()
    (tmp_path / "model.safetensors").write_bytes(len(b"[1]").to_bytes(8, "little") + b"[1]")
    assert "no whole safetensors file" in refused(tmp_path, IntegrityError)


def test_sisters_that_differ_in_weights_alone_have_names_of_their_own(tmp_path):
    """What is kept of one must never be taken for the other's."""
    model = make_checkpoint(tmp_path, "llama")
    first = read_pretrained(tmp_path).fingerprint
    assert read_pretrained(tmp_path).fingerprint == first
    with torch.no_grad():
        model.model.layers[1].mlp.up_proj.weight[3, 5] += 0.1
    model.save_pretrained(tmp_path)
    assert read_pretrained(tmp_path).fingerprint != first


def test_shards_are_read(tmp_path):
    model = make_checkpoint(tmp_path, "llama")
    (tmp_path / "model.safetensors").unlink()
    model.save_pretrained(tmp_path, max_shard_size="50KB")
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 1
    found = read_pretrained(tmp_path)
    agree(found.load(), model, drawn(found.vocabulary))


def test_a_real_model_says_what_transformers_says(smollm):
    import transformers

    from foretell.families.decoder.hugging_face import llama_config, llama_tensors

    found = read_pretrained(smollm)
    network = found.load()
    with torch.device("meta"):
        model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**llama_config(network)))
    model.to_empty(device="cpu").load_state_dict(llama_tensors(network), strict=False)
    model.model.rotary_emb = type(model.model.rotary_emb)(model.config)
    model.tie_weights()
    tokenizer = found.tokenizer()
    (tokens,) = tokenizer.encode(["def add(first, second):\n    return first +"])
    agree(network.eval(), model.eval(), torch.tensor([tokens]))
    likeliest = network.write(tokens, 1, temperature=0, never=())[0]
    assert tokenizer.decode([likeliest])[0].strip() == "second"
