"""Every reply that was ever paid for or computed, on disk the moment it exists.

One SQLite file in WAL mode that several processes may share. A call's key holds everything that its reply
depends on, and the raw body is what is stored: numbers are read from it each time anew, so a better parser
needs no new call and a bad parse is never served as an answer.

`kill -9` at any moment loses the calls in flight and nothing else.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
import time
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from foretell.errors import InputError, IntegrityError, StorageError
from foretell.llm.model import LanguageModel, Reply, Request
from foretell.llm.packing import DAMAGE, MOST_BYTES, inflate, pack, unpack
from foretell.llm.reading import read_body
from foretell.records import canonical_json, storage

__all__ = ["DamagedReplyWarning", "Ledger", "Pace", "Totals", "call_key"]

_FORMAT = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS texts (id TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS calls (
  key TEXT PRIMARY KEY, at TEXT NOT NULL, endpoint TEXT NOT NULL, model TEXT NOT NULL, template TEXT NOT NULL,
  settings TEXT NOT NULL, prefix TEXT NOT NULL, query TEXT NOT NULL, raw BLOB NOT NULL, reply BLOB NOT NULL,
  prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, cached_tokens INTEGER NOT NULL,
  dollars REAL, seconds REAL NOT NULL, fingerprint TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS batches (
  token TEXT PRIMARY KEY, id TEXT, endpoint TEXT NOT NULL, model TEXT NOT NULL, at TEXT NOT NULL,
  state TEXT NOT NULL, keys TEXT NOT NULL) WITHOUT ROWID;
"""
_CHUNK = 500
_PATIENCE = 60.0  # seconds that another process may hold the file


def call_key(model: LanguageModel, request: Request) -> str:
    """The name of a call: equal exactly when everything is that its reply depends on."""
    return hashlib.sha256(canonical_json({**_settings(model, request), "prompt": request.prompt}).encode()).hexdigest()


def _settings(model: LanguageModel, request: Request) -> dict[str, Any]:
    return {
        "format": _FORMAT,
        "endpoint": model.endpoint,
        "model": model.model,
        "identity": dict(model.identity),
        "style": model.style,
        "template": request.template,
        "decoding": request.decoding.to_dict(),
        "repeat": request.repeat,
        "attempt": request.attempt,
    }


@dataclass(frozen=True)
class Totals:
    """Sums over calls.

    Attributes:
        calls: How many.
        prompt_tokens: Tokens read, cached ones included.
        cached_tokens: Those of them that came from a prefix cache.
        completion_tokens: Tokens written.
        dollars: Money; None where a price is unknown.
        seconds: Waiting time, calls at the same time counted each.
    """

    calls: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    dollars: float | None
    seconds: float


@dataclass(frozen=True)
class Pace:
    """Averages over questions; a number that is read from its digits' probabilities takes a few calls.

    Attributes:
        calls: Of a question: the first and those for one more token at its branches.
        seconds: Of a question, its calls one after the other.
    """

    calls: float
    seconds: float


_ANOTHER = "choose another (--ledger, FORETELL_LEDGER)"


class DamagedReplyWarning(UserWarning):
    """A reply in the ledger cannot be read any more; its raw body is read again, or it counts as never given."""


