"""Using what a study has trained: a supernet's scores, a network's translations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foretell import spaces
from foretell.errors import InputError
from foretell.objectives import run_jobs
from foretell.spaces import Architecture
from foretell.study.architectures import read_architectures
from foretell.study.config import StudyConfig
from foretell.study.jobs import supernet_folder, supernet_job
from foretell.study.scorers import supernet_predictor
from foretell.tasks import Vocabulary
from foretell.tasks.translation import Sequences, Task

if TYPE_CHECKING:
    from foretell.families.encoder_decoder.network import Seq2SeqTransformer

__all__ = ["score_with_supernet", "train_study_supernet", "trained_network", "translate_texts"]


def train_study_supernet(study: StudyConfig) -> tuple[Path, dict[str, Any]]:
    """Train the study's supernet, or finish or find it; its folder and how training went."""
    task = Task.prepare(study.corpus, study.vocabulary)
    (result,) = run_jobs([supernet_job(study)])
    return supernet_folder(study, task), result


def score_with_supernet(study: StudyConfig, path: Path) -> list[tuple[Architecture, float]]:
    """Score the architectures of a file with the study's supernet, which must have been trained.

    Raises:
        InputError: There is no such supernet, or the file holds no architectures of the space.
    """
    space = spaces.create(study.space)
    found = read_architectures(path, space)
    task = Task.prepare(study.corpus, study.vocabulary)
    predictor, _ = supernet_predictor(study, space, task)
    scores = predictor.predict(space.population(found)).mean
    return list(zip(found, scores.tolist(), strict=True))


def translate_texts(run: Path, texts: Sequence[str], *, beam: int = 4) -> list[str]:
    """Translate with the network of a run's winner, or of a folder of `foretell train`.

    Args:
        run: The folder.
        texts: Sentences of the source language.
        beam: Hypotheses kept for each sentence.

    Raises:
        InputError: The folder holds no trained network.
    """
    from foretell.training import load_network, translate

    folder = _trained_folder(run)
    network, _ = load_network(folder / "model.safetensors")
    vocabulary = Vocabulary.load(folder / "vocabulary.model")
    return translate(network, vocabulary, Sequences.of(vocabulary.encode(list(texts))), beam=beam)


def trained_network(run: Path) -> Seq2SeqTransformer:
    """The network of a run's winner, or of a folder of `foretell train`.

    Raises:
        InputError: The folder holds no trained network.
    """
    from foretell.training import load_network

    return load_network(_trained_folder(run) / "model.safetensors")[0]


def _trained_folder(run: Path) -> Path:
    folder = run / "winner" if (run / "winner").is_dir() else run
    if not (folder / "model.safetensors").exists():
        raise InputError(f"{run} holds no trained network; give the folder of a finished search or training.")
    return folder
