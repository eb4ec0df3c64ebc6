"""What is known of a pretrained checkpoint before its weights are read, and the network that they make."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from foretell.errors import InputError, IntegrityError
from foretell.families.decoder.genes import Backbone, DecoderShape
from foretell.families.decoder.hugging_face import MODEL_TYPE
from foretell.families.decoder.network import LanguageModel
from foretell.nn.rotary import RotaryPositions
from foretell.tasks.language_model.pretrained import PretrainedTokenizer

__all__ = ["TYPES", "Named", "Pretrained", "check_type", "read_pretrained"]

TYPES = ("llama", "mistral", "qwen2", "qwen3")
"""Model types of Hugging Face that are read, besides `MODEL_TYPE`, what foretell itself writes."""

Named = Iterable[tuple[str, Tensor]]


@dataclass(frozen=True, eq=False)
class Pretrained:
    """A checkpoint that has been looked at.

    Attributes:
        path: The folder or file.
        model_type: Of `TYPES`, or `MODEL_TYPE`.
        shape: Its dimensions.
        backbone: What its layers have in common.
        vocabulary: Rows of its embedding.
        licence: As it says itself; None where it does not.
        fingerprint: Names its weights: what the files are, not where they lie.
        tokenizer: Reads and spells its text.
        tensors: Gives the weights by the names of `LanguageModel`, as float32.
    """

    path: Path
    model_type: str
    shape: DecoderShape
    backbone: Backbone
    vocabulary: int
    licence: str | None
    fingerprint: str
    tokenizer: Callable[[], PretrainedTokenizer]
    tensors: Callable[[], Named]

    @property
    def parameters(self) -> int:
        """Numbers that it holds; tied ones count once."""
        return sum(parameter.numel() for parameter in self._empty().parameters())

    def load(self) -> LanguageModel:
        """The network, in evaluation mode on the CPU, float32.

        Raises:
            InputError: There is a tensor that foretell's network has no part for.
            IntegrityError: Tensors are missing, of another shape or not finite.
        """
        network = self._empty()
        wanted = dict(network.named_parameters())
        found: dict[str, Tensor] = {}
        for name, tensor in self.tensors():
            if name not in wanted:
                if name.endswith("rotary_emb.inv_freq") or (name == "lm_head.weight" and self.backbone.tied):
                    continue  # what old folders keep of the positions, and the embedding once more
                raise InputError(
                    f"{self.path} has a tensor {name}, and foretell's {self.model_type} has no such part, without "
                    "which it would say something else; choose another checkpoint."
                )
            if tensor.shape != wanted[name].shape:
                raise IntegrityError(
                    f"{self.path} has a tensor {name} of shape {tuple(tensor.shape)}, its configuration says "
                    f"{tuple(wanted[name].shape)}; get the checkpoint again."
                )
            if not bool(torch.isfinite(tensor).all()):
                raise IntegrityError(f"{self.path} has a tensor {name} that is not finite; get the checkpoint again.")
            found[name] = tensor
        missing = [name for name in wanted if name not in found]
        if missing:
            raise IntegrityError(
                f"{self.path} lacks {len(missing)} tensors that its configuration wants, such as {missing[0]}; get the "
                "checkpoint again."
            )
        network.load_state_dict(found, assign=True)
        for parameter in network.parameters():
            parameter.requires_grad_(True)
        return network.eval()

    def _empty(self) -> LanguageModel:
        """The network without memory; its positions, which are no weights, are there."""
        with torch.device("meta"):
            network = LanguageModel(self.shape, self.backbone, self.vocabulary)
        network.positions = RotaryPositions(self.backbone.head_size, self.backbone.theta)
        assert isinstance(network, nn.Module)  # noqa: S101 - for the checker
        return network


def check_type(model_type: object, where: Path, *, remote_code: bool = False) -> str:
    """The type, where it is one that is read.

    Raises:
        InputError: It is not, or code that comes with the checkpoint would be needed.
    """
    if isinstance(model_type, str) and model_type in (*TYPES, MODEL_TYPE):
        return model_type
    known = ", ".join(TYPES)
    if remote_code:
        raise InputError(
            f"{where} is a model of type {model_type!r} that needs code of its own (auto_map), which foretell never "
            f"runs; choose a checkpoint of type {known}."
        )
    raise InputError(f"{where} is a model of type {model_type!r}; foretell reads {known}: choose one of those.")


def read_pretrained(path: Path) -> Pretrained:
    """Look at a Hugging Face folder or a GGUF file; weights are read by `Pretrained.load`.

    Raises:
        InputError: There is nothing of the kind, or nothing that foretell reads; the message says what is.
        IntegrityError: It is damaged.
    """
    from foretell.families.decoder.reading.folder import read_folder
    from foretell.families.decoder.reading.gguf import read_gguf

    if path.is_dir():
        return read_folder(path)
    if not path.exists():
        raise InputError(
            f"there is no model {path}; give a Hugging Face folder, a GGUF file, local:NAME or a name of the hub."
        )
    if path.suffix in (".bin", ".pt", ".pth", ".pkl", ".ckpt"):
        raise InputError(f"{path} is a pickle, which can run code and is never read; give safetensors or a GGUF file.")
    return read_gguf(path)
