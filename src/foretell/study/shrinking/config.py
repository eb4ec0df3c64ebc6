"""What a study of shrinking says; the command line writes one, and takes one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator

from foretell.costs.model import is_latency
from foretell.errors import InputError, UnknownNameError, known_name
from foretell.parsing import read_yaml
from foretell.search.race_settings import Race
from foretell.study.config import LatencySettings
from foretell.study.limits import check_limits, limited_cost
from foretell.study.validation import in_known_case
from foretell.tasks.classification import LabelledConfig
from foretell.tasks.language_model.config import TEXTS, TextConfig

__all__ = ["ShrinkClassifier", "ShrinkConfig", "Shrinking", "SupernetSettings", "read_shrink"]

_TIMED = re.compile(r"^\s*((?:prefill_|decode_)?latency(?:_ms)?)(?=\s*[<>=≤≥])", re.IGNORECASE)
_HELD_OUT = 120_000  # bytes of text that validation and test blocks are taken from


class SupernetSettings(BaseModel):
    """How the parent's parts learn from the whole before they are compared.

    Attributes:
        updates: How many; each trains the whole, a part at the limits and the same width everywhere.
        adapters: Rank of low-rank adapters that are trained in place of all weights (arXiv 2106.09685) and merged
            in the end; 0: all weights.
        batches: Of an update, shared out to the processes that `torchrun` starts: at least one for each.
        parts: Of the first search, so many of the best take part.
        learning_rate: At most.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    updates: int = Field(ge=1)
    adapters: int = Field(default=0, ge=0)
    batches: int = Field(default=1, ge=1)
    parts: int = Field(default=32, ge=1)
    learning_rate: float = Field(default=1e-4, gt=0)


