"""The Batch API: half price, found again after an interruption, never submitted twice."""

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


def test_a_limit_is_kept_before_a_batch_is_submitted(serve, ledger):
    server = serve()
    with pytest.raises(BudgetReachedError):
        asker(server, ledger, max_tokens=500).ask(ASKED)
    assert 0 < server.succeeded < 25
    assert ledger.totals().calls == server.succeeded
