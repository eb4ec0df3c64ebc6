"""Servers with ways of their own: what they refuse, how they answer, where they stand."""

import json
import re

import pytest

from foretell.errors import BudgetReachedError
from foretell.llm import Decoding, LanguageModelError, Request, open_model
from foretell.llm.api import ApiModel
from foretell.llm.asking import Asker
from foretell.llm.budget import Budget
from foretell.llm.faults import Fault
from foretell.llm.reading import read_body
from foretell.llm.replies import parse_number, unfinished
from tests.llm.fault_server import FaultServer, truth

pytestmark = pytest.mark.network


def requests(n, **decoding):
    return [Request("shared\n", f"a {i}, BLEU: ", Decoding(25, **decoding)) for i in range(n)]


@pytest.fixture
def check(bleu):
    return lambda reply: parse_number(reply.text, bleu).reason


def right(answers, asked):
    return [answer.reply.text.split()[-1] for answer in answers] == [truth(request.query) for request in asked]


@pytest.mark.parametrize("says", ["I would rather not say.", "25.1 or 26.2"])
def test_a_model_that_never_gives_a_number_is_stopped_early_with_an_example(serve, connect, check, says):
    server = serve(says=says)
    with pytest.raises(LanguageModelError, match=rf"none of the first \d+ replies of .* is an answer, .* '{says}'"):
        connect(server, concurrency=4).ask(requests(59), check)
    assert server.calls <= 24
    with pytest.raises(LanguageModelError, match=r"none of the first 2\d"):  # and what the ledger has counts
        connect(server, concurrency=4).ask(requests(59), check)
    assert server.calls <= 24


def test_a_model_that_has_answered_before_is_asked_on(serve, connect, check):
    """As a labelling is that goes on, and has only those left to ask that the model has no number for."""
    asker = connect(serve(says="I would rather not say."), concurrency=4, attempts=2)
    asker.proven = True
    assert all(answer.reason for answer in asker.ask(requests(30), check))


def test_thinking_that_is_cut_off_gets_more_room_once(serve, connect, check):
    server = serve(thinks=900)
    asked = requests(30)
    assert right(connect(server, concurrency=4).ask(asked, check), asked)
    assert {body["max_tokens"] for body in server.bodies} == {25, 2048}
    endless = serve(thinks=5000)
    with pytest.raises(LanguageModelError, match="for example '<think>so'"):
        connect(endless, concurrency=4).ask(requests(30), check)
    assert max(body["max_tokens"] for body in endless.bodies) == 2048


def test_more_room_is_within_the_budget(serve, connect, check):
    server = serve(thinks=900)
    asker = connect(server, concurrency=1, max_tokens=2000)
    with pytest.raises(BudgetReachedError, match="could pass --max-tokens 2,000"):
        asker.ask(requests(30), check)
    assert asker.budget.tokens <= 2000
    assert {body["max_tokens"] for body in server.bodies} == {25}


def test_a_block_of_thinking_that_is_not_closed_is_no_answer(bleu):
    assert unfinished("<think>25.3")
    assert unfinished(" ")
    assert not unfinished("<think>25.3</think> 25.4")
    assert parse_number("<think>25.3", bleu).reason == "the reply ends in the middle of its thinking"


def test_a_server_that_only_streams_is_read_as_a_stream(serve, connect, check):
    server = serve(streams=True)
    asked = requests(12)
    answers = connect(server, concurrency=2).ask(asked, check)
    assert right(answers, asked)
    assert all(answer.reply.usage.prompt for answer in answers)
    assert sum("stream" not in body for body in server.bodies) <= 2


def test_a_stream_that_nobody_asked_for_is_read():
    events = [{"choices": [{"delta": {"content": each}}]} for each in ("2", "5.", "1")]
    assert read_body("".join(f"data: {json.dumps(event)}\n\n" for event in events), 0.0, "chat").text == "25.1"
    events = [{"choices": [{"text": each}]} for each in ("25", ".1")]
    assert read_body("".join(f"data: {json.dumps(event)}\r\n\r\n" for event in events), 0.0, "raw").text == "25.1"
    broken = read_body('data: {"error": {"message": "model not loaded"}}\n\n', 0.0, "chat")
    assert "model not loaded" in broken.failure


@pytest.mark.parametrize(
    "rest",
    ["", "/", "/v1/", "/v1//", "/v1/chat/completions", "/v1/completions", "/v1/chat", "/v1/models", "/v1/responses/"],
)
def test_an_address_without_v1_or_with_the_path_of_a_call_is_corrected(serve, ledger, check, rest, recwarn):
    server = serve(prefix="/v1")
    model = open_model(f"{server.url.removesuffix('/v1')}{rest}#fake", concurrency=2)
    asked = requests(3)
    assert right(Asker(model, ledger, Budget(model, None)).ask(asked, check), asked)
    said = [str(each.message) for each in recwarn if "answers at" in str(each.message)]
    assert len(said) == (rest in ("", "/"))


def test_an_address_where_nobody_answers_is_named_with_what_it_said(serve, connect, check):
    server = serve(prefix="/api/v9")
    says = re.escape(f"404, 404 Not Found (asked at {server.url}/chat/completions)")
    with pytest.raises(LanguageModelError, match=says):
        connect(server, concurrency=4).ask(requests(10), check)
    assert server.lost <= 8


