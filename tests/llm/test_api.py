"""The endpoint back end against a server that misbehaves, and against a real one."""

import json
import time

import pytest

from foretell.errors import BudgetReachedError
from foretell.llm import Decoding, Estimator, LanguageModelError, Price, Request, TaskCard, compact_prompt
from foretell.llm.api import ApiModel
from foretell.llm.asking import Asker
from foretell.llm.budget import Budget
from foretell.llm.faults import what_was_said
from foretell.llm.model import Reply
from foretell.llm.prices import FREE
from foretell.llm.reading import read_body
from foretell.llm.replies import parse_number
from foretell.llm.session import open_model
from tests.llm.conftest import KEY
from tests.llm.fault_server import truth

pytestmark = pytest.mark.network


def requests(n, start=0):
    return [Request("shared\n", f"parameters: {i}M, BLEU: ", Decoding(25)) for i in range(start, start + n)]


def checked(asker, bleu, asked):
    return asker.ask(asked, lambda reply: parse_number(reply.text, bleu).reason)


def test_a_thousand_predictions_with_one_fault_in_five_end_complete_and_right(serve, connect, bleu):
    server = serve(rate=0.2, faults=tuple(f for f in _faults() if f != "stall"), seed=1)
    asked = requests(1000)
    answers = checked(connect(server), bleu, asked)
    assert all(not answer.reason for answer in answers)
    said = [parse_number(answer.reply.text, bleu).value for answer in answers]
    assert said == [float(truth(request.query)) for request in asked]
    # Paid at most once per success: no question was answered well a second time.
    assert server.succeeded == 1000
    assert max(server.answers.values()) == 1
    assert set(server.faulted) == set(_faults()) - {"stall"}
    assert server.most_flying <= 32


def _faults():
    from tests.llm.fault_server import FAULTS

    return FAULTS


def test_a_second_run_makes_no_call(serve, connect, bleu):
    server = serve(rate=0.2, faults=("prose", "nan", "500"), seed=2)
    asked = requests(400)
    first = checked(connect(server), bleu, asked)
    calls = server.calls
    start = time.perf_counter()
    second = checked(connect(server), bleu, asked)
    assert time.perf_counter() - start < 1.0
    assert server.calls == calls
    assert [a.reply.text for a in second] == [a.reply.text for a in first]
    assert all(a.reply.recorded for a in second)


def test_a_stalled_call_is_given_up_and_sent_again(serve, connect, bleu):
    server = serve(rate=0.3, faults=("stall",), seed=0)
    answers = checked(connect(server, timeout=0.3, concurrency=1), bleu, requests(6))
    assert all(not answer.reason for answer in answers)
    assert server.faulted["stall"] > 0


def test_a_question_that_takes_too_long_twice_is_given_up_with_what_to_do(serve, connect, bleu):
    server = serve(faults=("stall",))
    asker = connect(server, timeout=0.2)
    checked(asker, bleu, requests(1))
    server.rate = 1.0
    (answer,) = checked(asker, bleu, requests(1, start=1))
    assert server.faulted["stall"] == 2
    assert "no reply after 2 tries (no answer within 0.2 s; give it longer with --timeout, or fewer" in answer.reason


def test_a_model_that_thinks_is_waited_for_longer():
    model = open_model("http://127.0.0.1:1/v1#thinker", timeout=20.0)
    assert model.limit == 20
    model.widen(Reply("<think>so", cut=True), 25)
    assert model.limit == 300
    assert open_model("http://127.0.0.1:1/v1#patient", timeout=900.0).limit == 900


def test_retry_after_pauses_all_calls(serve, connect, bleu):
    server = serve(rate=0.3, faults=("429-retry-after",), seed=4)
    start = time.perf_counter()
    answers = checked(connect(server, concurrency=1, pauses=(0.0, 0.0)), bleu, requests(20))
    assert all(not answer.reason for answer in answers)
    assert time.perf_counter() - start >= 0.05 * server.faulted["429-retry-after"] * 0.9


def test_a_dead_endpoint_ends_the_run_with_what_is_paid_for(serve, connect, bleu, ledger):
    server = serve(faults=("500",))
    asker = connect(server, concurrency=4, tries=100)
    checked(asker, bleu, requests(1))
    server.rate = 1.0
    with pytest.raises(LanguageModelError, match="times in a row"):
        checked(asker, bleu, requests(50))
    assert server.calls < 60
    server.rate = 0.0
    assert all(not answer.reason for answer in checked(connect(server), bleu, requests(50)))


def test_a_question_that_keeps_failing_is_left_out_and_asked_again_later(serve, connect, bleu, ledger):
    server = serve(faults=("not-json",))
    asker = connect(server, tries=3)
    checked(asker, bleu, requests(1))
    server.rate = 1.0
    (answer,) = checked(asker, bleu, requests(1, start=1))
    assert "no reply after 3 tries" in answer.reason
    assert ledger.totals().calls == 1
    server.rate = 0.0
    (answer,) = checked(connect(server), bleu, requests(1, start=1))
    assert not answer.reason


