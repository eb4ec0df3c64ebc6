import pytest

from foretell.testing import FamilyConformance


class TestSmall(FamilyConformance):
    space_name = "small-seq2seq"


class TestPublished(FamilyConformance):
    space_name = "hat-wmt14-en-de"


class TestSeparateEmbeddings(FamilyConformance):
    space_name = "hat-iwslt14-de-en"


def test_a_family_that_breaks_a_rule_is_caught(monkeypatch):
    case = TestSmall()
    _, family, _ = case._drawn()
    count = type(family).count
    monkeypatch.setattr(type(family), "count", lambda self, *rest: {n: v - 1e12 for n, v in count(self, *rest).items()})
    with pytest.raises(AssertionError, match="is finite, not negative"):
        case.test_costs_belong_to_the_network_not_to_its_spelling()
