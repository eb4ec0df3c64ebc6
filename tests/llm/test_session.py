"""Spellings of models, keys, prices and limits."""

import pickle

import pytest

from foretell.errors import BudgetReachedError, InputError, UnknownNameError
from foretell.llm import (
    Asker,
    Budget,
    Decoding,
    Ledger,
    Price,
    Reply,
    Request,
    Usage,
    call_key,
    local,
    open_model,
    open_session,
    price_of,
    read_prices,
)
from foretell.llm.api import ApiModel
from foretell.llm.batch import BatchModel
from foretell.llm.faults import pause_before, retry_after
from foretell.llm.keys import Secret, find_key
from foretell.llm.local import why_unusable
from foretell.llm.models import MODELS, model_file


@pytest.mark.parametrize(
    "spelling", ["", "gpt-4", "local:", "openai:", "http://127.0.0.1/v1", "ftp://host#m", "http://#m", "nonsense#m"]
)
def test_spellings_that_name_no_model_are_refused(spelling):
    with pytest.raises(InputError, match="expected local:NAME"):
        open_model(spelling)


@pytest.mark.parametrize(
    ("spelling", "meant"),
    [
        ("gemma-3-270m", "local:gemma-3-270m"),
        ("localhost:11434#llama3", "http://localhost:11434#llama3"),
        ("127.0.0.1:8080/v1#m", "http://127.0.0.1:8080/v1#m"),
    ],
)
def test_a_spelling_that_lacks_its_kind_is_answered_with_the_whole(spelling, meant):
    with pytest.raises(InputError, match=f"did you mean '{meant}'"):
        open_model(spelling)


def test_a_password_in_a_url_is_refused_and_not_quoted():
    with pytest.raises(InputError) as caught:
        open_model("http://me:hunter2@127.0.0.1/v1#m")
    assert "hunter2" not in str(caught.value)


def test_unknown_local_models_name_the_nearest():
    with pytest.raises(UnknownNameError, match="gemma-3-270m"):
        open_model("local:gemma3-270m")
    with pytest.raises(InputError, match="does not exist"):
        model_file("/nowhere/model.gguf")


