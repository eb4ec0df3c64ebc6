"""What a study says about its labelled texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from foretell.errors import InputError, known_name

__all__ = ["LABELLED", "LabelledConfig"]

LABELLED: dict[str, str] = {
    "home-assistant-languages": "texts of Home Assistant's user interface with their languages (Apache-2.0)",
    "files": "your own texts: .tsv files whose first line names the columns, or .jsonl files",
    "hub": "a labelled data set of the Hugging Face hub (needs foretell[hub])",
}

_FIRST = "home-assistant-languages"


class LabelledConfig(BaseModel):
    """The `corpus` part of a study of a classifier.

    Attributes:
        name: One of `LABELLED`.
        paths: For `files`: `.tsv` and `.jsonl` files. For `home-assistant-languages`: the wheel, if it is not to be
            downloaded.
        dataset: For `hub`: the data set ("imdb"); the splits that it has are joined and split anew.
        subset: For `hub`: its configuration, where it has some.
        text: The column, or field of JSON lines, that holds the text.
        label: The one that holds its class: a word, a whole number, true or false.
        pieces: "bpe" or "unigram" (SentencePiece), or "bytes", which has 260 pieces whatever the study says.
        lowercase: Whether texts are read in lower case.
        tokens: Of a text, so many are read, its beginning; one is a mark.
        token_dropout: Share of a text's tokens that are read as unknown while a network learns, drawn anew every epoch.
        class_weights: "balanced": in training every class counts alike, however many texts it has; null: every text.
        train_texts: At most so many texts of each class to learn from, drawn with `seed`; null keeps all. Languages
            are learnt from 1,000 texts each where nothing is said.
        valid_texts: Texts of each class to choose checkpoints and architectures by; at most a tenth of the class.
        test_texts: Texts of each class for the final number, likewise.
        seed: Of the split.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = _FIRST
    paths: tuple[Path, ...] = ()
    dataset: str | None = None
    subset: str | None = None
    text: str = "text"
    label: str = "label"
    pieces: Literal["bpe", "unigram", "bytes"] = "bpe"
    lowercase: bool = True
    tokens: int = Field(default=32, ge=2, le=2**13)
    token_dropout: float = Field(default=0.2, ge=0, lt=1)
    class_weights: Literal["balanced"] | None = None
    train_texts: int | None = Field(default=None, ge=1)
    valid_texts: int = Field(default=50, ge=1)
    test_texts: int = Field(default=100, ge=1)
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="before")
    @classmethod
    def _enough_of_a_language(cls, data: Any) -> Any:
        if isinstance(data, dict) and "train_texts" not in data and data.get("name", _FIRST) == _FIRST:
            return {**data, "train_texts": 1000}
        return data

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        return known_name("corpus", name, LABELLED)

    @model_validator(mode="after")
    def _complete(self) -> LabelledConfig:
        if self.name == "files" and not self.paths:
            raise InputError("the corpus 'files' names no files; give paths: [texts.tsv].")
        if self.name == "hub" and not self.dataset:
            raise InputError("the corpus 'hub' names no data set; give dataset: imdb, for example.")
        if self.text == self.label:
            raise InputError(f"text and label are both the column {self.text!r}; name two columns.")
        return self
