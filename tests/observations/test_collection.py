import re
from pathlib import Path

import numpy as np
import pytest

from foretell import spaces
from foretell.errors import InputError
from foretell.metrics import FIRST_METRICS
from foretell.observations import Observation, ObservationSet, Split, load
from foretell.records import read_json, write_json

SMALL = spaces.create("small-seq2seq")


@pytest.fixture
def collection() -> ObservationSet:
    population = SMALL.sample(6, np.random.default_rng(0))
    items = tuple(
        Observation(architecture, metrics={"valid_bleu": float(n)})
        for n, architecture in enumerate(SMALL.architectures(population))
    )
    return ObservationSet(SMALL, items, (Split("1", (items[4], items[0]), items[1:4]),), "home-assistant")


def test_a_folder_comes_back_with_its_splits_in_order(collection: ObservationSet, tmp_path: Path):
    collection.save(tmp_path / "set")
    again = load(tmp_path / "set")
    assert again == collection
    assert again.split("1").train == (collection.observations[4], collection.observations[0])
    assert len(again) == 6


def test_seeds_of_one_architecture_stay_on_one_side(tmp_path: Path):
    runs = tuple(Observation(SMALL.smallest(), metrics={"valid_bleu": bleu}) for bleu in (1.0, 2.0))
    other = Observation(SMALL.largest())
    ObservationSet(SMALL, (*runs, other), (Split("1", runs, (other,)),)).save(tmp_path)
    assert load(tmp_path).split("1") == Split("1", runs, (other,))


def test_without_splits_there_are_none(collection: ObservationSet, tmp_path: Path):
    collection.save(tmp_path)
    (tmp_path / "splits.json").unlink()
    assert load(tmp_path).splits == ()
    assert load(tmp_path / "observations.jsonl").observations == collection.observations


def test_unknown_splits_and_other_spaces(collection: ObservationSet, tmp_path: Path):
    collection.save(tmp_path)
    with pytest.raises(InputError, match="unknown split '2'"):
        collection.split("2")
    with pytest.raises(InputError, match="expected 'hat-wmt14-en-de'"):
        load(tmp_path, space=spaces.create("hat-wmt14-en-de"))
    with pytest.raises(InputError, match="holds the task home-assistant; wmt14ende was asked for"):
        load(tmp_path, task="wmt14ende")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"format": 7}, "has format 7"),
        ({"splits": 3}, "does not hold a list of splits"),
        ({"split": []}, "did you mean 'splits'"),
        ({"splits": [{"name": "1"}]}, "expected the keys name, train and test"),
        ({"splits": [{"name": "1", "train": ["000000000000"], "test": []}]}, "unknown architecture key"),
        ({"splits": [{"name": "1", "train": ["a"], "test": ["a"]}]}, "split 1 trains and tests on a"),
    ],
)
def test_bad_splits_are_one_sentence(collection: ObservationSet, tmp_path: Path, change: dict, sentence: str):
    collection.save(tmp_path)
    path = tmp_path / "splits.json"
    write_json(path, {**read_json(path), **change})
    with pytest.raises(InputError, match=re.escape(sentence)):
        load(tmp_path)


def test_folders_without_observations(tmp_path: Path):
    with pytest.raises(InputError, match="holds no observations"):
        load(tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        load(tmp_path / "nowhere")


def test_labels_are_judged_by_their_task_s_first_metric_where_nobody_says():
    from foretell.tasks.classification import TextClassification
    from foretell.tasks.language_model import LanguageModelling
    from foretell.tasks.translation import Task

    tasks = (Task, LanguageModelling, TextClassification)
    assert tuple(task.metrics[0] for task in tasks) == tuple(FIRST_METRICS.values())
    for task in tasks:
        values = dict.fromkeys((*reversed(task.metrics), "valid_other"), 1.0)
        found = ObservationSet(SMALL, (Observation(SMALL.smallest(), metrics=values),))
        assert found.quality().key == task.metrics[0]


def test_a_metric_s_name_without_its_split_is_that_of_the_validation_split(collection: ObservationSet):
    assert collection.quality("bleu").key == collection.quality("BLEU").key == "valid_bleu"
    assert collection.quality("Valid_BLEU").key == "valid_bleu"
    assert collection.quality("test_bleu").key == "test_bleu"
    own = ObservationSet(SMALL, (Observation(SMALL.smallest(), metrics={"bleu": 1.0, "valid_bleu": 2.0}),))
    assert own.quality("bleu").key == "bleu"
