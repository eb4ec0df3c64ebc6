"""What the comparison of supernets computes, without any network."""

from dataclasses import replace

import numpy as np
import pytest

from foretell import spaces
from foretell.observations import ObservationSet
from foretell.predictors import Labels
from foretell.study import StudyConfig
from foretell.study.scorers import with_kind
from foretell.study.supernets import _calibrated, _raw, _without_labels
from foretell.testing import make_observations

SPACE = spaces.create("small-seq2seq")


def observed(n=12):
    items = [replace(o, metrics={**o.metrics, "valid_loss": 30 - o.metric()}) for o in make_observations(SPACE, n)]
    return ObservationSet(SPACE, tuple(items)), Labels.of(items, "valid_bleu", SPACE)


def test_a_supernet_that_is_right_up_to_a_constant_orders_all_and_is_off_by_the_constant():
    collection, labels = observed()
    losses = np.array([item.metric("valid_loss") for item in labels.observations])
    found = _raw(collection, labels, {"loss": -losses - 0.5, "inherited": labels.values - 2}, "valid_bleu")
    assert found["tau"] == found["tau_in_depth"] == 1
    assert found["mae_bits"] == found["bias_bits"] == pytest.approx(0.5)
    assert found["inherited_valid_bleu"]["mae"] == pytest.approx(2)
    assert found["inherited_valid_bleu"]["bias"] == pytest.approx(-2)
    table = _calibrated(collection, labels, {"spos": {"loss": -3 * losses}}, "valid_bleu", 5, 4)
    assert table["calibrated(column:spos, shape=line)"]["mae"] == pytest.approx(0, abs=1e-6)
    assert table["constant"]["mae"] > 0.3


def test_an_architecture_that_was_trained_twice_counts_once():
    collection, _ = observed()
    first = collection.observations[0]
    twice = replace(first, metrics={"valid_bleu": first.metric() + 1, "valid_loss": first.metric("valid_loss") + 1})
    collection = replace(collection, observations=(*collection.observations, twice))
    labels = Labels.of(collection.observations, "valid_bleu", SPACE)
    losses = Labels.of(collection.observations, "valid_loss", SPACE).values
    assert len(labels) == 12
    assert _raw(collection, labels, {"loss": -losses}, "valid_bleu")["mae_bits"] == pytest.approx(0)
    assert _calibrated(collection, labels, {"spos": {"loss": -losses}}, "valid_bleu", 5, 2)


def test_without_losses_on_record_there_is_no_error_in_bits():
    collection, labels = observed()
    bare = replace(
        collection, observations=tuple(replace(o, metrics={"valid_bleu": o.metric()}) for o in collection.observations)
    )
    assert _raw(bare, labels, {"loss": labels.values}, "valid_bleu")["mae_bits"] is None


def test_trivial_predictors_say_what_they_count():
    _, labels = observed()
    depths = _without_labels("depth", labels)
    assert depths.tolist() == [item.architecture["decoder-layer-num"] for item in labels.observations]
    assert not _without_labels("constant", labels).any()


def test_what_a_kind_does_not_have_is_left_out_of_its_settings():
    study = StudyConfig.model_validate({"supernet": {"distillation": 0.5, "experts": 3}})
    assert with_kind(study, "spos").supernet.distillation == 0
    assert with_kind(study, "neuronwise-mos").supernet.distillation == 0.5
    assert with_kind(study, "neuronwise-mos").supernet.experts == 3