class Shrinking(BaseModel):
    """What every study of shrinking says.

    Attributes:
        name: Of the run.
        task: What the model is for.
        model: `local:NAME`, a Hugging Face folder, a GGUF file, or a name of the hub.
        constraints: Limits such as "params<=70%".
        supernet: Train the parts by distillation from the whole before the best is chosen; null: do not.
        race: Choose among the search's best by healing them, the better part of them further; null: do not.
        heal: Updates of distillation from the parent; 0: none.
        uniform: Keep all layers alike, as every runtime wants them.
        step: Between feed-forward widths; null: a twelfth, as a multiple of 32.
        rounds: How often what each part is worth is measured anew on the way to the first architecture.
        population: Architectures of a generation.
        generations: Of the search.
        learning_rate: Of healing.
        seed: Of everything random.
        device: Where healing runs, and latencies are measured.
        latency: How they are measured, where a limit is on one.
        precision: Of the search's scores and of healing; "auto": bf16 where the device computes in it, else fp32.
            Importance and final numbers are fp32.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: str = "shrunk"
    task: str
    model: str
    constraints: tuple[str, ...] = Field(min_length=1)
    supernet: SupernetSettings | None = None
    race: Race | None = None
    heal: int = Field(default=0, ge=0)
    uniform: bool = False
    step: int | None = Field(default=None, ge=1)
    rounds: int = Field(default=3, ge=1)
    population: int = Field(default=16, ge=8)
    generations: int = Field(default=4, ge=1)
    learning_rate: float = Field(default=3e-4, gt=0)
    seed: int = Field(default=1, ge=0)
    device: str = "auto"
    latency: LatencySettings = LatencySettings(samples=24)
    precision: Literal["auto", "fp32", "bf16"] = "auto"

    @field_validator("supernet", "race", mode="before")
    @classmethod
    def _numbers(cls, value: Any, info: ValidationInfo) -> Any:
        """A number stands for what there is most to say about."""
        counted = {"supernet": "updates", "race": "entrants"}[str(info.field_name)]
        return {counted: value} if isinstance(value, int) and not isinstance(value, bool) else value

    @model_validator(mode="after")
    def _races_by_healing(self) -> Self:
        if self.race is not None and not self.heal:
            raise InputError("a race compares what healing makes of its entrants; say how many updates (--heal 100).")
        if self.race is not None and (self.race.predictor or self.race.metric or self.race.rules):
            raise InputError("a race by healing has entrants, rungs and finishers; leave predictor, metric, rules out.")
        return self

    @property
    def latencies(self) -> tuple[str, ...]:
        """The latencies that limits are on, by cost."""
        return tuple(dict.fromkeys(filter(is_latency, map(limited_cost, self.constraints))))

    def to_yaml(self) -> str:
        """As a file that `read_shrink` reads."""
        return yaml.safe_dump({"shrink": self.model_dump(mode="json")}, sort_keys=False, allow_unicode=True)


class ShrinkConfig(Shrinking):
    """A study of shrinking a language model.

    Attributes:
        text: Files and folders of text, or the name of a corpus of foretell's.
        block: Tokens that are read at a time.
        importance_tokens: Of training text, on which parts are scored.
        search_tokens: Of validation text, on which the search judges.
        test_tokens: Of test text, for the final numbers.
        smaller: A smaller model to compare with, written as `model` is; null: none.
        hidden_width: Whether channels of the embeddings and layers may go, too; untrained, that costs more than other
            parts of the same size.
        lm_eval: Tasks of lm-eval's to judge by as well, by name or as YAML files.
        lm_eval_limit: Examples of each; null: all.
        gradient_checkpointing: Compute layers again on the way back, for less memory in healing.
        to: What is written: "hf", "gguf".
        weights: Type of the exported weights.
    """

    task: Literal["language_model"] = "language_model"
    text: tuple[str, ...] = Field(min_length=1)
    block: int = Field(default=512, ge=16, le=2**16)
    importance_tokens: int = Field(default=4096, ge=16)
    search_tokens: int = Field(default=2048, ge=16)
    test_tokens: int = Field(default=8192, ge=16)
    smaller: str | None = None
    hidden_width: bool = False
    lm_eval: tuple[str, ...] = ()
    lm_eval_limit: int | None = Field(default=None, ge=1)
    gradient_checkpointing: bool = False
    to: tuple[Literal["hf", "gguf"], ...] = ("hf",)
    weights: Literal["f32", "f16", "bf16", "q8_0"] = "f32"

    @model_validator(mode="before")
    @classmethod
    def _at_the_end_of_a_block(cls, values: Any) -> Any:
        """A limit on a latency that does not say of how many tokens means a block, not the model's whole context."""
        if isinstance(values, dict) and isinstance(values.get("constraints"), list | tuple):
            block = values.get("block", cls.model_fields["block"].default)
            limits = [
                _TIMED.sub(rf"\1@{block}", each) if isinstance(each, str) else each for each in values["constraints"]
            ]
            return {**values, "constraints": limits}
        return values

    @field_validator("constraints")
    @classmethod
    def _readable(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        check_limits(texts)
        return texts

    @property
    def corpus(self) -> TextConfig:
        """Where the text is."""
        sizes = {"block": self.block, "train_bytes": 2_000_000, "valid_bytes": _HELD_OUT, "test_bytes": _HELD_OUT}
        named = [each for each in self.text if each in TEXTS and each != "files"]
        if named and len(self.text) > 1:
            raise InputError(f"{named[0]} is a corpus of foretell's and stands alone; give files or one corpus.")
        if named:
            return TextConfig(name=named[0], seed=self.seed, **sizes)
        return TextConfig(name="files", paths=tuple(map(Path, self.text)), seed=self.seed, **sizes)


class ShrinkClassifier(Shrinking):
    """A study of shrinking an encoder for the classification of texts.

    Attributes:
        corpus: The labelled texts; `pieces` and `lowercase` are the encoder's own.
        learn: Updates by which the whole encoder learns the classes before anything is cut.
        max_tokens: Of a batch to learn from, padding included.
        importance_texts: Training texts on which parts are scored.
        search_texts: Validation texts on which the search judges.
        learning_rate: Of learning and healing.
        to: What is written besides the winner's folder: "hf", "onnx".
        weights: Type of the exported weights.
    """

    task: Literal["classification"] = "classification"
    corpus: LabelledConfig
    learn: int = Field(default=400, ge=1)
    max_tokens: int = Field(default=2048, ge=16)
    importance_texts: int = Field(default=512, ge=1)
    search_texts: int = Field(default=512, ge=1)
    learning_rate: float = Field(default=5e-4, gt=0)
    to: tuple[Literal["hf", "onnx"], ...] = ()
    weights: Literal["f32", "f16", "bf16"] = "f32"


_KINDS: dict[str, type[ShrinkConfig] | type[ShrinkClassifier]] = {
    "language_model": ShrinkConfig,
    "classification": ShrinkClassifier,
}


def read_shrink(data: dict[str, Any] | Path) -> ShrinkConfig | ShrinkClassifier:
    """A study from its file, or from values; without a task, of a language model.

    Raises:
        InputError: A key is missing, unknown or has a value that makes no sense.
    """
    values: Any = data
    if isinstance(data, Path):
        found = read_yaml(data, "the study")
        values = found.get("shrink") if isinstance(found, dict) else None
        if not isinstance(values, dict):
            raise InputError(f"{data} is no study of shrinking; expected a mapping with the key shrink.")
    task = known_name("task", str(values.get("task", "language_model")), _KINDS, "shrink")
    kind = _KINDS[task]
    try:
        return kind.model_validate(in_known_case(values, kind))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            parts: dict[str, type[BaseModel]] = {"corpus": LabelledConfig, "supernet": SupernetSettings, "race": Race}
            inner: type[BaseModel] = parts.get(place.split(".")[0], kind) if "." in place else kind
            raise UnknownNameError("key", str(first["loc"][-1]), inner.model_fields, "shrink") from None
        cause = first.get("ctx", {}).get("error")
        if isinstance(cause, InputError):
            raise cause from None
        raise InputError(f"shrink: {place}: {first['msg']} (found {first.get('input')!r}).") from None
