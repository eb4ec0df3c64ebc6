import re

from hypothesis import given
from hypothesis import strategies as st

from foretell.display import one_line, plain, shortened
from foretell.errors import InputError, UnknownNameError

HOSTILE = "a\x1b[2J\x1b]0;title\x07\u202eevil\u2066\x9b31m\r\nb\x00\u2028c\ud800"


def test_what_a_terminal_obeys_is_gone():
    assert plain(HOSTILE) == "a [2J ]0;title  evil  31m  b  c "
    assert one_line("  a\n\n b\tc ") == "a b c"


def test_words_of_any_language_stay():
    for text in ("Größe", "می\u200cخواهم", "日本語", "עברית", "👩\u200d👧", "naïve – “x”"):
        assert plain(text) == text


@given(st.text(st.characters()))
def test_plain_is_harmless_and_does_nothing_twice(text: str):
    shown = plain(text)
    assert plain(shown) == shown
    assert len(shown) == len(text)
    assert not re.search("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]", shown)


def test_a_long_text_keeps_its_ends():
    text = "begin " + "x" * 10_000 + " end"
    short = shortened(text, 100)
    assert len(short) == 100
    assert short.startswith("begin x")
    assert short.endswith("x end")
    assert shortened("short", 100) == "short"


def test_messages_are_one_plain_line():
    assert str(InputError(HOSTILE)) == plain(HOSTILE)
    assert len(str(InputError("x" * 10**7))) <= 1500
    assert "\x1b" not in str(UnknownNameError("key", "a", ["\x1b[31m", "\n"]))
