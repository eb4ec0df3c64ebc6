"""The Batch API: half price, found again after an interruption, never submitted twice."""

import asyncio
import json
from types import SimpleNamespace

import pytest

from foretell.errors import BudgetReachedError
from foretell.llm import Budget, Decoding, Price, Request
from foretell.llm.api import ApiModel
from foretell.llm.asking import Asker
from foretell.llm.batch import BatchModel
from foretell.llm.prices import BATCH_SHARE
from tests.llm.fault_server import truth

ASKED = [Request("p\n", f"size: {i}M, BLEU: ", Decoding(25)) for i in range(25)]


def asker(server, ledger, **limits):
    model = BatchModel(ApiModel("fake", server.url, pauses=(0.01, 0.02)), ledger, poll=0.01)
    return Asker(model, ledger, Budget(model, Price(1.0, 2.0), share=BATCH_SHARE, **limits))


def test_a_batch_is_answered_and_costs_half(serve, ledger):
    server = serve()
    answers = asker(server, ledger).ask(ASKED)
    assert [a.reply.text for a in answers] == [truth(request.query) for request in ASKED]
    usage = [a.reply.usage for a in answers]
    full = sum(Price(1.0, 2.0).dollars(each) for each in usage)
    assert ledger.totals().dollars == pytest.approx(full / 2)
    assert len(server.batches) == 1
    assert asker(server, ledger).ask(ASKED)[0].reply.recorded
    assert len(server.batches) == 1


def test_single_calls_and_batches_share_their_answers(serve, ledger):
    server = serve()
    asker(server, ledger).ask(ASKED)
    single = ApiModel("fake", server.url)
    Asker(single, ledger, Budget(single, None)).ask(ASKED)
    assert server.calls == 0


@pytest.mark.parametrize("lost", ["reply", "id"])
def test_an_interrupted_run_finds_its_batch_again(serve, ledger, monkeypatch, lost):
    server = serve()
    first = asker(server, ledger)
    # The run dies while it waits, or after the submission before the batch's id is on disk.
    where = "_result" if lost == "reply" else "update_batch"
    target = BatchModel if lost == "reply" else type(ledger)

    def die(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(target, where, die)
        with pytest.raises(KeyboardInterrupt):
            first.ask(ASKED)
    assert len(server.batches) == 1
    answers = asker(server, ledger).ask(ASKED)
    assert all(not answer.reason for answer in answers)
    assert len(server.batches) == 1
    assert max(server.answers.values()) == 1


class Client:
    """A batch with one answer, and two questions in the file of errors; the first look fails."""

    def __init__(self):
        self.files = self.batches = self
        self.looks = 0

    async def retrieve(self, name):
        return SimpleNamespace(status="completed", output_file_id="good", error_file_id="bad")

    async def content(self, name):
        done = {"choices": [{"message": {"role": "assistant", "content": "25.00"}, "finish_reason": "stop"}]}
        refused = {"error": {"message": "the prompt is too long"}}
        rows = {
            "good": [{"custom_id": "a", "response": {"status_code": 200, "body": done}, "error": None}],
            "bad": [
                {"custom_id": "b", "response": {"status_code": 400, "body": refused}, "error": None},
                {"custom_id": "c", "response": None, "error": {"code": "batch_expired", "message": "it expired"}},
            ],
        }[name]
        return SimpleNamespace(text="".join(json.dumps(row) + "\n" for row in rows))

    async def list(self, limit):
        from openai import APIConnectionError

        self.looks += 1
        if self.looks == 1:
            raise APIConnectionError(request=None)
        second = SimpleNamespace(data=[SimpleNamespace(id="found", metadata={"foretell": "t"})])

        async def following():
            return second

        return SimpleNamespace(data=[], has_next_page=lambda: True, get_next_page=following)


def test_what_failed_in_a_batch_says_why(ledger):
    model = BatchModel(ApiModel("fake", "http://127.0.0.1:1/v1", pauses=(0.0, 0.0)), ledger, poll=0.0)
    found = asyncio.run(model._result(Client(), "batch", ["a", "b", "c", "d"]))
    assert found["a"].text == "25.00"
    assert [found[key].failure for key in "bcd"] == [
        "the batch answered with status 400: the prompt is too long",
        "the batch did not answer: it expired",
        "the batch completed",
    ]


def test_a_batch_is_looked_for_again_after_a_fault(ledger):
    client = Client()
    model = BatchModel(ApiModel("fake", "http://127.0.0.1:1/v1", pauses=(0.0, 0.0)), ledger)
    assert asyncio.run(model._by_token(client, "t")) == "found"
    assert client.looks == 2


def test_a_limit_is_kept_before_a_batch_is_submitted(serve, ledger):
    server = serve()
    with pytest.raises(BudgetReachedError):
        asker(server, ledger, max_tokens=500).ask(ASKED)
    assert 0 < server.succeeded < 25
    assert ledger.totals().calls == server.succeeded
