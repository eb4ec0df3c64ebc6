import pytest

from foretell.errors import InputError
from foretell.tasks.translation.files import read_files, read_pairs
from tests.tasks.sentences import made_up


@pytest.fixture
def write(tmp_path):
    def write(name, data):
        path = tmp_path / name
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return path

    return write


def test_two_files_and_one_tsv_hold_the_same_pairs(write):
    pairs = made_up(30)
    source = write("a.en", "\ufeff" + "\r\n".join(s for s, _ in pairs) + "\r\n")
    target = write("a.de", "\n".join(t for _, t in pairs))
    table = write("a.tsv", "".join(f"{s}\t{t}\n" for s, t in pairs))
    assert read_pairs([source, target]) == read_pairs([table]) == pairs


def test_a_line_separator_inside_a_sentence_does_not_misalign(write):
    source, target = write("a", "one\u2028more\ntwo\n"), write("b", "eins\nzwei\n")
    assert read_pairs([source, target]) == [("one\u2028more", "eins"), ("two", "zwei")]


def test_neighbouring_lines_stay_together(write):
    raw = read_files([write("a.tsv", "".join(f"{s}\t{t}\n" for s, t in made_up(2000)))])
    sizes = [sum(pair.group == group for pair in raw.pairs) for group in {pair.group for pair in raw.pairs}]
    assert set(sizes) == {10}


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({"a": "x\ny\n", "b": "x\n"}, r"a has 2 lines and .*b has 1, expected as many in both.*align them"),
        ({"a": "", "b": "x\n"}, r"a is empty, expected one sentence a line"),
        ({"a": " \n\n", "b": "x\n"}, r"a is empty"),
        ({"a": b"fine\nbad \xff\n", "b": "x\ny\n"}, r"a, line 2 is not UTF-8 text; convert"),
        ({"a": "x\ty\nz\n"}, r"a, line 2 has 1 column, expected two"),
        ({"a": "x\ty\tz\n"}, r"a, line 1 has 3 columns, expected two"),
        ({"a": "x", "b": "x", "c": "x"}, r"3 files were given, expected two text files or one TSV"),
    ],
)
def test_bad_files_are_named_in_one_sentence(write, files, sentence):
    with pytest.raises(InputError, match=sentence) as caught:
        read_pairs([write(name, data) for name, data in files.items()])
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.tsv cannot be read \(No such file or directory\)"):
        read_files([tmp_path / "nowhere.tsv"])
    with pytest.raises(InputError, match="is a folder"):
        read_pairs([tmp_path])
