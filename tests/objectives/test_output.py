import pytest

from foretell.objectives.output import JsonLines, Log, last_object


@pytest.mark.parametrize("piece", [1, 3, 7, 1000])
def test_a_log_keeps_both_ends_however_it_arrives(tmp_path, piece):
    data = b"".join(b"%04d\n" % n for n in range(1000))
    log = Log(tmp_path / "log", 100)
    for start in range(0, len(data), piece):
        log.write(data[start : start + piece])
    assert (tmp_path / "log").read_bytes() == data[:50]
    log.close()
    assert (tmp_path / "log").read_bytes() == data[:50] + b"\n... 4,900 bytes are left out here ...\n" + data[-50:]


@pytest.mark.parametrize("length", [0, 40, 50, 51, 99, 100])
def test_a_short_log_is_whole(tmp_path, length):
    log = Log(tmp_path / "log", 100)
    log.write(b"x" * length)
    log.close()
    assert (tmp_path / "log").read_bytes() == b"x" * length


STREAMS = [
    (b'{"a": 1}\n{"a": 2}\n', {"a": 2}, '{"a": 2}'),
    (b'  {"a": 1}  \r\nthe end', {"a": 1}, "the end"),
    (b'{"a": 1}\n\n{broken}\n \n', {"a": 1}, "{broken}"),
    (b' 10%\r 90%\r{"a": 1}', {"a": 1}, '{"a": 1}'),
    (b"[1, 2]\n3\nnull\n", None, "null"),
    (b"", None, ""),
    (b'\xff\xfe\n{"a": "\xff"}\n{"a": 1}\n\xff', {"a": 1}, "\ufffd"),
    (b"{" * 100_000 + b"}" * 100_000 + b'\n{"a": 1}\n', {"a": 1}, '{"a": 1}'),
    (b'{"a": 1}\n{"a": "' + b"x" * (3 << 20) + b'"}\nend\n', {"a": 1}, "end"),
]


@pytest.mark.parametrize("piece", [1 << 16, 50])
@pytest.mark.parametrize(("data", "found", "last"), STREAMS, ids=range(len(STREAMS)))
def test_the_last_object_and_the_last_line_of_a_stream(data, found, last, piece):
    lines = JsonLines()
    for start in range(0, len(data), piece):
        lines.write(data[start : start + piece])
    assert lines.last_object() == found
    assert lines.last_line == last
    assert lines.silent == (not data)


def test_objects_are_found_among_many_other_lines():
    lines = JsonLines()
    lines.write(b'{"a": 1}\n' + b"step {} of 3}\n" * 10 + b"words\n" * 10_000)
    assert lines.last_object() == {"a": 1}


def test_a_file_may_be_one_object_over_several_lines():
    assert last_object(b'{\n"a": {"b": 1}\n}\n') == {"a": {"b": 1}}
    assert last_object(b"\xff") is None
