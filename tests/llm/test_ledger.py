"""The ledger: keys that hold everything, several processes, nothing served that was not said."""

import json
import multiprocessing
import sqlite3
import threading
from dataclasses import replace

import pytest

from foretell.errors import InputError, IntegrityError, StorageError
from foretell.llm import Decoding, Ledger, Reply, Request, Step, Usage, call_key
from foretell.llm import ledger as ledger_module
from foretell.llm.api import ApiModel
from foretell.llm.ledger import Pace
from foretell.llm.local import LocalModel
from foretell.llm.reading import read_body

MODEL = ApiModel("m", "http://127.0.0.1:1/v1")
REQUEST = Request("prefix ", "query", Decoding(25, 0.0, None, 1, 5, ("\n",)), 0, 0, "compact/1")
REPLY = Reply("25.31", '{"raw": 1}', (Step("25", {"25": -0.1, "26": -2.0}),), Usage(100, 5, 80), 0.2, "fp")


def test_a_reply_comes_back_as_it_was(ledger):
    key = call_key(MODEL, REQUEST)
    ledger.record(key, MODEL, REQUEST, REPLY, 0.001)
    found = ledger.find([key, "other"])[key]
    assert found == replace(REPLY, raw="", recorded=True)
    assert ledger.raw(key) == '{"raw": 1}'
    totals = ledger.totals()
    assert (totals.calls, totals.prompt_tokens, totals.cached_tokens, totals.completion_tokens) == (1, 100, 80, 5)
    assert totals.dollars == pytest.approx(0.001)
    with pytest.raises(InputError, match="has no call"):
        ledger.raw("other")


def test_the_first_reply_under_a_key_stays(ledger):
    key = call_key(MODEL, REQUEST)
    ledger.record(key, MODEL, REQUEST, REPLY, 0.001)
    ledger.record(key, MODEL, REQUEST, replace(REPLY, text="99"), 0.001)
    assert ledger.find([key])[key].text == "25.31"


@pytest.mark.parametrize(
    "change",
    [
        {"prefix": "prefix"},
        {"query": "query "},
        {"repeat": 1},
        {"attempt": 1},
        {"template": "compact/2"},
        *({"decoding": replace(REQUEST.decoding, **each)} for each in (
            {"max_tokens": 26}, {"temperature": 0.1}, {"temperature": None}, {"top_p": 0.9}, {"seed": 2},
            {"top_logprobs": 6}, {"stop": ()},
        )),
    ],
)  # fmt: skip
def test_everything_that_a_reply_depends_on_is_in_its_key(change):
    assert call_key(MODEL, replace(REQUEST, **change)) != call_key(MODEL, REQUEST)


def test_models_endpoints_and_styles_have_keys_of_their_own(tmp_path):
    (tmp_path / "a.gguf").write_bytes(b"a")
    (tmp_path / "b.gguf").write_bytes(b"b")
    models = [
        MODEL,
        ApiModel("n", "http://127.0.0.1:1/v1"),
        ApiModel("m", "http://127.0.0.1:2/v1"),
        ApiModel("m", "http://127.0.0.1:1/v1", raw=True),
        LocalModel("smollm2-135m"),
        LocalModel(str(tmp_path / "a.gguf")),
        LocalModel(str(tmp_path / "b.gguf")),
    ]
    assert len({call_key(model, REQUEST) for model in models}) == len(models)
    # Where the cut between prefix and query lies changes no reply.
    assert call_key(MODEL, replace(REQUEST, prefix="", query="prefix query")) == call_key(MODEL, REQUEST)


def _write(path, start):
    ledger = Ledger(path)
    for number in range(start, start + 150):
        request = replace(REQUEST, query=str(number))
        ledger.record(call_key(MODEL, request), MODEL, request, replace(REPLY, text=str(number)), None)
    ledger.close()


def test_several_processes_share_it(tmp_path):
    path = tmp_path / "shared.sqlite"
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(path, start)) for start in (0, 100, 200)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    ledger = Ledger(path)
    assert ledger.totals().calls == 350
    assert ledger.totals().dollars is None
    key = call_key(MODEL, replace(REQUEST, query="349"))
    assert ledger.find([key])[key].text == "349"
    ledger.close()