class Ledger:
    """The file of all calls.

    Args:
        path: The SQLite file, made with its folders where it does not exist.

    Raises:
        IntegrityError: The file is no ledger, or of another version.
        StorageError: The disk refused.
        InputError: No file can have this path.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        with storage(path):
            if path.is_dir():
                raise InputError(
                    f"the ledger {path} is a folder; expected a file, which is made if it is not there: {_ANOTHER}."
                )
            path.parent.mkdir(parents=True, exist_ok=True)
        with self._errors():
            self._database = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
            self._write_ahead()
            self._database.execute("PRAGMA synchronous=NORMAL")
            self._database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_BYTES)
            # A flipped bit makes text of what was bytes. That damages one call; refusing the text would damage all.
            self._database.text_factory = _text
            self._refuse_programs()
            version = self._database.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, _FORMAT):
                raise IntegrityError(f"the ledger {path} has format {version}; this version reads {_FORMAT}.")
            self._database.executescript(_SCHEMA)
            self._database.execute(f"PRAGMA user_version={_FORMAT}")

    def _write_ahead(self) -> None:
        """Change to the write-ahead log: the one statement with which SQLite may not wait for another process."""
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                self._database.execute("PRAGMA journal_mode=WAL")
                return
            except sqlite3.OperationalError as error:
                if not _is(error, "SQLITE_BUSY") or time.monotonic() > until:
                    raise
                time.sleep(0.05)

    def _refuse_programs(self) -> None:
        """A ledger holds tables only: views and triggers of a stranger's file would run when it is used."""
        other = self._database.execute("SELECT type, name FROM sqlite_master WHERE type NOT IN ('table', 'index')")
        if found := other.fetchone():
            raise IntegrityError(f"{self.path} is no ledger (it has the {found[0]} {found[1]}); {_ANOTHER}.")

    def close(self) -> None:
        """Close the file; what was recorded is on disk already."""
        self._database.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise StorageError(f"cannot use the ledger {self.path}: {error}; {_advice(error)}.") from error
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # the latter in place of a message with bad bytes
            raise IntegrityError(f"{self.path} is no ledger ({error}); move it away or {_ANOTHER}.") from error

    def _run(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        with self._errors(), self._lock:
            return self._database.execute(statement, values).fetchall()

    def record(self, key: str, model: LanguageModel, request: Request, reply: Reply, dollars: float | None) -> None:
        """Keep a reply; the first one under a key stays."""
        prefix = hashlib.sha256(request.prefix.encode()).hexdigest()
        self._run("INSERT OR IGNORE INTO texts VALUES (?, ?)", (prefix, request.prefix))
        now = datetime.now(UTC).isoformat(timespec="seconds")
        settings = canonical_json(_settings(model, request))
        counts = (reply.usage.prompt, reply.usage.completion, reply.usage.cached)
        names = (key, now, model.endpoint, model.model, request.template, settings, prefix, request.query)
        packed = (zlib.compress(reply.raw.encode()), pack(reply))
        row = (*names, *packed, *counts, dollars, reply.seconds, reply.fingerprint)
        self._run(f"INSERT OR IGNORE INTO calls VALUES ({', '.join('?' * len(row))})", row)  # noqa: S608

    def find(self, keys: Sequence[str]) -> dict[str, Reply]:
        """The replies that are there, by key."""
        found: dict[str, Reply] = {}
        for start in range(0, len(keys), _CHUNK):
            part = keys[start : start + _CHUNK]
            marks = ", ".join("?" * len(part))
            rows = self._run(f"SELECT key, reply FROM calls WHERE key IN ({marks})", part)  # noqa: S608
            for key, packed in rows:
                reply = self._reply(key, packed)
                if reply is not None:
                    found[key] = reply
        return found

    def _reply(self, key: str, packed: Any) -> Reply | None:
        """What was recorded; where it is damaged, what its raw body says; where that is, too, it is forgotten.

        A forgotten question can be asked again.
        """
        try:
            return unpack(packed)
        except DAMAGE as error:
            again = self._read_again(key)
            counts = "it counts as never given" if again is None else "it was read again from its body"
            warnings.warn(
                f"the ledger {self.path} had a damaged reply {key[:12]} ({error}); {counts}.",
                DamagedReplyWarning,
                stacklevel=3,
            )
            if again is None:
                self._run("DELETE FROM calls WHERE key = ?", (key,))
                return None
            self._run("UPDATE calls SET reply = ? WHERE key = ?", (pack(again), key))
            return replace(again, raw="", recorded=True)

    def _read_again(self, key: str) -> Reply | None:
        """The reply in a call's raw body; None where that is damaged as well, or the call has gone."""
        for raw, seconds, settings in self._run("SELECT raw, seconds, settings FROM calls WHERE key = ?", (key,)):
            with suppress(*DAMAGE):
                reply = read_body(inflate(raw).decode(), float(seconds), json.loads(settings)["style"])
                return None if reply.failure else reply
        return None

    def by_model(self) -> list[tuple[str, str, Totals]]:
        """Endpoint, model and the sums over its calls."""
        rows = self._run(
            "SELECT endpoint, model, count(*), sum(prompt_tokens), sum(cached_tokens), sum(completion_tokens), "
            "CASE WHEN count(*) = count(dollars) THEN sum(dollars) END, sum(seconds) "
            "FROM calls GROUP BY endpoint, model ORDER BY endpoint, model"
        )
        try:
            return [(str(row[0]), str(row[1]), _totals(row[2:])) for row in rows]
        except DAMAGE as error:
            raise self._damaged("call") from error

    def pace(self, model: LanguageModel) -> Pace | None:
        """What a question to a model took on average so far, or None where it was never asked one."""
        rows = self._run(
            f"SELECT count(*), sum(seconds), sum({_setting('decoding.max_tokens')} > 1) "  # noqa: S608
            "FROM calls WHERE endpoint = ? AND model = ?",
            (model.endpoint, model.model),
        )
        calls, seconds, questions = rows[0]
        return Pace(calls / questions, seconds / questions) if questions else None

    def retries(self) -> dict[tuple[str, str], int]:
        """By endpoint and model, the calls that asked again after a reply that could not be used."""
        rows = self._run(
            f"SELECT endpoint, model, count(*) FROM calls WHERE {_setting('attempt')} > 0 "  # noqa: S608
            "GROUP BY endpoint, model"
        )
        return {(endpoint, model): count for endpoint, model, count in rows}

    def totals(self) -> Totals:
        """The sums over all calls."""
        each = [totals for _, _, totals in self.by_model()]
        known = [totals.dollars for totals in each if totals.dollars is not None]
        return Totals(
            sum(totals.calls for totals in each),
            sum(totals.prompt_tokens for totals in each),
            sum(totals.cached_tokens for totals in each),
            sum(totals.completion_tokens for totals in each),
            sum(known) if len(known) == len(each) else None,
            sum(totals.seconds for totals in each),
        )

    def keys(self) -> list[str]:
        """The keys of all calls."""
        return [key for (key,) in self._run("SELECT key FROM calls ORDER BY at, key")]

    def raw(self, key: str) -> str:
        """The body of a call as it came.

        Raises:
            InputError: There is no such call.
        """
        rows = self._run("SELECT raw FROM calls WHERE key = ?", (key,))
        if not rows:
            raise InputError(f"the ledger {self.path} has no call {key[:12]}; it may be in another one.")
        try:
            return inflate(rows[0][0]).decode()
        except DAMAGE as error:
            raise IntegrityError(
                f"the ledger {self.path} has a damaged call {key[:12]} ({error}); move the file away or {_ANOTHER}."
            ) from error

    # ---- batches that a provider works on

    def open_batch(self, token: str, model: LanguageModel, keys: Sequence[str]) -> None:
        """Note that a batch is about to be submitted, before it is."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        row = (token, None, model.endpoint, model.model, now, "open", json.dumps(list(keys)))
        self._run("INSERT INTO batches VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def update_batch(self, token: str, *, batch: str | None = None, state: str | None = None) -> None:
        """Note a batch's id or its new state ("open", "done")."""
        self._run(
            "UPDATE batches SET id = coalesce(?, id), state = coalesce(?, state) WHERE token = ?", (batch, state, token)
        )

    def open_batches(self, model: LanguageModel) -> list[tuple[str, str | None, list[str]]]:
        """Token, id (None where submission was interrupted) and call keys of batches that are not done."""
        rows = self._run(
            "SELECT token, id, keys FROM batches WHERE state = 'open' AND endpoint = ? AND model = ? ORDER BY at",
            (model.endpoint, model.model),
        )
        try:
            return [(str(token), batch and str(batch), list(map(str, json.loads(keys)))) for token, batch, keys in rows]
        except DAMAGE as error:
            raise self._damaged("batch") from error

    def _damaged(self, what: str) -> IntegrityError:
        return IntegrityError(f"the ledger {self.path} has a damaged {what}; move the file away or {_ANOTHER}.")


def _text(data: bytes) -> str:
    return data.decode(errors="replace")


def _totals(sums: Sequence[Any]) -> Totals:
    calls, prompt, cached, completion, dollars, seconds = sums
    money = None if dollars is None else float(dollars)
    return Totals(int(calls), int(prompt), int(cached), int(completion), money, float(seconds))


def _setting(name: str) -> str:
    """SQL for one of a call's settings; null where they are damaged, for an error would make all calls unusable."""
    return f"CASE WHEN json_valid(settings) THEN json_extract(settings, '$.{name}') END"


def _is(error: sqlite3.OperationalError, kind: str) -> bool:
    return str(getattr(error, "sqlite_errorname", "")).startswith(kind)  # none where Python itself refuses


def _advice(error: sqlite3.OperationalError) -> str:
    """What to do about a refusal of the disk."""
    if _is(error, "SQLITE_BUSY"):
        return f"another process holds it: wait for it to end, or {_ANOTHER}"
    if _is(error, "SQLITE_FULL"):
        return "make room, then run the same command again"
    return f"see that its folder can be written, or {_ANOTHER}"
