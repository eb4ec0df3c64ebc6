"""Where a model comes from: a folder, a file, foretell's own list, the hub; and whether the machine can hold it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from foretell.errors import InputError
from foretell.families.decoder.reading import Pretrained, read_pretrained
from foretell.families.encoder.bert.reading import PretrainedEncoder, read_encoder
from foretell.llm.fetch import fetch_encoder, fetch_model
from foretell.llm.models import ENCODERS, MODELS, Model
from foretell.machine import available_memory
from foretell.study.shrinking.config import ShrinkConfig
from foretell.tasks.language_model.pretrained import PretrainedTokenizer

__all__ = ["EncoderSource", "Source", "check_memory", "find_encoder", "find_model", "pretrained_of", "refuse_early"]

_HUB = re.compile(r"[\w.-]+/[\w.-]+")
_FILES = ["*.json", "*.safetensors", "README.md", "*.jinja"]
_LOCAL = "local:"


class Source(NamedTuple):
    """A checkpoint and what is said of it.

    Attributes:
        name: As people call it.
        checkpoint: Looked at, not loaded.
        licence: A sentence, or an identifier; None where nothing is known.
    """

    name: str
    checkpoint: Pretrained
    licence: str | None


class EncoderSource(NamedTuple):
    """See `Source`."""

    name: str
    checkpoint: PretrainedEncoder
    licence: str | None


def find_model(model: str) -> Source:
    """Fetch a language model where need be, and look at it.

    Args:
        model: `local:NAME`, a folder, a GGUF file, or a name of the hub.

    Raises:
        UnknownNameError: foretell knows no model of that name.
        InputError: It cannot be had, or is nothing that foretell reads.
        IntegrityError: It is damaged.
    """
    if model.removeprefix(_LOCAL) in ENCODERS and model.startswith(_LOCAL):
        raise InputError(f"{model} is an encoder, which is shrunk to tell classes; give labelled texts with --data.")
    name, path, licence = _place(model, fetch_model, MODELS)
    found = read_pretrained(path)
    return Source(name, found, licence or found.licence)


def find_encoder(model: str) -> EncoderSource:
    """Fetch an encoder where need be, and look at it; see `find_model`."""
    name, path, licence = _place(model, fetch_encoder, ENCODERS)
    found = read_encoder(path)
    return EncoderSource(name, found, licence or found.licence)


def _place(model: str, fetch: Callable[[str], Path], known: Mapping[str, Model]) -> tuple[str, Path, str | None]:
    """What people call a model, where it is, and its licence where that is known of its name."""
    if model.startswith(_LOCAL):
        name = model.removeprefix(_LOCAL)
        if not name.endswith(".gguf"):
            path = fetch(name)
            return name, path, known[name].licence
        model = name
    path = Path(model).expanduser()
    if not path.exists() and _HUB.fullmatch(model) and not path.parent.is_dir():
        return model, _from_hub(model), None
    return path.resolve().stem if path.is_file() else path.resolve().name, path, None


def pretrained_of(run: Path) -> Source | None:
    """The pretrained model that a path names: a run of `foretell shrink`, or what `find_model` takes.

    Args:
        run: A folder, a GGUF file or `local:NAME`.

    Returns:
        None where it is a run or a training of foretell's own.

    Raises:
        InputError: A run of shrinking that has not ended, or whose model is there alone as a GGUF file
            that is not read.
    """
    if str(run).startswith(_LOCAL) or run.suffix == ".gguf" or (run / "config.json").exists():
        return find_model(str(run))
    written = run / "exported" / "hf"
    if (run / "winner" / "classes.json").exists():
        return None
    if not (run / "importance.safetensors").exists():
        return None
    if (written / "config.json").exists():
        return find_model(str(written))
    why: InputError | None = None
    if (alone := run / "exported" / "gguf" / "model.gguf").exists():
        try:
            return find_model(str(alone))
        except InputError as error:  # its layers differ, which is read of a folder alone
            why = error
    raise InputError(
        f"{run} is a run of foretell shrink that has written no Hugging Face folder; end it, or run it with --to hf."
    ) from why


def _from_hub(name: str) -> Path:
    """The folder of a model of the hub: its safetensors and texts, never its code."""
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise InputError(f"{name} is a name of the hub; pip install 'foretell[hf]', or give a folder.") from None
    try:
        return Path(snapshot_download(name, allow_patterns=_FILES))
    except Exception as error:  # unreachable, gated, renamed: whatever it is, the user must hear it
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise InputError(f"{name} cannot be had from the hub ({reason}); give a folder or a GGUF file.") from error


def refuse_early(config: ShrinkConfig, source: Source, tokenizer: PretrainedTokenizer) -> None:
    """Say what cannot be done before anything is loaded.

    Raises:
        InputError: A runtime has no such model, a block is longer than the model reads, or memory is too small.
    """
    found = source.checkpoint
    if "gguf" in config.to:
        tokenizer.exported(found.vocabulary, gguf=True)
        if found.model_type == "qwen2" and config.hidden_width:
            raise InputError(
                "llama.cpp's qwen2 takes only heads that fill the hidden width, which --hidden-width changes; leave it "
                "out, or gguf out of --to."
            )
        if found.model_type in ("qwen2", "qwen3") and not config.uniform:
            raise InputError(
                f"llama.cpp has no {found.model_type} whose layers differ; add --uniform, or leave gguf out of --to."
            )
    if config.weights == "q8_0" and "hf" in config.to:
        raise InputError("a Hugging Face folder holds no q8_0; leave hf out of --to, or choose f32, f16 or bf16.")
    if config.block > found.backbone.context:
        raise InputError(
            f"a block of {config.block} tokens is longer than the {found.backbone.context} that {source.name} reads; "
            "lower --block."
        )
    layers, tokens = len(found.shape.layers), config.block * found.shape.width
    kept = 160 * tokens + 8 * tokens * layers if config.gradient_checkpointing else 160 * tokens * layers
    learning = [name for name, asked in (("--heal", config.heal), ("--supernet", config.supernet)) if asked]
    advice = f"leave out {' and '.join(learning)}, " if learning else ""
    if learning and not config.gradient_checkpointing:
        advice += "add gradient_checkpointing: true to the study, "
    adapted = not config.heal and config.supernet is not None and config.supernet.adapters > 0
    learns = bool(learning) and not adapted  # what adapters need besides is little
    check_memory(
        found.path, found.parameters, 24 * config.block * found.vocabulary + kept, learns=learns, advice=advice
    )


def check_memory(path: Path, parameters: int, working: int, *, learns: bool, advice: str = "") -> None:
    """Refuse a model that the machine cannot hold.

    Args:
        path: The model.
        parameters: It has.
        working: Bytes of what a batch takes.
        learns: Whether anything does.
        advice: What would take less.

    Raises:
        InputError: More bytes are needed than there are.
    """
    # The parent, a part of it beside it, and where one learns gradients and two moments.
    needed = 4 * (5 if learns else 2) * parameters + working
    there = available_memory()
    if there is not None and needed > there:
        raise InputError(
            f"{path.name} has {parameters:,} parameters, and shrinking it{' and healing' if learns else ''} "
            f"takes about {needed / 1e9:.1f} GB of memory; {there / 1e9:.1f} GB are free: "
            f"{advice}choose a smaller model or a larger machine."
        )
