import re

import pytest

from foretell import spaces
from foretell.errors import InputError, UnknownNameError
from foretell.observations import Observation, cost_column, metric_column, population_of, score_column

SMALL = spaces.create("small-seq2seq")
FULL = Observation(
    SMALL.largest(),
    metrics={"valid_bleu": 30.5, "test_bleu": 29},
    costs={"flops": 20_142_192},
    scores={"HAT": {"valid_bleu": 28.0, "test_bleu": 27.0}},
    provenance={"seed": 3, "device": {"name": "cpu"}},
)


def test_a_line_says_everything():
    assert Observation.from_dict(SMALL, FULL.to_dict()) == FULL


def test_only_the_architecture_is_needed():
    line = {"format": 1, "space": "small-seq2seq", "architecture": SMALL.smallest().to_dict()}
    assert Observation.from_dict(SMALL, line) == Observation(SMALL.smallest())


def test_a_plain_score_is_one_for_valid_bleu():
    line = {**FULL.to_dict(), "scores": {"mine": 3}}
    assert Observation.from_dict(SMALL, line).score("mine") == 3
    assert FULL.score("HAT") == 28
    assert FULL.score("HAT", "test_bleu") == 27


def test_columns():
    assert metric_column([FULL, FULL]).tolist() == [30.5, 30.5]
    assert metric_column([FULL], "test_bleu").tolist() == [29]
    assert cost_column([FULL], "flops").tolist() == [20_142_192]
    assert score_column([FULL], "HAT").tolist() == [28]
    assert population_of([FULL]).tolist() == [SMALL.largest().row.tolist()]
    with pytest.raises(InputError, match="at least one is needed"):
        population_of([])


def test_unknown_names_offer_the_nearest():
    for get, near in ((FULL.metric, "valid_bleu"), (FULL.cost, "flops"), (FULL.score, "HAT")):
        with pytest.raises(UnknownNameError, match=f"did you mean '{near}'"):
            get(near + "s")
    with pytest.raises(UnknownNameError, match="score of HAT for the metric 'loss'"):
        FULL.score("HAT", "loss")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"metric": {}}, "unknown key 'metric' in an observation; did you mean 'metrics'?"),
        ({"format": 2}, "the observation has format 2; this version reads format 1"),
        ({"space": "hat-wmt14-en-de"}, "of the space 'hat-wmt14-en-de'; expected 'small-seq2seq'"),
        ({"metrics": 3}, "metrics is 3; expected an object"),
        ({"metrics": {"valid_bleu": float("nan")}}, "the metric valid_bleu is nan; expected a finite number"),
        ({"metrics": {"valid_bleu": "30"}}, "the metric valid_bleu is '30'"),
        ({"costs": {"flops": True}}, "the cost flops is True"),
        ({"scores": {"HAT": {"valid_bleu": None}}}, "the score of HAT for valid_bleu is None"),
        ({"architecture": {"decoder-layers": 3}}, "did you mean 'decoder-layer-num'"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(change: dict, sentence: str):
    with pytest.raises(InputError, match=re.escape(sentence)):
        Observation.from_dict(SMALL, {**FULL.to_dict(), **change})


@pytest.mark.parametrize("key", ["format", "space", "architecture"])
def test_a_missing_key_is_named(key: str):
    line = FULL.to_dict()
    del line[key]
    with pytest.raises(InputError, match=f"the key '{key}' is missing"):
        Observation.from_dict(SMALL, line)
