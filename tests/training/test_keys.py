"""Names of trainings: what they tell, what they leave out, and what they were in the first version."""

import pytest
from pydantic import Field

from foretell.training import Recipe, SupernetOptions, scratch_keys, supernet_keys
from foretell.training.keys import training_keys

DEFAULTS = {
    "updates": 4000,
    "max_tokens": 400,
    "tokens_per_update": None,
    "learning_rate": 6e-3,
    "warmup": 400,
    "schedule": "cosine",
    "initial_learning_rate": 1e-7,
    "final_learning_rate": 1e-7,
    "betas": (0.9, 0.98),
    "epsilon": 1e-8,
    "weight_decay": 0.0,
    "clip_norm": 1.0,
    "label_smoothing": 0.1,
    "dropout": 0.1,
    "attention_dropout": 0.0,
    "precision": "auto",
    "validate_every": 500,
    "average_last": 3,
}


class Later(Recipe):
    """A recipe of a later version, which knows one thing more."""

    ema: float = Field(default=0.0)


def key(task, recipe=None, seed=1, device="cpu", **about):
    return training_keys({"what": 1, **about}, task, recipe or Recipe(), seed, device)[0]


def test_defaults_are_those_that_keys_leave_out():
    """If one has to change, `TRAINING` must be raised: the keys of what it trained do not tell it."""
    found = Recipe().model_dump()
    assert {name: found[name] for name in DEFAULTS} == DEFAULTS


def test_a_later_default_orphans_nothing(task):
    assert training_keys({}, task, Later(), 1) == training_keys({}, task, Recipe(), 1)
    changed = training_keys({}, task, Later(ema=0.9), 1)
    assert changed[0] != training_keys({}, task, Recipe(), 1)[0]
    assert len(changed) == 1  # the first version knew no such recipe


def test_a_key_changes_with_everything_that_matters(task, monkeypatch):
    keys = [
        key(task),
        key(task, seed=2),
        key(task, what=2),
        key(task, Recipe(dropout=0.3)),
        key(task, Recipe(precision="bf16")),
    ]
    assert len(set(keys)) == len(keys)
    assert key(task, Recipe(precision="fp32")) == key(task, space="another name") == keys[0]
    monkeypatch.setattr("foretell.training.keys.TRAINING", 99)
    assert key(task) not in keys


def test_auto_counts_as_what_it_comes_to(task, monkeypatch):
    before = key(task)
    monkeypatch.setattr("foretell.training.keys.resolve_precision", lambda name, device: "bf16")
    assert key(task) != before


@pytest.mark.network
def test_every_kind_of_training_has_names_of_its_own(space, task):
    found = [
        scratch_keys(space.smallest(), task, Recipe(), 1),
        scratch_keys(space.largest(), task, Recipe(), 1),
        supernet_keys(space, task, Recipe(), "sandwich", 1),
        supernet_keys(space, task, Recipe(), "layerwise-mos", 1),
        supernet_keys(space, task, Recipe(), "layerwise-mos", 1, SupernetOptions(experts=3)),
    ]
    assert len({name for names in found for name in names}) == 2 * len(found)