def test_what_is_no_ledger_is_refused(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but long enough to look like one" * 50)
    with pytest.raises(IntegrityError, match="is no ledger"):
        Ledger(path)
    newer = tmp_path / "newer.sqlite"
    database = sqlite3.connect(newer)
    database.execute("PRAGMA user_version=9")
    database.close()
    with pytest.raises(IntegrityError, match="has format 9"):
        Ledger(newer)
    (tmp_path / "folder.sqlite").mkdir()
    with pytest.raises(InputError, match="is a folder; expected a file"):
        Ledger(tmp_path / "folder.sqlite")


def test_a_ledger_that_another_process_holds_is_waited_for_and_then_named(tmp_path, monkeypatch):
    path = tmp_path / "ledger.sqlite"
    Ledger(path).close()
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    monkeypatch.setattr(ledger_module, "_PATIENCE", 0.05)
    with pytest.raises(StorageError, match=r"database is locked; another process holds it: wait"):
        Ledger(path).record("key", MODEL, REQUEST, REPLY, None)
    holder.execute("COMMIT")
    holder.close()
    ledger = Ledger(path)
    ledger.record("key", MODEL, REQUEST, REPLY, None)
    ledger.close()


def test_a_ledger_that_another_process_is_just_making_is_waited_for(tmp_path):
    path = tmp_path / "ledger.sqlite"
    holder = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    holder.execute("CREATE TABLE t (x)")
    holder.execute("BEGIN")  # before the file has its write-ahead log
    holder.execute("SELECT * FROM t").fetchall()
    release = threading.Timer(0.3, lambda: holder.execute("COMMIT"))
    release.start()
    ledger = Ledger(path)
    ledger.record("key", MODEL, REQUEST, REPLY, None)
    ledger.close()
    release.join()
    holder.close()


def test_damaged_settings_of_one_call_leave_the_others_to_count(ledger):
    for repeat in range(3):
        request = replace(REQUEST, repeat=repeat, attempt=repeat)
        ledger.record(call_key(MODEL, request), MODEL, request, REPLY, 0.001)
    database = sqlite3.connect(ledger.path)
    database.execute("UPDATE calls SET settings = '{\"x' WHERE key = ?", (call_key(MODEL, REQUEST),))
    database.commit()
    database.close()
    assert ledger.pace(MODEL).calls == pytest.approx(3 / 2)
    assert sum(ledger.retries().values()) == 2


def test_a_schema_of_bad_bytes_is_no_ledger(tmp_path):
    path = tmp_path / "ledger.sqlite"
    Ledger(path).close()
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode=DELETE")
    database.close()
    data = path.read_bytes()
    assert data.count(b"CREATE TABLE batches") == 1
    path.write_bytes(data.replace(b"CREATE TABLE batches", b"CREATE TA\xc9LE batches"))
    with pytest.raises(IntegrityError, match="is no ledger"):
        Ledger(path)


def _spoil(ledger, key, reply, raw=None):
    database = sqlite3.connect(ledger.path)
    database.execute("UPDATE calls SET reply = CAST(? AS TEXT) WHERE key = ?", (reply, key))
    if raw is not None:
        database.execute("UPDATE calls SET raw = ? WHERE key = ?", (raw, key))
    database.commit()
    database.close()


@pytest.mark.parametrize("bad", [b"x" * 40, b"\xff\xc9" * 20], ids=["bytes", "text that is no UTF-8"])
def test_a_damaged_reply_is_forgotten_and_can_be_given_again(ledger, bad):
    key, other = call_key(MODEL, REQUEST), call_key(MODEL, replace(REQUEST, repeat=1))
    for each in (key, other):
        ledger.record(each, MODEL, REQUEST, REPLY, 0.001)
    _spoil(ledger, key, bad, raw=b"bad as well")
    with pytest.warns(ledger_module.DamagedReplyWarning, match=f"damaged reply {key[:12]}.*never given"):
        assert set(ledger.find([key, other])) == {other}
    ledger.record(key, MODEL, REQUEST, REPLY, 0.001)
    assert ledger.find([key])[key].text == "25.31"


def test_a_damaged_reply_is_read_again_from_its_body(ledger):
    """What was paid for is not bought twice while one of its two copies is whole."""
    body = {"choices": [{"message": {"content": "25.31"}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 100}}
    key = call_key(MODEL, REQUEST)
    ledger.record(key, MODEL, REQUEST, read_body(json.dumps(body), 0.2, MODEL.style), 0.001)
    before = ledger.find([key])
    _spoil(ledger, key, b"x" * 40)
    with pytest.warns(ledger_module.DamagedReplyWarning, match="read again from its body"):
        assert ledger.find([key]) == before
    assert ledger.find([key]) == before  # without a warning: it was mended


def test_batches_are_noted_before_they_are_submitted(ledger):
    ledger.open_batch("token", MODEL, ["a", "b"])
    assert ledger.open_batches(MODEL) == [("token", None, ["a", "b"])]
    ledger.update_batch("token", batch="batch-1")
    assert ledger.open_batches(MODEL) == [("token", "batch-1", ["a", "b"])]
    ledger.update_batch("token", state="done")
    assert ledger.open_batches(MODEL) == []


def test_the_pace_of_a_model_is_what_its_questions_took(ledger):
    """A question is a first call and those for one more token at its branches."""
    assert ledger.pace(MODEL) is None
    for number, tokens in enumerate((5, 1, 1, 5)):
        request = replace(REQUEST, query=str(number), decoding=replace(REQUEST.decoding, max_tokens=tokens))
        ledger.record(call_key(MODEL, request), MODEL, request, replace(REPLY, seconds=0.5), None)
    assert ledger.pace(MODEL) == Pace(calls=2.0, seconds=1.0)
    assert ledger.pace(LocalModel("smollm2-135m")) is None
