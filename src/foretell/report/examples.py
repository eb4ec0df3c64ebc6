"""What the winner says: a few sentences of the test split with its translations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from foretell.errors import InputError, IntegrityError
from foretell.records import read_json, write_json
from foretell.study import StudyConfig, translate_texts
from foretell.tasks.translation import ParallelCorpus, corpus_folder

__all__ = ["Example", "examples_of"]

_COUNT = 8


class Example(BaseModel):
    """A sentence, its reference, and what the winner made of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str
    reference: str
    translation: str


def examples_of(folder: Path, study: StudyConfig) -> tuple[Example, ...]:
    """The examples of a run: read from its folder, or translated once and kept there.

    They are spread evenly over the test split, so that nobody has picked them.

    Raises:
        InputError: None are kept, and the corpus is not on this machine, or the winner's network is gone.
        IntegrityError: A file is damaged.
    """
    path = folder / "winner" / "examples.json"
    if path.exists():
        try:
            return tuple(Example.model_validate(row) for row in read_json(path)["examples"])
        except (ValidationError, KeyError, TypeError) as error:
            raise IntegrityError(f"{path} does not hold examples ({type(error).__name__}); delete it.") from None
    found = _translate(folder, study)
    write_json(path, {"format": 1, "examples": [example.model_dump() for example in found]})
    return found


def _translate(folder: Path, study: StudyConfig) -> tuple[Example, ...]:
    kept = corpus_folder(study.corpus)
    if not (kept / "corpus.json").exists():
        raise InputError("the corpus is not on this machine; draw the page where the search ran.")
    pairs = ParallelCorpus.load(kept).test
    rows = np.unique(np.linspace(0, len(pairs) - 1, min(_COUNT, len(pairs))).round().astype(int))
    chosen = [pairs[row] for row in rows]
    said = translate_texts(folder, [source for source, _ in chosen])
    return tuple(
        Example(source=source, reference=reference, translation=text)
        for (source, reference), text in zip(chosen, said, strict=True)
    )
