"""Mean hidden states of a local model: texts as points, near each other where the model reads them alike."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Self

import numpy as np
import numpy.typing as npt

from foretell.llm.fetch import fetch_model
from foretell.llm.model import LanguageModelError
from foretell.llm.models import DEFAULT_MODEL, MODELS, model_file
from foretell.machine import usable_cores

if TYPE_CHECKING:
    from xllamacpp import Server

__all__ = ["Embedder", "open_embedder"]


class Embedder:
    """A GGUF model that gives the mean of its last hidden states; loaded when the first text comes.

    Args:
        name: A known name (`foretell llm list`) or the path of a GGUF file.
        context: The longest text, in tokens.

    Raises:
        InputError: The path does not exist.
        UnknownNameError: There is no such model.
    """

    def __init__(self, name: str = DEFAULT_MODEL, *, context: int = 2048) -> None:
        self.name, self.context = name, context
        self.path, _ = model_file(name)
        self._server: Server | None = None
        self._known: dict[str, npt.NDArray[np.float64]] = {}

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self  # a loaded model is shared by copies of a predictor

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        """Mean hidden states, `float64 [n, width]`; each distinct text is computed once.

        Raises:
            InputError: The extra `local` is not installed, or the model cannot be had.
            LanguageModelError: The runtime refused a text, such as one that is too long.
        """
        for text in texts:
            if text not in self._known:
                self._known[text] = self._one(text)
        return np.stack([self._known[text] for text in texts])

    def _one(self, text: str) -> npt.NDArray[np.float64]:
        from foretell.llm.local import refusal_in, start_server

        if self._server is None:
            if self.name in MODELS:
                fetch_model(self.name)
            threads = usable_cores()
            self._server = start_server(str(self.path), context=self.context, threads=threads, embedding=True)
        try:
            found = self._server.handle_embeddings({"input": text})
        except (RuntimeError, ValueError) as error:
            raise LanguageModelError(f"local:{self.name} could not embed a text: {error}") from error
        if refusal := refusal_in(found):
            raise LanguageModelError(
                f"local:{self.name} could not embed a text: {refusal}; give it a shorter one, or the model a larger "
                "context."
            )
        return np.array(found["data"][0]["embedding"], dtype=np.float64)


@cache
def open_embedder(name: str = DEFAULT_MODEL) -> Embedder:
    """The embedder of a model; opened once in a process."""
    return Embedder(name)
