import gzip
import os
import re
import threading
from pathlib import Path

import pytest

from foretell.errors import InputError
from foretell.parsing import parse_json, parse_yaml, read_bytes, read_text, read_yaml


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[NaN]", "the number NaN is not finite"),
        ("[-Infinity]", "the number -Infinity is not finite"),
        ("1e999", "the number 1e999 is not finite"),
        (str(2**63), "has more than 64 bits"),
        ("-" + "9" * 5000, "has more than 64 bits"),
        ("[" * 33 + "]" * 33, "nested more than 32 deep"),
        ('{"a":' * 100_000, "nested more than 32 deep"),
        ('{"a": "\\ud800"}', "half a surrogate pair"),
        ('"\x00"', "Invalid control character"),
        ("{} {}", "Extra data"),
        ("", "Expecting value"),
    ],
)
def test_json_that_is_refused(text: str, why: str):
    with pytest.raises(ValueError, match=re.escape(why)) as caught:
        parse_json(text)
    assert len(str(caught.value)) < 200


def test_json_that_is_taken():
    assert parse_json(b'\xef\xbb\xbf{"a": [1.5, -9223372036854775808, null, "\\ud83d\\ude00"]}') == {
        "a": [1.5, -(2**63), None, "😀"]
    }
    assert parse_json("[" * 32 + "]" * 32)
    assert parse_json('{"digits": "' + "1" * 40 + '"}') == {"digits": "1" * 40}


LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{b}: &{b} [*{a},*{a},*{a},*{a},*{a},*{a},*{a},*{a},*{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (LAUGHS, "found the alias *a, which is not taken, line 2"),
        ("a: &a [*a]", "found the alias *a"),
        ("<<: *a", "found the alias *a"),
        ("!!python/object/apply:os.system [ls]", "found the tag tag:yaml.org,2002:python/object/apply:os.system"),
        ("x: !!binary aGk=", "found the tag"),
        ("!local 1", "found the tag !local"),
        ("a: 1\nb: 2\na: 3", "found a key twice, line 1"),
        ("[" * 5000, "nested more than 32 deep"),
        ("".join(f"{' ' * i}a:\n" for i in range(40)), "nested more than 32 deep, line"),
        ("a: .nan", "the number .nan is too large, or none, line 1"),
        ("a: -.inf", "the number -.inf is too large"),
        ("a: " + "9" * 5000, "is too large"),
        ("1" + ":1" * 50_000, "is too large"),
        ("? [a]\n: 1", "unhashable key"),
        ('"a\x00"', "special characters are not allowed"),
        ("a\n---\nb", "but found another document, line 2"),
    ],
)
def test_yaml_that_is_refused(text: str, why: str):
    with pytest.raises(ValueError, match=re.escape(why)) as caught:
        parse_yaml(text)
    assert len(str(caught.value)) < 200


def test_yaml_that_is_taken():
    text = "\ufeff# comment\nwords: [yes, no, ~]\nnumbers: [1, 0x10, 1.5, -2.5e-3]\ndate: 2026-13-45\n<<: kept\n"
    assert parse_yaml(text.removeprefix("\ufeff")) == {
        "words": ["yes", "no", None],
        "numbers": [1, 16, 1.5, -0.0025],
        "date": "2026-13-45",
        "<<": "kept",
    }
    assert parse_yaml("") is None


@pytest.mark.parametrize("text", ["no", "NO", "yes", "on", "off", "y", "n", "Off", "No"])
def test_words_that_yaml_1_1_takes_for_truth_values_are_words(text):
    assert parse_yaml(f"target: {text}") == {"target": text}


@pytest.mark.parametrize("text", ["true", "True", "TRUE", "false", "False", "FALSE"])
def test_truth_values(text):
    assert parse_yaml(f"[{text}]") == [text.lower() == "true"]