def test_a_server_that_is_not_running_is_not_tried_for_minutes(connect, check):
    with FaultServer() as server:
        asker = connect(server, concurrency=2)
    with pytest.raises(LanguageModelError, match=r"nobody answers at http://127.0.0.1.*; start the server"):
        asker.ask(requests(10), check)


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, {"choices": []}, '{"choices": []}'),
        (200, {"result": "25.1"}, '{"result": "25.1"}'),
        (200, b"", "it is empty"),
        (200, {"error": {"message": "model not loaded"}}, "it says: model not loaded"),
        (502, b"<html><head><title>502 Bad Gateway</title></head></html>", "status 502, 502 Bad Gateway"),
        (500, {"detail": "worker died"}, "status 500, worker died"),
    ],
)
def test_a_server_that_never_answers_is_tried_three_times_and_quoted(serve, connect, check, status, body, said):
    server = serve(refuses=(bool, status, body))
    with pytest.raises(LanguageModelError, match=rf"answered none of 3 tries: .*{re.escape(said)}"):
        connect(server).ask(requests(60), check)
    assert server.calls == 3


def test_a_server_that_loads_its_model_is_waited_for_longer(serve, connect, check):
    server = serve(refuses=(lambda body: server.calls <= 6, 503, {"error": {"message": "Loading model"}}))
    asked = requests(10)
    assert right(connect(server).ask(asked, check), asked)
    for_ever = serve(refuses=(bool, 503, {"error": {"message": "Loading model"}}))
    with pytest.raises(LanguageModelError, match="none of 8 tries: status 503, Loading model"):
        connect(for_ever).ask(requests(60), check)
    assert for_ever.calls == 8


def test_an_encrypted_address_of_a_plain_server_is_told(serve, ledger, check):
    plain = serve().url
    url = plain.replace("http", "https")
    model = ApiModel("fake", url, timeout=0.2, pauses=(0.005, 0.02))
    says = f"nobody answers at {url}: no connection came about in time; perhaps it speaks only http: try {plain}"
    with pytest.raises(LanguageModelError, match=says):
        Asker(model, ledger, Budget(model, None)).ask(requests(60), check)


@pytest.mark.parametrize(
    ("base", "cause", "said", "told"),
    [
        ("https://host/v1", "ConnectTimeout", "", "http://host/v1"),
        ("https://host/v1", "ConnectError", "[SSL: WRONG_VERSION_NUMBER] wrong version number", "http://host/v1"),
        (
            "https://host/v1",
            "ConnectError",
            "[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate",
            "SSL_CERT_FILE",
        ),
        ("https://host/v1", "ConnectError", "[Errno 111] Connection refused", ""),
        ("http://host/v1", "RemoteProtocolError", "Server disconnected without sending a response.", "https://host/v1"),
        ("http://host/v1", "ConnectError", "[Errno 111] Connection refused", ""),
        ("http://host/v1", "ConnectTimeout", "", ""),
    ],
)
def test_what_to_do_about_encryption_is_told_where_the_connection_fails_of_it(base, cause, said, told):
    advice = Fault(said, cause=cause).advice(base)
    assert told in advice
    assert bool(told) == bool(advice)


@pytest.mark.parametrize("status", [400, 403, 422, 500, 501])
@pytest.mark.parametrize("said", [{"detail": "not in your plan"}, {"error": {"message": "logprobs are off"}}])
def test_log_probabilities_are_given_up_whatever_the_status_and_the_wording(serve, connect, check, status, said):
    server = serve(refuses=(lambda body: body.get("top_logprobs", 0) > 5, status, said))
    asked = requests(8, top_logprobs=20)
    assert right(connect(server, concurrency=1).ask(asked, check), asked)
    assert server.bodies[-1]["top_logprobs"] == 5
    server = serve(refuses=(lambda body: "logprobs" in body, status, said))
    assert right(connect(server, concurrency=1).ask(asked, check), asked)
    assert sum("logprobs" in body for body in server.bodies) <= 6


def test_a_page_or_a_plain_refusal_with_status_200_stops_at_once(serve, connect, check):
    page = serve(refuses=(bool, 200, b"<html><title>Open the app</title></html>"))
    with pytest.raises(LanguageModelError, match="Open the app"):
        connect(page, concurrency=2).ask(requests(10), check)
    assert page.calls <= 4
    wrong = serve(refuses=(bool, 200, {"error": {"message": "no such model", "code": 404}}))
    with pytest.raises(LanguageModelError, match="no such model"):
        connect(wrong, concurrency=2).ask(requests(10), check)
    assert wrong.calls <= 4


def test_a_budget_says_what_all_runs_have_spent(serve, connect, check):
    server = serve()
    connect(server, concurrency=1).ask(requests(3), check)
    with pytest.raises(BudgetReachedError, match=r"0 calls .* In all runs so far: 3 calls with \d+ tokens"):
        connect(server, concurrency=1, max_tokens=5).ask(requests(9), check)
    one = connect(server, concurrency=1).budget.expected(requests(4)[3])
    room = one.prompt + one.completion
    # The second call is refused while the first is on its way, which is paid for all the same.
    with pytest.raises(BudgetReachedError, match=r": 1 calls with .* In all runs so far: 4 calls with"):
        connect(server, concurrency=4, max_tokens=room).ask(requests(9), check)
