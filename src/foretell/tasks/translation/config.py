"""What a study says about its corpus, and where prepared corpora are kept."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from foretell.errors import InputError, known_name
from foretell.tasks.translation.languages import check_language

__all__ = ["CORPORA", "CorpusConfig", "cache_folder"]

CORPORA: dict[str, str] = {
    "home-assistant": "user-interface texts of Home Assistant, any two of its languages (Apache-2.0)",
    "files": "your own parallel text: two text files, or one file with two columns between tabs",
    "hub": "a translation data set of the Hugging Face hub (needs foretell[hub])",
}


_FIRST = "home-assistant"


class CorpusConfig(BaseModel):
    """The `corpus` part of a study file.

    Attributes:
        name: One of `CORPORA`.
        source: Language translated from: a BCP 47 tag, an ISO 639 code or a locale's name (`pt_BR.UTF-8`), spelled as
            the data set spells it where the corpus is of the hub.
        target: Language translated to, likewise.
        paths: For `files`: two text files or one TSV. For `home-assistant`: the wheel, if it is not to be
            downloaded.
        valid_paths: For `files`: validation text of your own, like `paths`.
        test_paths: For `files`: test text of your own, like `paths`.
        dataset: For `hub`: the data set ("wmt14").
        subset: For `hub`: its configuration ("de-en").
        min_words: Shortest side kept, in words: names and one-word labels teach little.
        max_words: Longest side kept, in words (two characters count as one where there are no spaces); null keeps all,
            `fit` all but the longest hundredth, and none of more than 200 words. Home Assistant's texts are kept up
            to 12 words, other corpora are fitted.
        train_sentences: At most so many training pairs, drawn with `seed`; null keeps all.
        valid_sentences: Validation pairs; null is 512, or all of a validation split the corpus came with.
        test_sentences: Test pairs; null is 1,000, or all of a test split the corpus came with.
        seed: Of the split.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = _FIRST
    source: str = "en"
    target: str = "de"
    paths: tuple[Path, ...] = ()
    valid_paths: tuple[Path, ...] = ()
    test_paths: tuple[Path, ...] = ()
    dataset: str | None = None
    subset: str | None = None
    min_words: int = Field(default=2, ge=1)
    max_words: Annotated[int, Field(ge=1)] | Literal["fit"] | None = "fit"
    train_sentences: int | None = Field(default=None, ge=1)
    valid_sentences: int | None = Field(default=None, ge=1)
    test_sentences: int | None = Field(default=None, ge=1)
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="before")
    @classmethod
    def _told_by_the_rest(cls, data: Any) -> Any:
        """Whoever names files or a data set need not say of which kind the corpus is."""
        if not isinstance(data, dict):
            return data
        if "name" not in data and data.get("paths"):
            wheel = str(data["paths"][0]).endswith(".whl") if isinstance(data["paths"], (list, tuple)) else False
            data = data if wheel else {**data, "name": "files"}
        elif "name" not in data and data.get("dataset"):
            data = {**data, "name": "hub"}
        if "max_words" not in data and data.get("name", _FIRST) == _FIRST:
            return {**data, "max_words": 12}
        return data

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        return known_name("corpus", name, CORPORA)

    @field_validator("source", "target")
    @classmethod
    def _language(cls, tag: str) -> str:
        return check_language(tag)

    @model_validator(mode="after")
    def _complete(self) -> CorpusConfig:
        if self.source == self.target:
            raise InputError(f"source and target language are both {self.source!r}; name two languages.")
        if isinstance(self.max_words, int) and self.max_words < self.min_words:
            raise InputError(
                f"max_words {self.max_words} is below min_words {self.min_words}; raise one or lower the other."
            )
        if self.name == "files" and not self.paths:
            raise InputError("corpus 'files' names no files; give paths: [source.txt, target.txt] or [pairs.tsv].")
        if bool(self.valid_paths) != bool(self.test_paths):
            raise InputError("only one of valid_paths and test_paths is given; give both or neither.")
        if self.name == "hub" and not self.dataset:
            raise InputError("corpus 'hub' names no data set; give dataset: wmt14 and subset: de-en, for example.")
        return self


def cache_folder(folder: Path | None = None) -> Path:
    """Where downloads and prepared corpora are kept.

    The folder given, else `$FORETELL_CACHE`, else the user's cache folder.
    """
    if folder is not None:
        return Path(folder)
    if named := os.environ.get("FORETELL_CACHE"):
        return Path(named).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("foretell"))
