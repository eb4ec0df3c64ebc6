"""Training: one loop for architectures trained from scratch and for supernets."""

from foretell.training.building import build_network
from foretell.training.checkpoint import (
    DamagedCheckpointWarning,
    load_network,
    load_tensors,
    save_network,
    save_tensors,
    weights_digest,
)
from foretell.training.devices import Precision, choose_device, fast_precision
from foretell.training.distributed import RankLostError, Ranks, is_first
from foretell.training.keys import first_recipe
from foretell.training.loop import DivergedError, train
from foretell.training.options import KINDS, SupernetKind, SupernetOptions
from foretell.training.pace import seconds_per_update
from foretell.training.recipe import Recipe
from foretell.training.sampling import Fixed, SamplingRule, Sandwich, SinglePath, sampling_rule
from foretell.training.scratch import kept_outputs, load_trained, scratch_keys, train_from_scratch
from foretell.training.state import TrainingResult
from foretell.training.supernet import build_supernet, load_supernet, load_validation, supernet_keys, train_supernet
from foretell.training.update import member_of
from foretell.training.validation import validation_loss

__all__ = [
    "KINDS",
    "DamagedCheckpointWarning",
    "DivergedError",
    "Fixed",
    "Precision",
    "RankLostError",
    "Ranks",
    "Recipe",
    "SamplingRule",
    "Sandwich",
    "SinglePath",
    "SupernetKind",
    "SupernetOptions",
    "TrainingResult",
    "build_network",
    "build_supernet",
    "choose_device",
    "fast_precision",
    "first_recipe",
    "is_first",
    "kept_outputs",
    "load_network",
    "load_supernet",
    "load_tensors",
    "load_trained",
    "load_validation",
    "member_of",
    "sampling_rule",
    "save_network",
    "save_tensors",
    "scratch_keys",
    "seconds_per_update",
    "supernet_keys",
    "train",
    "train_from_scratch",
    "train_supernet",
    "validation_loss",
    "weights_digest",
]