@pytest.mark.parametrize("text", ["1e-3", "1E-3", "1.0e-3", "0.001", "1.e-3", "+1e-03", "1e5", "1.5e5", "-2e+3"])
def test_numbers_with_exponents(text):
    assert parse_yaml(f"[{text}]") == [float(text)]


@pytest.mark.parametrize("text", ["1e", "e5", "1e-3x", "v1e5", "truetype", "false positives"])
def test_what_only_looks_like_a_number_is_a_word(text):
    assert parse_yaml(f"[{text}]") == [text]


def test_yaml_files(tmp_path: Path):
    path = tmp_path / "study.yaml"
    path.write_bytes(b"\xef\xbb\xbfname: x\r\nspace: y\r\n")
    assert read_yaml(path, "the study") == {"name": "x", "space": "y"}
    path.write_text("a: [")
    with pytest.raises(InputError, match=re.escape(f"the study {path} is not valid YAML (")):
        read_yaml(path, "the study")
    path.write_text("a: 1\n" * 100_000)
    with pytest.raises(InputError, match="has more than 128 KiB, the most that is read"):
        read_yaml(path, "the study")


def test_files_that_cannot_be_read(tmp_path: Path):
    cases = [
        (tmp_path / "none", "does not exist; check the path."),
        (tmp_path, "is a folder; expected a file."),
        (tmp_path / "a\0b", "cannot be read (embedded null byte); check the path."),
        (tmp_path / ("x" * 300), "cannot be read (File name too long); check the path."),
        (tmp_path / "text" / "more", "cannot be read (Not a directory); check the path."),
    ]
    (tmp_path / "text").write_text("x")
    for path, sentence in cases:
        with pytest.raises(InputError, match=re.escape(sentence)) as caught:
            read_bytes(path)
        assert str(caught.value).isprintable()
    (tmp_path / "text").write_bytes(b"fine\nbad \xff")
    with pytest.raises(InputError, match="line 2 is not UTF-8 text; convert the file to UTF-8"):
        read_text(tmp_path / "text")


@pytest.mark.parametrize(
    ("data", "what", "remedy"),
    [
        (b"\x28\xb5\x2f\xfd\x24\x0c", "packed by Zstandard", "zstd -d"),
        (gzip.compress(b"text", mtime=0), "packed by gzip", "gzip -d"),
        (b"PK\x03\x04\x14\0", "a zip archive (as .docx, .xlsx, .odt and .npz are)", "unpack it, or save"),
        (b"7z\xbc\xaf\x27\x1c\0", "a 7z archive", "7z x"),
        (b"PAR1\x15\x04\xff", "a Parquet table", "pandas.read_parquet"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", "a PDF", "pdftotext"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "an old Office document", "save what it holds as text"),
        (b"a.txt".ljust(257, b"\0") + b"ustar\0", "a tar archive", "tar xf"),
        ("text".encode("utf-16"), "UTF-16 text", "iconv -f UTF-16"),
        (b"\0\x01\xff", "a binary file", "check the path"),
    ],
)
def test_what_is_no_text_is_called_what_it_is(tmp_path: Path, data, what, remedy):
    (tmp_path / "corpus.en").write_bytes(data)
    says = f"corpus.en is {what}, expected UTF-8 text; "
    with pytest.raises(InputError, match=f"{re.escape(says)}.*{re.escape(remedy)}"):
        read_text(tmp_path / "corpus.en")


def test_text_that_begins_like_another_kind_is_text(tmp_path: Path):
    for text in ("PAR1 is how it begins", "BZh", "%PDF- they say", "Rar!"):
        (tmp_path / "text").write_text(text)
        assert read_text(tmp_path / "text") == text


def test_a_device_without_end_is_read_to_the_limit():
    with pytest.raises(InputError, match="/dev/zero has more than 1 MiB"):
        read_bytes(Path("/dev/zero"), most=1 << 20)


def test_a_pipe_is_a_file(tmp_path: Path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(b"abc",))
    writer.start()
    assert read_bytes(pipe) == b"abc"
    writer.join()
