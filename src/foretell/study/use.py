"""Using what a study has trained: a supernet's scores, a network's translations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from foretell import spaces
from foretell.errors import InputError, IntegrityError
from foretell.objectives import claim, make_executor, run_jobs
from foretell.parsing import read_yaml
from foretell.records import read_object
from foretell.spaces import Architecture
from foretell.study.architectures import read_architectures
from foretell.study.config import StudyConfig, TrainSettings
from foretell.study.files import load_study
from foretell.study.jobs import supernet_folder, supernet_job
from foretell.study.scorers import supernet_predictor
from foretell.study.shrinking.sources import pretrained_of
from foretell.tasks import EOS, Vocabulary
from foretell.tasks.classification import Classifier, TextReader
from foretell.tasks.language_model import Writer, load_vocabulary
from foretell.tasks.translation import Sequences, cache_folder, translate

if TYPE_CHECKING:
    from foretell.families.base import Network

__all__ = [
    "classify_texts",
    "generate_texts",
    "score_with_supernet",
    "train_study_supernet",
    "trained_folder",
    "trained_network",
    "translate_texts",
]

_DECODING = ("beam", "length_penalty")


def train_study_supernet(study: StudyConfig) -> tuple[Path, dict[str, Any]]:
    """Train the study's supernet where its executor says, or finish or find it; its folder and how training went."""
    folder = supernet_folder(study, study.make_task())
    if study.executor.name == "processes":
        (result,) = run_jobs([supernet_job(study)])
        return folder, result
    beside = cache_folder() / "jobs" / folder.name  # of one driver at a time: log files, reports
    with claim(beside):
        (result,) = run_jobs([supernet_job(study)], executor=make_executor(study.executor, beside))
    return folder, result


def score_with_supernet(study: StudyConfig, path: Path) -> list[tuple[Architecture, float]]:
    """Score the architectures of a file with the study's supernet, which must have been trained.

    Raises:
        InputError: There is no such supernet, or the file holds no architectures of the space.
    """
    space = spaces.create(study.space)
    found = read_architectures(path, space)
    task = study.make_task()
    predictor, _ = supernet_predictor(study, space, task)
    scores = predictor.predict(space.population(found)).mean
    return list(zip(found, scores.tolist(), strict=True))


def translate_texts(
    run: Path, texts: Sequence[str], *, beam: int | None = None, length_penalty: float | None = None
) -> list[str]:
    """Translate with the network of a run's winner, or of a folder of `foretell train`.

    Args:
        run: The folder.
        texts: Sentences of the source language.
        beam: Hypotheses kept for each sentence; None: as many as for the scores on record.
        length_penalty: Scores are divided by length to this power; None: as for the scores on record.

    Raises:
        InputError: The folder holds no trained network.
        IntegrityError: What is on record of it is damaged.
    """
    from foretell.training import load_network

    folder = trained_folder(run)
    network, _ = load_network(folder / "model.safetensors")
    vocabulary = Vocabulary.load(folder / "vocabulary.model")
    decoding = _decoding(run, folder)
    decoding |= {k: v for k, v in (("beam", beam), ("length_penalty", length_penalty)) if v is not None}
    return translate(network, vocabulary, Sequences.of(vocabulary.encode(list(texts))), **decoding)


def generate_texts(run: Path, prompt: str, tokens: int, **options: Any) -> list[str]:
    """Write on from a prompt with the network of a run's winner, of a folder of `foretell train`, or pretrained.

    Args:
        run: The folder; a run of `foretell shrink`; or a pretrained model as `foretell shrink` takes it.
        prompt: May be empty: the beginning of a document.
        tokens: Most tokens to write.
        options: `samples`, `temperature`, `top_k`, `top_p`, `seed`, as `foretell.tasks.language_model.Writer` has them.

    Raises:
        InputError: The folder holds no trained network, or one that writes no text, or an option is out of range.
    """
    source = pretrained_of(run)
    if source is not None:
        tokenizer, model = source.checkpoint.tokenizer(), source.checkpoint.load()
        ids = model.write(tokenizer.prompt(prompt), tokens, never=(), end=tokenizer.end, **options)
        return tokenizer.decode(ids)
    network = trained_network(run)
    if not isinstance(network, Writer):
        raise InputError(f"{run} holds a network of the family {network.family}, which writes no text; translate.")
    vocabulary = load_vocabulary(trained_folder(run) / "vocabulary.model")
    written = network.write([EOS, *vocabulary.encode([prompt])[0]], tokens, **options)
    return vocabulary.decode(written)


def classify_texts(run: Path, texts: Sequence[str]) -> list[list[tuple[str, float]]]:
    """Tell texts' classes with the network of a run's winner, of search or shrink, or of a folder of `foretell train`.

    Args:
        run: The folder.
        texts: What is told apart; of a long one the beginning, as in training.

    Returns:
        Of each text all classes with their probabilities, the likeliest first.

    Raises:
        InputError: The folder holds no trained network, or one that classifies no texts, or a text is empty.
    """
    empty = next((number for number, text in enumerate(texts, 1) if not text.strip()), 0)
    if empty:
        raise InputError(f"text {empty} of {len(texts)} is empty; give something to classify.")
    network, folder = trained_network(run), trained_folder(run)
    if not isinstance(network, Classifier):
        raise InputError(f"{run} holds a network of the family {network.family}, which classifies no texts.")
    return TextReader.load(folder).classify(network, texts)


def trained_network(run: Path) -> Network:
    """The network of a run's winner, or of a folder of `foretell train`.

    Raises:
        InputError: The folder holds no trained network.
    """
    from foretell.training import load_network

    network, _ = load_network(trained_folder(run) / "model.safetensors")
    return network


def _decoding(run: Path, folder: Path) -> dict[str, Any]:
    """Beam and length penalty that the network was scored with: its record tells, else the study that trained it."""
    study, record = run / "study.yaml", folder / "observation.json"
    settings = load_study(None, read_yaml(study, "the study")).train if study.exists() else TrainSettings()
    told = {name: getattr(settings, name) for name in _DECODING}
    if not record.exists():
        return told
    try:
        provenance = read_object(record, "observation")["observation"]["provenance"]
        told |= {name: provenance[name] for name in _DECODING if name in provenance}
        return TrainSettings.model_validate(told).model_dump(include=set(_DECODING))
    except (KeyError, TypeError, ValidationError) as error:
        raise IntegrityError(
            f"{record} does not tell how its translations were made ({type(error).__name__}); restore or delete it."
        ) from None


def trained_folder(run: Path) -> Path:
    """Where the network of a run, or of a folder of `foretell train`, lies.

    Raises:
        InputError: It holds none.
    """
    folder = run / "winner" if (run / "winner").is_dir() else run
    if not (folder / "model.safetensors").exists():
        raise InputError(f"{run} holds no trained network; give the folder of a finished search or training.")
    return folder
