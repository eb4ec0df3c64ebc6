"""Small random checkpoints with a tokenizer, as transformers writes them."""

import functools
import json

SOURCE = [
    "def add(x1, y):\n    return x1 + 27  # größer\n",
    "class Sum:\n    def __init__(self, value):\n        self.value = value\n\n    def total(self):\n        return\n",
    "for x in range(10):\n    print(x, 3)\nif x == 9:\n    raise ValueError(f'{x} is too large')\n",
]

SIZES = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 96,
    "max_position_embeddings": 128,
}


@functools.cache
def tokenizer_json(kind):
    """A byte-level tokenizer cut as Qwen2's ("qwen2") or GPT-2's ("gpt-2"), or one of SentencePiece's kind."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    from foretell.tasks.language_model.llama_cpp import _CUTS

    if kind == "llama":
        tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>"))  # noqa: S106 - no password
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
        tokenizer.decoder = decoders.Sequence(steps)
        marks = ["<unk>", "<s>", "</s>", *[f"<0x{byte:02X}>" for byte in range(256)]]
    else:
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        marks = ["<|endoftext|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=marks,
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet() if kind != "llama" else [],
    )
    tokenizer.train_from_iterator(SOURCE, trainer)
    described = json.loads(tokenizer.to_str())
    if kind == "llama":  # bytes are pieces like others, not marks
        described["added_tokens"] = described["added_tokens"][:3]
    else:
        described["pre_tokenizer"] = _CUTS[kind]
    return described


def make_checkpoint(folder, kind, **changes):
    """Write a random model of a type of transformers and its tokenizer; the model, in evaluation mode."""
    import torch
    import transformers

    cut = {"llama": "gpt-2", "mistral": "llama"}.get(kind, "qwen2")
    described = tokenizer_json(cut)
    rows = len(described["model"]["vocab"])
    config = transformers.AutoConfig.for_model(
        kind, **{**SIZES, "vocab_size": rows, "bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0, **changes}
    )
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_config(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name:
                parameter.uniform_(0.5, 1.5)
            else:
                parameter.normal_(0.0, 0.2)
    model.save_pretrained(folder)
    mark = "<unk>" if cut == "llama" else "<|endoftext|>"
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": mark, "eos_token": mark}
    (folder / "tokenizer.json").write_text(json.dumps(described))
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return model
