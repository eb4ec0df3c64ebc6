"""The language model as a predictor like any other."""

import numpy as np
import pytest

from foretell import predictors, spaces
from foretell.errors import InputError, UnknownNameError
from foretell.llm import Budget, Ledger, Session
from foretell.llm.api import ApiModel
from foretell.llm.prices import Price
from foretell.metrics import Metric
from foretell.observations import Observation
from foretell.predictors import Context
from foretell.predictors.demonstrations import spread_evenly
from foretell.predictors.llm import Llm
from foretell.testing import PredictorConformance, make_observations
from tests.llm.fault_server import FaultServer, truth

pytestmark = pytest.mark.network

SPACE = spaces.create("small-seq2seq")
SHOWN = make_observations(SPACE, 16)


@pytest.mark.usefixtures("_own_ledger")
class TestLocal(PredictorConformance):
    """Every rule of the contract, on the smallest real model."""

    spelling = "llm(model=local:smollm2-135m, orders=1, decoding=greedy)"
    labels = 4
    tested = 3


@pytest.fixture(scope="module")
def _own_ledger(smollm, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FORETELL_LEDGER", str(tmp_path_factory.mktemp("llm") / "ledger.sqlite"))
        yield


@pytest.fixture
def endpoint(tmp_path):
    """A predictor on a server that knows all answers, and the server."""
    with FaultServer() as server:
        model = ApiModel("fake", server.url)
        ledger = Ledger(tmp_path / "ledger.sqlite")

        def build(context=None, **options):
            session = Session(model, ledger, Budget(model, Price(1.0, 2.0)))
            return Llm(context or Context(SPACE), session=session, **options)

        yield build, server
        ledger.close()


def population(n, seed=5):
    return SPACE.canonical(SPACE.sample(n, np.random.default_rng(seed)))


def test_predictions_are_the_answers_and_what_they_cost_is_known(endpoint):
    build, server = endpoint
    predictor = build(template="paper").fit(SHOWN[:10])
    rows = population(6)
    prediction = predictor.predict(rows)
    (prompt,) = predictor.prompts(rows)
    assert prediction.mean.tolist() == [float(truth("BLEU: "))] * 6
    assert all(query.endswith("BLEU: ") for query in prompt.queries)
    assert predictor.spent.tokens == server.tokens > 0
    assert predictor.spent.dollars == pytest.approx(predictor.session.budget.dollars)
    assert predictor.labels == 10
    # Answers are on record: predicting again costs nothing.
    assert build(template="paper").fit(SHOWN[:10]).predict(rows).mean.tolist() == prediction.mean.tolist()
    assert server.succeeded == 6


def test_a_loss_is_shown_and_read_as_it_is(endpoint):
    build, _ = endpoint
    shown = [Observation(item.architecture, {"own_loss": item.metric() / 10 - 4}) for item in SHOWN[:10]]
    falling = Metric.declare("own_loss", higher_is_better=False, label="loss", meaning="what is lost")
    predictor = build(Context(SPACE, falling)).fit(shown)
    rows = population(4)
    (prompt,) = predictor.prompts(rows)
    lines = [line for line in prompt.prefix.splitlines() if ", loss: -" in line]
    assert sorted(float(line.rpartition(" ")[2]) for line in lines) == pytest.approx(
        sorted(item.metric("own_loss") for item in shown), abs=0.01
    )
    assert "A lower loss is better." in prompt.prefix
    prediction = predictor.predict(rows)
    assert prediction.mean.tolist() == [float(truth(query)) for query in prompt.queries]
    assert predictor.goodness(prediction).tolist() == (-prediction.mean).tolist()


def test_pieces_are_reported_as_their_replies_come(endpoint):
    build, _ = endpoint
    predictor = build().fit(SHOWN[:10])
    assert predictor.piecewise
    rows = population(8)
    told = []
    with predictor.reporting(lambda some, scores: told.append((some[0].tobytes(), scores[0]))):
        prediction = predictor.predict(np.concatenate([rows, rows]))
    assert dict(told) == {row.tobytes(): mean for row, mean in zip(rows, prediction.mean[:8], strict=True)}
    assert len(told) == 8


def test_endpoints_see_one_order_unless_more_are_paid_for(endpoint):
    build, _ = endpoint
    assert len(build().fit(SHOWN[:10]).prompts(population(1))) == 1
    several = build(orders=4).fit(SHOWN[:10]).prompts(population(1))
    assert len({prompt.prefix for prompt in several}) == 4
    assert len({"".join(sorted(prompt.prefix)) for prompt in several}) == 1
    assert len(build(orders=4, others=0).fit(SHOWN[:1]).prompts(population(1))) == 1


def test_the_papers_first_order_is_the_given_one(endpoint):
    build, _ = endpoint
    given, turned = SHOWN[:10], SHOWN[9::-1]
    first, second = (build(template="paper").fit(each).prompts(population(1))[0] for each in (given, turned))
    assert first.prefix.index(given[0].architecture.to_text()) < first.prefix.index(given[9].architecture.to_text())
    assert second.prefix != first.prefix
    compact = [build(orders=4).fit(each).prompts(population(1))[0].prefix for each in (given, turned)]
    assert compact[0] == compact[1]


def test_probes_hide_names_and_deal_labels_out(endpoint):
    build, _ = endpoint
    plain, hidden, dealt = (
        build(**options).fit(SHOWN[:10]).prompts(population(1))[0]
        for options in ({}, {"hide": True}, {"shuffle": True})
    )
    assert "BLEU" in plain.prefix
    assert "BLEU" not in hidden.prefix
    assert "decoder" not in hidden.prefix
    assert dealt.prefix != plain.prefix
    assert sorted(dealt.prefix) == sorted(plain.prefix)


def test_an_abstention_is_a_nan_with_its_reason(endpoint):
    build, server = endpoint
    server.rate, server.faults = 1.0, ("prose",)
    prediction = build().fit(SHOWN[:5]).predict(population(2))
    assert np.isnan(prediction.mean).all()
    assert "is not one number" in prediction.reasons[0]


def test_examples_and_task_are_the_users(endpoint, tmp_path):
    build, _ = endpoint
    path = tmp_path / "pairs.tsv"
    path.write_text("a house\tein Haus\n")
    predictor = build(template="paper", task="English to German", examples=str(path)).fit(SHOWN[:5])
    prefix = predictor.prompts(population(1))[0].prefix
    assert "Input: a house\nOutput: ein Haus" in prefix
    assert "English to German task" in prefix


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"template": "long"}, "template"),
        ({"decoding": "beam"}, "decoding"),
        ({"prompt": "half"}, "prompt"),
        ({"query_cost": "x"}, "query_cost"),
    ],
)
def test_options_that_are_not_known_are_named(options, word):
    with pytest.raises(UnknownNameError, match=word):
        Llm(**options)