@pytest.mark.parametrize("refused", ["temperature", "max_tokens", "logprobs"])
def test_parameters_that_a_model_refuses_are_left_out_from_then_on(serve, connect, bleu, refused):
    server = serve(dialect=(refused,))
    asker = connect(server, concurrency=2)
    asked = [Request("", f"a {i}, BLEU: ", Decoding(25, top_logprobs=5)) for i in range(10)]
    assert all(not answer.reason for answer in checked(asker, bleu, asked))
    assert sum(refused in body for body in server.bodies) <= 3
    if refused == "max_tokens":
        assert server.bodies[-1]["max_completion_tokens"] == 25


def test_a_wrong_key_stops_at_once_and_is_never_quoted(serve, connect, bleu):
    server = serve(echo_key=True)
    with pytest.raises(LanguageModelError) as caught:
        checked(connect(server), bleu, requests(3))
    assert KEY not in str(caught.value)
    assert "SECRET" not in repr(caught.value)
    assert server.calls <= 3


def test_the_budget_is_kept_and_the_run_resumes(serve, connect, bleu, ledger):
    server = serve()
    asked = requests(100)
    one = 75e-6  # dollars that one of these calls can take at these prices, about
    with pytest.raises(BudgetReachedError, match="--max-usd"):
        checked(connect(server, max_dollars=8 * one, concurrency=4), bleu, asked)
    spent = ledger.totals()
    assert 0 < spent.calls < 100
    assert spent.dollars <= 8 * one
    with pytest.raises(BudgetReachedError, match="--max-tokens"):
        checked(connect(server, max_tokens=60), bleu, asked)
    assert all(not answer.reason for answer in checked(connect(server), bleu, asked))
    assert server.succeeded == 100


def test_an_unknown_price_is_unknown(serve, ledger, bleu):
    model = ApiModel("nobody-knows", serve().url)
    asker = Asker(model, ledger, Budget(model, None))
    assert asker.estimate(requests(5)).dollars is None
    checked(asker, bleu, requests(5))
    assert ledger.totals().dollars is None
    assert ledger.totals().calls == 5


def test_several_architectures_a_request_cut_the_bill(serve, connect, bleu):
    shown = [(f"decoder layers: {1 + i % 6}, parameters: {20 + i}M", 24.0 + i / 10) for i in range(40)]
    asked = [f"decoder layers: {1 + i % 6}, parameters: {60 + i}M" for i in range(60)]
    prompt = compact_prompt(TaskCard("a task", bleu), shown, asked, instruct=True)
    bills = {}
    for several in (1, 10):
        server = serve()
        found = {}
        estimator = Estimator(connect(server), bleu, [24.0, 28.0], "greedy", per_request=several)
        estimator.estimate([prompt], range(60), lambda row, said, found=found: found.update({row: said.mean}))
        expected = {row: float(truth(query)) for row, query in enumerate(prompt.queries)}
        assert found == expected
        bills[several] = server.tokens
    assert bills[1] > 5 * bills[10]


def test_groups_with_unusable_replies_fall_back_to_single_questions(serve, connect, bleu):
    asked = [f"decoder layers: {1 + i}" for i in range(20)]
    prompt = compact_prompt(TaskCard("a task", bleu), [("decoder layers: 3", 25.0)], asked)
    server = serve(rate=0.6, faults=("prose", "twice", "nan"), seed=5)
    found = {}
    estimator = Estimator(connect(server, attempts=3), bleu, [25.0], "greedy", per_request=5)
    estimator.estimate([prompt], range(20), lambda row, said: found.update({row: said}))
    assert set(found) == set(range(20))
    for row, said in found.items():
        assert said.reason or said.mean == float(truth(prompt.queries[row]))


class Scripted:
    """Answers groups, but one of them without the number of its second question, and single questions."""

    name = model = "scripted"
    endpoint, style, width, identity = "local", "chat", 100, {}

    def __init__(self):
        self.groups, self.single = 0, []

    def complete(self, requests, *, on_reply=None, gate=None):
        for index, request in enumerate(requests):
            if request.template.endswith("/several"):
                self.groups += 1
                text = "1: 25.00\n2: unknown\n3: 25.00" if self.groups == 4 else "1: 25.00\n2: 25.00\n3: 25.00"
            else:
                self.single.append(request)
                text = "26.00"
            on_reply(index, Reply(text))

    def count_tokens(self, text):
        return len(text)


