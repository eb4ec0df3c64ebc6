"""The tokenizer of a pretrained model: Hugging Face's `tokenizer.json`, or the fields of a GGUF file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from foretell.errors import InputError, IntegrityError
from foretell.parsing import parse_json, read_text
from foretell.records import write_atomic
from foretell.tasks.language_model.llama_cpp import described_from, fields_from
from foretell.tasks.language_model.tokenizers import Tokenizer

__all__ = ["PretrainedTokenizer", "tokenizer_of_folder", "tokenizer_of_gguf"]

_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja")
_BETWEEN = "<|endoftext|>"
"""What separates documents where a vocabulary has it; a mark that begins texts, or ends them, otherwise."""
_IDS = ("bos_token_id", "eos_token_id", "pad_token_id")


class PretrainedTokenizer:
    """Text to token ids and back; see `foretell.tasks.language_model.vocabulary.TextVocabulary`.

    Args:
        described: What `tokenizer.json` says.
        files: Hugging Face's files by name.
        ids: `bos_token_id`, `eos_token_id`, `pad_token_id`, as far as there are such.
        fields: Of the GGUF file that it comes from, under `tokenizer.ggml`; None: from a folder.

    Raises:
        InputError: The package that reads text is not installed.
        IntegrityError: The description is damaged.
    """

    def __init__(
        self,
        described: Mapping[str, Any],
        files: Mapping[str, str],
        ids: Mapping[str, int],
        fields: Mapping[str, Any] | None = None,
    ) -> None:
        try:
            import tokenizers
        except ImportError:
            raise InputError("pretrained tokenizers need the package tokenizers; pip install 'foretell[hf]'.") from None
        self.described, self.files, self.ids, self.fields = described, files, ids, fields
        text = json.dumps(described, ensure_ascii=False)
        try:
            self._reader = tokenizers.Tokenizer.from_str(text)
        except Exception as error:  # it raises nothing more special
            raise IntegrityError(f"the tokenizer cannot be read ({error}); get the checkpoint again.") from error
        self._reader.encode_special_tokens = True  # marks that are spelt out in a text are text
        self._reader.no_truncation()
        self._reader.no_padding()
        self.fingerprint = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]

    @cached_property
    def size(self) -> int:
        """Number of pieces, marks included."""
        return int(self._reader.get_vocab_size(with_added_tokens=True))

    @property
    def separator(self) -> int:
        """The mark between documents."""
        found = self._reader.token_to_id(_BETWEEN)
        for candidate in (found, self.ids.get("bos_token_id"), self.ids.get("eos_token_id")):
            if candidate is not None:
                return int(candidate)
        raise InputError("the tokenizer has no mark that begins or ends a text; give a checkpoint that has one.")

    def encode(self, sentences: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, without marks."""
        return [each.ids for each in self._reader.encode_batch(list(sentences), add_special_tokens=False)]

    def prompt(self, text: str) -> list[int]:
        """Token ids to write on from, with the marks that the model's texts begin with; never none."""
        return list(self._reader.encode(text).ids) or [self.separator]

    @property
    def end(self) -> int:
        """The mark that ends a text."""
        return self.ids.get("eos_token_id", self.separator)

    def decode(self, sequences: Iterable[Sequence[int]]) -> list[str]:
        """Texts of token ids, without marks."""
        return [str(self._reader.decode(list(ids), skip_special_tokens=True)) for ids in sequences]

    def save(self, path: Path) -> None:
        """Write `tokenizer.json` there."""
        write_atomic(path, json.dumps(self.described, ensure_ascii=False))

    def exported(self, rows: int, *, gguf: bool) -> Tokenizer:
        """What other runtimes are told.

        Args:
            rows: Of the embedding, which may have more than there are pieces.
            gguf: Whether a GGUF file is to be written, too.

        Raises:
            InputError: llama.cpp has no such tokenizer.
        """
        fields: Mapping[str, Any] = {}
        if gguf:
            fields = fields_from(self.described, self.ids, rows) if self.fields is None else self.fields
        return Tokenizer(self.files, self.ids, fields)


def tokenizer_of_folder(folder: Path, config: Mapping[str, Any]) -> PretrainedTokenizer:
    """The tokenizer of a Hugging Face folder.

    Args:
        folder: With `tokenizer.json`.
        config: What its `config.json` says.

    Raises:
        InputError: It has none.
        IntegrityError: It is damaged.
    """
    if not (folder / "tokenizer.json").exists():
        raise InputError(
            f"{folder} has no tokenizer.json; write it there with transformers: "
            "AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)."
        )
    files = {name: read_text(folder / name) for name in _FILES if (folder / name).exists()}
    try:
        described, told = parse_json(files["tokenizer.json"]), parse_json(files.get("tokenizer_config.json", "{}"))
        marks = {each["content"]: each["id"] for each in described.get("added_tokens") or []}
        ids = {}
        for name in _IDS:
            written = told.get(name.removesuffix("_id"))
            spelt = written.get("content") if isinstance(written, dict) else written
            value = config.get(name)
            value = value[0] if isinstance(value, list) and value else value
            value = marks.get(spelt) if value is None else value
            if isinstance(value, int):
                ids[name] = value
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IntegrityError(
            f"{folder / 'tokenizer.json'} is damaged ({error!r}); get the checkpoint again."
        ) from error
    return PretrainedTokenizer(described, files, ids)


def tokenizer_of_gguf(fields: Mapping[str, Any], path: Path) -> PretrainedTokenizer:
    """The tokenizer that a GGUF file holds.

    Args:
        fields: Of the file, by name.
        path: The file, for messages.

    Raises:
        InputError: It holds none, or one of a kind that is not read.
    """
    own = {
        name.removeprefix("tokenizer.ggml."): value
        for name, value in fields.items()
        if name.startswith("tokenizer.ggml.")
    }
    described = described_from(own, path)
    tokens = own["tokens"]
    ids = {name: int(own[name]) for name in _IDS if name in own}
    ids |= {"pad_token_id": int(own["padding_token_id"])} if "padding_token_id" in own else {}
    told = {name.removesuffix("_id"): tokens[number] for name, number in ids.items()}
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", **told, "clean_up_tokenization_spaces": False}
    files = {
        "tokenizer.json": json.dumps(described, ensure_ascii=False),
        "tokenizer_config.json": json.dumps(settings, indent=2),
    }
    if isinstance(fields.get("tokenizer.chat_template"), str):
        files["chat_template.jinja"] = fields["tokenizer.chat_template"]
    return PretrainedTokenizer(described, files, ids, own)