def test_what_cannot_be_predicted_is_said_early(endpoint):
    build, _ = endpoint
    with pytest.raises(InputError, match=r"call fit\(\) first"):
        build().predict(population(1))
    with pytest.raises(UnknownNameError, match="decoder layers"):
        build(fields="decoder layer").fit(SHOWN[:5]).predict(population(1))
    with pytest.raises(InputError, match="repeats"):
        build(repeats=0)


def test_the_model_of_the_environment_is_asked(monkeypatch):
    monkeypatch.setenv("FORETELL_LLM", "local:smollm2-135m")
    assert predictors.create("llm").model == "local:smollm2-135m"
    assert predictors.create("llm(model=local:gemma-3-270m)").model == "local:gemma-3-270m"


def test_of_many_labels_a_prompt_shows_an_even_spread(endpoint):
    build, _ = endpoint
    values = np.array([item.metric() for item in SHOWN])
    shown = spread_evenly(values, 5)
    assert len(shown) == 5
    assert {values.argmin(), values.argmax()} <= set(shown.tolist())
    assert spread_evenly(values, 0).tolist() == spread_evenly(values, 99).tolist() == list(range(len(values)))
    assert values[spread_evenly(values, 1)].tolist() == [values.min()]
    prompt = build(demonstrations=5, orders=1).fit(SHOWN).prompts(population(1))[0]
    assert sorted(line.split("BLEU: ")[1] for line in prompt.prefix.splitlines() if "BLEU: " in line) == sorted(
        f"{value:.2f}" for value in values[shown]
    )
    assert build(demonstrations=5).fit(SHOWN[::-1]).prompts(population(1))[0].prefix == (
        build(demonstrations=5).fit(SHOWN).prompts(population(1))[0].prefix
    )


def test_examples_and_title_come_from_the_surroundings(endpoint):
    build, _ = endpoint
    context = Context(SPACE, task="English to German", examples=(("a house", "ein Haus"),))
    prefix = build(context, template="paper").fit(SHOWN[:5]).prompts(population(1))[0].prefix
    assert "Input: a house\nOutput: ein Haus" in prefix
    assert "English to German task" in prefix
