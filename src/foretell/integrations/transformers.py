"""Decoders whose layers differ, and classifiers, for Hugging Face's Auto classes; importing this registers them."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    GenerationMixin,
    PretrainedConfig,
    PreTrainedModel,
)
from transformers.modeling_outputs import CausalLMOutput, SequenceClassifierOutput

from foretell.families.decoder.genes import Backbone, DecoderShape, LayerShape
from foretell.families.decoder.hugging_face import MODEL_TYPE
from foretell.families.decoder.network import LanguageModel
from foretell.families.encoder.bert.classifier import BertClassifier
from foretell.families.encoder.hugging_face import MODEL_TYPE as ENCODER_TYPE
from foretell.families.encoder.network import TextClassifier
from foretell.nn.rotary import RotaryPositions

__all__ = [
    "ForetellDecoderConfig",
    "ForetellDecoderForCausalLM",
    "ForetellEncoderConfig",
    "ForetellEncoderForSequenceClassification",
]


class ForetellDecoderConfig(PretrainedConfig):  # type: ignore[misc]
    """The configuration; `per_layer_config` holds each layer's heads, key-value heads and feed-forward width.

    Args:
        backbone: What the layers have in common, as foretell describes it.
        values: The other keys of `config.json`.
    """

    model_type = MODEL_TYPE

    def __init__(self, backbone: dict[str, Any] | None = None, **values: Any) -> None:
        self.backbone = backbone or {}
        super().__init__(**values)

    def shape(self) -> DecoderShape:
        """The network's dimensions."""
        names = ("num_attention_heads", "num_key_value_heads", "intermediate_size")
        told = self.per_layer_config
        rows = [told[key] for key in sorted(told, key=int)] if isinstance(told, dict) else list(told)
        read = [row if isinstance(row, dict) else {name: getattr(row, name) for name in names} for row in rows]
        return DecoderShape(self.hidden_size, tuple(LayerShape(*(row[name] for name in names)) for row in read))


class ForetellDecoderForCausalLM(PreTrainedModel, GenerationMixin):  # type: ignore[misc]
    """The network as `foretell export --to hf` wrote it; texts are read anew for every token (no cache).

    Args:
        config: Its configuration.
    """

    config_class = ForetellDecoderConfig
    base_model_prefix = "model"

    def __init__(self, config: ForetellDecoderConfig) -> None:
        super().__init__(config)
        self.model = LanguageModel(config.shape(), Backbone(**config.backbone), config.vocab_size)
        self.post_init()

    def _init_weights(self, module: torch.nn.Module) -> None:
        if isinstance(module, RotaryPositions):  # not saved; the Auto classes make modules without memory first
            module.reset()

    def forward(self, input_ids: torch.Tensor, labels: torch.Tensor | None = None, **_: Any) -> CausalLMOutput:
        """Logits [B, T, V] of token ids int64 [B, T], and the mean loss of `labels` where they are given.

        Texts of a batch are not padded on the left: a mask is not read.
        """
        logits = self.model(input_ids)
        loss = None
        if labels is not None:
            loss = F.cross_entropy(logits[:, :-1].flatten(0, 1).float(), labels[:, 1:].flatten(), ignore_index=-100)
        return CausalLMOutput(loss=loss, logits=logits)

    def prepare_inputs_for_generation(self, input_ids: torch.Tensor, **_: Any) -> dict[str, Any]:
        """The whole text."""
        return {"input_ids": input_ids}


class ForetellEncoderConfig(PretrainedConfig):  # type: ignore[misc]
    """The configuration of a classifier.

    Args:
        shape: Width and layers, as foretell describes them.
        backbone: What the layers have in common, likewise.
        family: Of the network, as foretell knows it.
        values: The other keys of `config.json`.
    """

    model_type = ENCODER_TYPE

    def __init__(
        self,
        shape: dict[str, Any] | None = None,
        backbone: dict[str, Any] | None = None,
        family: str = TextClassifier.family,
        **values: Any,
    ) -> None:
        self.shape, self.backbone, self.family = shape or {}, backbone or {}, family
        super().__init__(**values)


class ForetellEncoderForSequenceClassification(PreTrainedModel):  # type: ignore[misc]
    """A classifier as `foretell export --to hf` wrote it.

    Args:
        config: Its configuration.
    """

    config_class = ForetellEncoderConfig
    base_model_prefix = "model"

    def __init__(self, config: ForetellEncoderConfig) -> None:
        super().__init__(config)
        told = {"shape": config.shape, "backbone": config.backbone, "classes": config.num_labels}
        self.model = (
            BertClassifier.from_config(told)
            if config.family == BertClassifier.family
            else TextClassifier.from_config({**told, "vocabulary": config.vocab_size})
        )
        self.post_init()

    def _init_weights(self, module: torch.nn.Module) -> None:
        if isinstance(module, RotaryPositions):  # as above
            module.reset()

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        **_: Any,
    ) -> SequenceClassifierOutput:
        """Logits [B, classes] of token ids int64 [B, T], and the mean loss of `labels` [B] where they are given."""
        mask = None if attention_mask is None else attention_mask.bool()[:, None, None]
        logits = self.model.logits(self.model.features(input_ids, mask))
        loss = None if labels is None else F.cross_entropy(logits.float(), labels)
        return SequenceClassifierOutput(loss=loss, logits=logits)


AutoConfig.register(MODEL_TYPE, ForetellDecoderConfig)
AutoConfig.register(ENCODER_TYPE, ForetellEncoderConfig)
AutoModelForSequenceClassification.register(ForetellEncoderConfig, ForetellEncoderForSequenceClassification)
AutoModelForCausalLM.register(ForetellDecoderConfig, ForetellDecoderForCausalLM)
