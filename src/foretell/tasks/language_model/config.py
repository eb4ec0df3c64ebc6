"""What a study says about its text."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from foretell.errors import InputError, known_name

__all__ = ["TEXTS", "TextConfig"]

TEXTS: dict[str, str] = {
    "home-assistant-python": "Python sources of Home Assistant, without its tests (Apache-2.0)",
    "home-assistant-english": "English texts of Home Assistant's user interface (Apache-2.0), a document a component",
    "files": "your own text or code: files, folders, JSON lines with a text field",
}


class TextConfig(BaseModel):
    """The `corpus` part of a study of a language model.

    Attributes:
        name: One of `TEXTS`.
        paths: For `files`: text files, folders (all files below that are text), `.jsonl` files. For
            others: Home Assistant's wheel, if it is not to be downloaded.
        field: Of JSON lines, the one that holds the text.
        pieces: "bpe" or "unigram" (SentencePiece), or "bytes", which has 260 pieces whatever the study says.
        code: Cut text into pieces as GPT-2's family does for code: digits one by one, runs of white space as pieces.
        block: Tokens that a network reads at a time while it learns.
        train_bytes: At most so much text to learn from, whole documents drawn with `seed`; null keeps all.
        valid_bytes: Text to choose checkpoints and architectures by; at most a tenth of the text.
        test_bytes: Text for the final number, likewise.
        seed: Of the split.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = "home-assistant-python"
    paths: tuple[Path, ...] = ()
    field: str = "text"
    pieces: Literal["bpe", "unigram", "bytes"] = "bpe"
    code: bool = True
    block: int = Field(default=128, ge=8, le=2**16)
    train_bytes: int | None = Field(default=4_000_000, ge=1000)
    valid_bytes: int = Field(default=60_000, ge=1)
    test_bytes: int = Field(default=120_000, ge=1)
    seed: int = Field(default=0, ge=0)

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        return known_name("text", name, TEXTS)

    @model_validator(mode="after")
    def _complete(self) -> TextConfig:
        if self.name == "files" and not self.paths:
            raise InputError("the text 'files' names no files; give paths: [my-code/, notes.txt].")
        return self
