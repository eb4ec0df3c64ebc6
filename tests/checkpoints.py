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


def write_word_pieces(folder, texts):
    """Write a tokenizer of BERT's kind for texts, and more than they need; how many pieces it has."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    marks = ["[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = sorted({letter for text in texts for letter in text if letter != " "} | set("0123456789"))
    words = sorted({word for text in texts for word in text.split()[:1]} | {"nobody", "says", "##this"})
    pieces = [*marks, *letters, *(f"##{letter}" for letter in letters), *words]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))  # noqa: S106 - no password
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    ends = [(mark, vocabulary[mark]) for mark in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", special_tokens=ends)
    tokenizer.add_special_tokens([mark for mark in marks if mark != "[unused0]"])
    folder.mkdir()
    tokenizer.save(str(folder / "tokenizer.json"))
    names = {f"{mark.strip('[]').lower()}_token": mark for mark in marks if mark != "[unused0]"}
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", **names}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return len(pieces)