def test_a_key_is_found_by_endpoint_and_never_shown(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai-key-1234567")
    monkeypatch.setenv("FORETELL_API_KEY", "other-key-7654321")
    assert find_key("https://host/v1", openai=False).reveal() == "other-key-7654321"
    key = find_key("https://host/v1", openai=True)
    assert key.reveal() == "sk-openai-key-1234567"
    for shown in (repr(key), str(key), f"{key}", repr({"key": key})):
        assert "1234567" not in shown
    with pytest.raises(TypeError, match="not to be stored"):
        pickle.dumps(key)
    assert key.redact("got sk-openai-key-1234567, Bearer abc.def") == "got [key], [key]"
    assert Secret("").redact("incorrect sk-abcdef123456 given") == "incorrect [key] given"
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(InputError, match="OPENAI_API_KEY"):
        find_key("https://host/v1", openai=True)


def test_prices_have_families_and_unknown_is_unknown(tmp_path):
    assert price_of("gpt-4o-mini", "https://api").prompt == 0.15
    assert price_of("gpt-4o-mini-2024-07-18", "https://api") == price_of("gpt-4o-mini", "https://api")
    assert price_of("gpt-4o-minimal", "https://api") is None
    assert price_of("anything", "local").dollars(Usage(10**6, 10**6)) == 0.0
    path = tmp_path / "prices.yaml"
    path.write_text("my-model: {prompt: 1, completion: 2, cached: 0.5}\n")
    own = read_prices(path)
    assert price_of("my-model", "https://api", own).dollars(Usage(2_000_000, 1_000_000, 1_000_000)) == 3.5


@pytest.mark.parametrize(
    "text",
    ["", "[1]", "m: 3", "m: {prompt: 1}", "m: {prompt: -1, completion: 1}", "m: {prompt: x, completion: 1}", ": {"],
)
def test_files_that_hold_no_prices_are_refused(tmp_path, text):
    path = tmp_path / "prices.yaml"
    path.write_text(text)
    with pytest.raises(InputError):
        read_prices(path)


def test_a_limit_on_money_needs_a_price(tmp_path):
    about = {"ledger": tmp_path / "l.sqlite"}
    with pytest.raises(InputError, match="--max-usd cannot be kept"):
        open_session("https://example.invalid/v1#nobody-knows", max_usd=1.0, **about)
    # A server on this machine sends no bill.
    session = open_session("http://127.0.0.1:9/v1#nobody-knows", max_usd=1.0, **about)
    assert session.budget.dollars is None
    with pytest.raises(InputError, match="has no Batch API"):
        open_session("local:smollm2-135m", batch=True, **about)


def test_calls_in_flight_count_against_the_limit():
    model = ApiModel("m", "http://127.0.0.1:9/v1")
    request = Request("x" * 1000, "y", Decoding(25))
    most = Budget(model, None).expected(request)
    budget = Budget(model, Price(1.0, 1.0), max_tokens=3 * (most.prompt + most.completion))
    asked = [Request("x" * 1000, "y", Decoding(25), repeat=n) for n in range(4)]
    for each in asked[:3]:
        budget.admit(each)
    with pytest.raises(BudgetReachedError, match="raise the limit"):
        budget.admit(asked[3])


def test_retry_after_is_read_in_every_form():
    assert retry_after({"retry-after": "3"}) == 3.0
    assert retry_after({"retry-after-ms": "250", "retry-after": "9"}) == 0.25
    assert retry_after({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0.0
    assert retry_after({"retry-after": "soon"}) == 0.0
    assert retry_after({"retry-after": "99999"}) == 120.0
    assert retry_after({}) == 0.0


def test_pauses_grow_and_are_jittered():
    pauses = [pause_before(attempt, (1.0, 8.0)) for attempt in (1, 2, 3, 4, 9)]
    for pause, longest in zip(pauses, (1, 2, 4, 8, 8), strict=True):
        assert longest / 2 <= pause <= longest
    assert len({pause_before(4, (1.0, 8.0)) for _ in range(20)}) > 15


def test_every_known_model_is_pinned():
    for model in MODELS.values():
        assert len(model.sha256) == 64
        assert model.size > 90e6
        assert all(part.version and part.member for part in model.parts)
        assert model.licence


def test_an_estimate_says_calls_tokens_dollars_and_time(tmp_path):
    ledger = Ledger(tmp_path / "l.sqlite")
    asked = [Request("x" * 1000, f"{n}", Decoding(25, top_logprobs=20)) for n in range(8)]
    chat = ApiModel("m", "http://127.0.0.1:9/v1", concurrency=4)
    guessed = Asker(chat, ledger, Budget(chat, Price(1.0, 1.0))).estimate(asked)
    assert (guessed.calls, guessed.seconds) == (8, 2.0)
    assert str(guessed).startswith("8 calls, about ")
    assert str(guessed).endswith(", about $0.00, about 2 s")
    # A model that continues text is asked again for the digits that it is unsure of.
    raw = ApiModel("m", "http://127.0.0.1:9/v1", raw=True)
    assert Asker(raw, ledger, Budget(raw, None)).estimate(asked).calls == 64
    for request in asked[:4]:
        ledger.record(call_key(chat, request), chat, request, Reply("1", seconds=3.0), None)
    known = Asker(chat, ledger, Budget(chat, None)).estimate(asked)
    assert (known.calls, known.seconds, known.dollars) == (4, 3.0, None)
    batch = BatchModel(chat, ledger)
    assert str(Asker(batch, ledger, Budget(batch, None)).estimate(asked)).endswith("time unknown")
    ledger.close()


def test_a_local_model_that_cannot_run_says_why(monkeypatch):
    monkeypatch.setattr(local, "find_spec", lambda name: None)
    assert "pip install 'foretell[local]'" in why_unusable("smollm2-135m")
    with pytest.raises(UnknownNameError):
        why_unusable("gemma")
