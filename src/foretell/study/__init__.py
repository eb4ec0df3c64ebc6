"""A study on disk: its configuration, its folder, and the whole job from corpus to trained winner."""

from foretell.study.columns import add_latency, add_scores
from foretell.study.compare import PRESETS, run_comparison
from foretell.study.config import StudyConfig
from foretell.study.exporting import export_network
from foretell.study.files import load_study, read_study
from foretell.study.opening import run_trials
from foretell.study.pipeline import run_study
from foretell.study.repeating import Repeated, repeat_observations, split_source
from foretell.study.supernets import compare_supernets
from foretell.study.training import train_observations, train_one
from foretell.study.trial_config import TrialStudyConfig
from foretell.study.use import (
    classify_texts,
    generate_texts,
    score_with_supernet,
    train_study_supernet,
    translate_texts,
)

__all__ = [
    "PRESETS",
    "Repeated",
    "StudyConfig",
    "TrialStudyConfig",
    "add_latency",
    "add_scores",
    "classify_texts",
    "compare_supernets",
    "export_network",
    "generate_texts",
    "load_study",
    "read_study",
    "repeat_observations",
    "run_comparison",
    "run_study",
    "run_trials",
    "score_with_supernet",
    "split_source",
    "train_observations",
    "train_one",
    "train_study_supernet",
    "translate_texts",
]