def test_of_a_group_exactly_the_question_that_failed_is_asked_again(ledger, bleu):
    model, asked, shown = Scripted(), [f"decoder layers: {1 + i}" for i in range(3)], [("a", 24.0), ("b", 26.0)]
    prompts = [compact_prompt(TaskCard("a task", bleu), each, asked) for each in (shown, shown[::-1])]
    asker, found = Asker(model, ledger, Budget(model, FREE), 1), {}
    estimator = Estimator(asker, bleu, [24.0, 26.0], "greedy", per_request=3, repeats=2)
    estimator.estimate(prompts, range(3), lambda row, said: found.update({row: said}))
    (again,) = model.single
    assert (again.prefix, again.query, again.repeat) == (prompts[1].prefix, prompts[1].queries[1], 1)
    assert sorted(found[1].values) == [25.0, 25.0, 25.0, 26.0]
    assert found[0].values == found[2].values == (25.0,) * 4


def test_the_real_server_answers_chats_and_continues_text(real_server, ledger, bleu):
    url = f"{real_server.listening_address}/v1"
    prefix = "".join(f"parameters: {20 + i}M, BLEU: {24 + i / 10:.2f}\n" for i in range(8))
    asked = [Request(prefix, f"parameters: {21 + i}M, BLEU: ", Decoding(5, top_logprobs=8)) for i in range(3)]
    raw = ApiModel("smollm", url, raw=True, concurrency=2)
    replies = [answer.reply for answer in Asker(raw, ledger, Budget(raw, None)).ask(asked)]
    assert all(parse_number(reply.text.split("\n")[0], bleu).value is not None for reply in replies)
    assert all(len(reply.steps) >= 4 and len(reply.steps[0].top) == 8 for reply in replies)
    assert all(reply.usage.prompt > 100 and reply.usage.completion == 5 for reply in replies)
    chat = ApiModel("smollm", url, concurrency=1)
    (answer,) = Asker(chat, ledger, Budget(chat, None)).ask([Request("Say one word.", "", Decoding(4))])
    assert answer.reply.text
    assert answer.reply.usage.completion > 0
    likely, unlikely = raw.score("1, 2, 3, 4, 5,", [" 6", " 9"])
    assert likely > unlikely
    with pytest.raises(LanguageModelError, match="only raw completion"):
        chat.score("1, 2,", [" 3"])


def test_raw_bodies_are_kept_without_the_key(serve, connect, bleu, ledger):
    server = serve()
    checked(connect(server), bleu, requests(3))
    assert all(headers["authorization"] == f"bearer {KEY}".lower() for headers in server.headers)
    data = b"".join(path.read_bytes() for path in ledger.path.parent.iterdir())
    assert KEY.encode() not in data
    assert json.loads(ledger.raw(next(iter(ledger.keys()))))["choices"]
    assert Price(1.0, 2.0).dollars(ledger_usage()) == pytest.approx(5e-6)


def ledger_usage():
    from foretell.llm import Usage

    return Usage(3, 1)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"error": {"message": "model not loaded"}}', "model not loaded"),
        ('{"error": "model not loaded"}', "model not loaded"),
        ('{"detail": "model not loaded"}', "model not loaded"),
        ('{"detail": [{"loc": ["body"], "msg": "model not loaded"}]}', "model not loaded"),
        ('{"errors": ["model not loaded"]}', "model not loaded"),
        ("model not loaded", "model not loaded"),
        ("<html><head><title>502 Bad &amp; Gateway</title></head><body>x</body></html>", "502 Bad & Gateway"),
        ("<h1>model not loaded</h1>", "model not loaded"),
        ('"model not loaded"', "model not loaded"),
        ('{"fault": {"faultstring": "model not loaded"}}', "model not loaded"),
        ('{"Message": "model not loaded"}', "model not loaded"),
        ('{"status": "error", "error_description": "model not loaded"}', "model not loaded"),
        ('{"error_code": 3, "error_msg": "model not loaded"}', "model not loaded"),
        ('{"base_resp": {"status_code": 1004, "status_msg": "model not loaded"}}', "model not loaded"),
        ('{"error": {"message": "refused", "metadata": {"raw": "{\\"detail\\": \\"no\\"}"}}}', "refused: no"),
        ('data: {"error": {"message": "model not loaded"}}\n\n', "model not loaded"),
        ("{}", ""),
        ('{"choices": []}', ""),
        ("", ""),
    ],
)
def test_what_the_server_said_is_found_whatever_its_shape(body, said):
    assert what_was_said(body) == said
    failure = read_body(body, 0.0, "chat").failure
    assert failure.startswith("the body is not a completion in JSON")
    assert (said or body or "it is empty") in failure


@pytest.mark.parametrize(
    "complaint",
    ["logprobs must be at most 5", "top_logprobs is unsupported", "Log-probabilities are off", "no log probs"],
)
def test_log_probabilities_are_given_up_in_steps(complaint):
    model = ApiModel("m", "http://127.0.0.1:1/v1")
    asked = Request("", "q", Decoding(25, top_logprobs=20))
    counts = []
    for _ in range(3):
        sent = model.body(asked)
        counts.append(sent.get("top_logprobs", 0))
        model.adapt(complaint, sent)
    assert counts == [20, 5, 0]
