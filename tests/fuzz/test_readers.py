"""Whatever a file holds: it is read, or refused in one plain sentence; never a traceback and never a hang."""

import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foretell.errors import ForetellError
from tests.fuzz.damage import TEXTS, bytewise, valuewise
from tests.fuzz.readers import READERS

LIMIT = 30
"""Seconds of this process's own time that no file may take; the slowest refusal takes about three."""

quick = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=30,
    suppress_health_check=list(HealthCheck),
)


@contextmanager
def no_hang() -> Iterator[None]:
    def stop(*_: object) -> None:
        raise AssertionError(f"more than {LIMIT} s of processor time")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, LIMIT)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def survive(name: str, data: bytes) -> None:
    """Read it; the refusal, if it is one, must be a sentence of ours."""
    with no_hang(), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a torn last line, a damaged cache: told and survived
        try:
            READERS[name].on(data)
        except ForetellError as error:
            sentence = str(error)
            assert sentence, "a refusal without a word"
            assert "\n" not in sentence
            assert len(sentence) <= 1500
            assert not {"\x1b", "\x07", "\u202e", "\x00"} & set(sentence)


@pytest.mark.parametrize("name", READERS)
def test_the_sound_example_is_read(name: str):
    READERS[name].on(READERS[name].seed())


@pytest.mark.parametrize("name", READERS)
@quick
@given(data=st.data())
def test_damaged_bytes(name: str, data: st.DataObject):
    survive(name, data.draw(bytewise(READERS[name].seed())))


@pytest.mark.parametrize("name", [name for name, reader in READERS.items() if reader.kind in ("json", "jsonl", "yaml")])
@quick
@given(data=st.data())
def test_damaged_values(name: str, data: st.DataObject):
    survive(name, data.draw(valuewise(READERS[name].seed(), READERS[name].kind)))


@pytest.mark.parametrize("name", [name for name, reader in READERS.items() if reader.kind == "text"])
@quick
@given(text=st.text(st.characters()))
def test_any_text(name: str, text: str):
    survive(name, text.encode(errors="surrogatepass"))


@pytest.mark.parametrize("name", READERS)
def test_hostile_files(name: str):
    for data in TEXTS.values():
        survive(name, data)


if __name__ == "__main__":  # one file, for a debugger
    survive(sys.argv[1], sys.stdin.buffer.read())
