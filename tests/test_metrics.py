import math
import threading

import numpy as np
import pytest

from foretell.errors import InputError, UnknownNameError
from foretell.metrics import BUILT_IN, PRIMARY_METRIC, Metric, declared, metric_from, metric_named

FALLING = {"ter", "loss", "perplexity", "bits_per_byte", "error"}


@pytest.mark.parametrize("prefix", ["", "valid_", "val_", "test_", "train_"])
@pytest.mark.parametrize("base", BUILT_IN)
def test_a_prefix_goes_into_the_label_and_keeps_the_direction(prefix, base):
    metric = metric_named(prefix + base)
    assert metric.key == prefix + base
    assert metric.higher_is_better == (base not in FALLING)
    assert metric.label == f"{prefix.replace('val_', 'valid_').rstrip('_')} {metric.word}".strip()


def test_labels_and_titles_are_what_people_write():
    assert metric_named("valid_bleu").label == "valid BLEU"
    assert metric_named("test_loss").title == "test loss (bits a token, lower is better)"
    assert metric_named("test_loss").sentence == "loss on the references, lower is better"


def test_a_users_loss_has_no_unit_and_no_bounds():
    """Nats, squared errors, log densities: nobody but the user knows."""
    metric = metric_named("val_loss")
    assert metric.title == "valid loss (lower is better)"
    assert metric.bounds == (-math.inf, math.inf)


def test_an_unknown_name_is_a_plain_rising_metric_without_bounds():
    metric = metric_named("my_score")
    assert (metric.label, metric.higher_is_better, metric.bounds) == ("my score", True, (-math.inf, math.inf))
    assert metric_named("lossless").higher_is_better


@pytest.mark.parametrize("name", ["valid_bleu", "valid_loss"])
def test_goodness_is_its_own_inverse_to_the_last_bit(name):
    metric, values = metric_named(name), np.random.default_rng(0).normal(size=20) / 3
    np.testing.assert_array_equal(metric.from_goodness(metric.goodness(values)), values)
    assert metric.goodness(metric.best(values)) == metric.goodness(values).max()
    assert metric.goodness(metric.worst(values)) == metric.goodness(values).min()
    assert metric.goodness(2.5) == (2.5 if name == "valid_bleu" else -2.5)


def test_formatting_has_no_negative_zero():
    assert metric_named("valid_loss").format(-0.001) == "0.00"
    assert metric_named("my_score").format(-1.234) == "-1.23"


def test_a_declaration_adds_what_is_not_known():
    own = Metric.declare(
        "val_cost", higher_is_better=False, label="cost", unit="s", bounds=(0, 9), meaning="time spent"
    )
    assert (own.label, own.unit, own.bounds, own.sentence) == ("valid cost", "s", (0, 9), "time spent, lower is better")
    loss = Metric.declare("val_loss", unit="nats")
    assert (loss.higher_is_better, loss.unit, loss.word) == (False, "nats", "loss")


@pytest.mark.parametrize("name", ["loss", "val_loss", "valid_loss"])
def test_a_built_in_metric_is_not_turned_around(name):
    with pytest.raises(InputError, match="declared with higher is better, but it is loss, of which lower is better"):
        Metric.declare(name, higher_is_better=True)
    with pytest.raises(InputError, match="two directions"), declared(Metric(name, "loss")):
        pass


def test_declared_metrics_are_known_inside_the_block_and_in_its_thread_alone():
    cost = Metric.declare("my_cost", higher_is_better=False)
    elsewhere = []
    with declared(cost):
        assert not metric_named("my_cost").higher_is_better
        other = threading.Thread(target=lambda: elsewhere.append(metric_named("my_cost")))
        other.start()
        other.join()
        with declared(Metric.declare("other", higher_is_better=False)):
            assert not metric_named("my_cost").higher_is_better
    assert metric_named("my_cost").higher_is_better
    assert elsewhere[0].higher_is_better


def test_two_directions_are_refused_at_once_and_one_inside_the_other():
    up, down = (Metric.declare("my_cost", higher_is_better=way) for way in (True, False))
    with pytest.raises(InputError, match="my_cost is declared in two directions"), declared(up, down):
        pass
    with declared(up), pytest.raises(InputError, match="two directions"), declared(down):
        pass


def test_a_study_names_or_declares_its_metric():
    assert metric_from("val_loss") == metric_named("val_loss")
    found = metric_from({"name": "my_cost", "higher_is_better": False, "bounds": [0, None]})
    assert (found.higher_is_better, found.bounds) == (False, (0.0, math.inf))
    assert metric_from(found.to_dict()) == found
    assert metric_named(PRIMARY_METRIC) == metric_from(metric_named(PRIMARY_METRIC).to_dict())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"name": ""}, "without a name"),
        ({"higher_is_better": False}, "without a name"),
        ({"name": 3}, "name is 3; expected a text"),
        ({"name": "m", "higher_is_better": "low"}, "expected true or false"),
        ({"name": "m", "bounds": [1]}, "expected two numbers"),
        ({"name": "m", "bounds": [math.nan, 1]}, "expected two numbers"),
        ({"name": "m", "bounds": [2, 1]}, "expected the smallest value first"),
    ],
)
def test_declarations_that_make_no_sense_have_their_sentence(given, said):
    with pytest.raises(InputError, match=said):
        metric_from(given)


def test_an_unknown_key_of_a_declaration_names_the_nearest():
    with pytest.raises(UnknownNameError, match="higher_is_better"):
        metric_from({"name": "m", "higher_is_beter": False})


def test_a_command_line_says_the_direction_beside_the_name():
    assert metric_from("y:min") == Metric.declare("y", higher_is_better=False)
    assert metric_from("y:max") == metric_from("y")
    assert metric_from("valid_loss:min") == metric_named("valid_loss")
    with pytest.raises(InputError, match="of which lower is better"):
        metric_from("valid_loss:max")
