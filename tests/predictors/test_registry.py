import pytest

from foretell.errors import InputError, UnknownNameError
from foretell.predictors import Context, create, describe, names, registry
from foretell.predictors.spelling import parse, split_names


def test_names_can_be_filtered_and_described():
    assert {"constant", "params", "flops", "depth", "regression", "auto"} <= set(names())
    assert set(names("flops*")) == {"flops", "flops-with-output-layer"}
    assert "decoder layers" in describe("depth").about


@pytest.mark.parametrize(
    "spelling",
    [
        "regression",
        "column:Supernet (Sandwich)",
        "calibrated:column:Supernet (Sandwich)",
        "stacked(column:HAT,regression)",
        "ridge(features=log-depth+log-params, strength=0.1)",
        "calibrated(column:HAT, shape=line)",
        "calibrated:rank:ridge(features=hat)",
        "consensus(calibrated:column:HAT,depth)",
    ],
)
def test_a_name_leads_to_a_predictor_of_that_name(spelling):
    assert create(spelling).name == spelling


def test_a_word_may_be_a_number():
    assert create("llm(task=14, temperature=1)").task == "14"


def test_lists_are_cut_outside_parentheses_only():
    assert split_names("a, b(c,d(e,f)),column:S (x)") == ["a", "b(c,d(e,f))", "column:S (x)"]


@pytest.mark.parametrize("text", ["a)", "a(b", "ridge(features=hat"])
def test_parentheses_must_match(text):
    with pytest.raises(InputError, match="do not match"):
        split_names(text)


@pytest.mark.parametrize("text", ["", "(a)", "ridge(features=hat"])
def test_what_is_no_name_is_shown_two_that_are(text):
    with pytest.raises(InputError, match=r"cannot read .* expected a name such as"):
        parse(text, ())


@pytest.mark.parametrize(
    ("spelling", "sentence"),
    [
        ("regresion", "did you mean 'regression'"),
        ("ridge(strenght=1)", "did you mean 'strength'"),
        ("ridge(features=log-dept)", "unknown feature set 'log-dept'; did you mean 'log-depth'"),
        ("ridge(strength=-1)", "expected a positive number"),
        ("calibrated", "takes one predictor, found 0"),
        ("column:", "needs a name after the colon"),
        ("depth(regression)", "takes no predictor inside"),
        ("calibrated(column:HAT, shape=curve)", "expected auto, offset or line"),
        ("regression(weighting=luck)", "expected evidence or loo"),
        ("stacked", "at least one predictor inside"),
        ("consensus", "at least one predictor inside"),
        ("ridge(strength=strong)", "strength of ridge is 'strong'; expected a number"),
        ("ridge(strength=true)", "expected a number"),
        ("llm(orders=2;repeats=3)", "expected a whole number, as in .*; options are parted by commas"),
        ("llm(orders=2.5)", "expected a whole number"),
        ("llm(hide=3)", "expected true or false"),
    ],
)
def test_a_wrong_name_is_one_sentence(spelling, sentence):
    with pytest.raises((InputError, UnknownNameError), match=sentence):
        create(spelling)


def test_other_packages_register_through_an_entry_point(monkeypatch):
    class Point:
        name, value, dist = "theirs", "foretell.predictors.trivial:Constant", None

    monkeypatch.setattr(registry, "entry_points", lambda group: [Point()] if group == "foretell.predictors" else [])
    registry._entries.cache_clear()
    try:
        assert "theirs" in names()
        assert create("theirs", context=Context()).name == "constant"
    finally:
        registry._entries.cache_clear()
