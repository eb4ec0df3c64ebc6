import gzip

import pytest

from foretell.errors import InputError
from foretell.tasks.translation import CorpusConfig, DamagedCacheWarning, corpus_folder, load_corpus
from tests.tasks.sentences import made_up


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text("".join(f"{source}\t{target}\n" for source, target in made_up(400)))
    return CorpusConfig(name="files", paths=(path,), valid_sentences=25, test_sentences=35)


def test_plain_files_are_cleaned_split_and_described(config, tmp_path):
    corpus = load_corpus(config, tmp_path)
    assert (len(corpus.valid), len(corpus.test)) == (25, 35)
    assert len(corpus.train) + 60 <= 400
    assert corpus.provenance["cleaning"] == {"found": 400, "dropped": {}, "max_words": 12, "rules": 2}
    assert len(corpus.provenance["sha256"]) == 64


def test_a_corpus_is_prepared_once(config, tmp_path, monkeypatch):
    first = load_corpus(config, tmp_path)
    monkeypatch.setattr("foretell.tasks.translation.loading.prepare_corpus", None)
    assert load_corpus(config, tmp_path) == first


def test_changed_settings_or_contents_make_another_corpus(config, tmp_path):
    folder = corpus_folder(config, tmp_path)
    assert corpus_folder(config.model_copy(update={"seed": 1}), tmp_path) != folder
    config.paths[0].write_text("other\tanders\n")
    assert corpus_folder(config, tmp_path) != folder


def test_a_damaged_cache_is_made_again(config, tmp_path):
    first = load_corpus(config, tmp_path)
    (corpus_folder(config, tmp_path) / "valid.tsv").write_text("x\ty\n")
    with pytest.warns(DamagedCacheWarning, match="made again"):
        assert load_corpus(config, tmp_path) == first
    assert load_corpus(config, tmp_path) == first


def test_training_pairs_can_be_limited(config, tmp_path):
    every = load_corpus(config, tmp_path)
    few = load_corpus(config.model_copy(update={"train_sentences": 50}), tmp_path)
    assert len(few.train) == 50
    assert set(few.train) <= set(every.train)
    assert few.test == every.test


def test_own_validation_and_test_files_are_used_whole(config, tmp_path):
    held = tmp_path / "held.tsv"
    held.write_text("only one\tnur eines\n")
    own = config.model_copy(update={"valid_paths": (held,), "test_paths": (held,)})
    corpus = load_corpus(own, tmp_path)
    assert corpus.valid == corpus.test == [("only one", "nur eines")]
    assert len(corpus.train) == 400


def test_nothing_left_after_cleaning_is_refused(config, tmp_path):
    with pytest.raises(InputError, match="0 usable sentence pairs after cleaning"):
        load_corpus(config.model_copy(update={"max_words": 3}), tmp_path)
    held = tmp_path / "held.tsv"
    held.write_text("much too long for this\tviel zu lang dafür\n")
    short = config.model_copy(update={"max_words": 3, "valid_paths": (held,), "test_paths": (held,)})
    with pytest.raises(InputError, match="no validation pair has at most 3 words"):
        load_corpus(short, tmp_path)


KHMER, BURMESE = "សូមបើកភ្លើងនៅក្នុងបន្ទប់ទទួលភ្ញៀវឥឡូវនេះ", "ကျေးဇူးပြု၍ဧည့်ခန်းမီးကိုယခုဖွင့်ပေးပါ"
TIBETAN, THAI = "ད་ལྟ་མགྲོན་ཁང་གི་གློག་སྤར་རོགས་གནང་།", "กรุณาเปิดไฟในห้องนั่งเล่นเดี๋ยวนี้"


@pytest.mark.parametrize(("language", "sentence"), [("km", KHMER), ("my", BURMESE), ("bo", TIBETAN), ("th", THAI)])
def test_a_script_without_spaces_is_kept(tmp_path, language, sentence):
    path = tmp_path / "pairs.tsv"
    lines = [
        f"please turn on lamp {sign} in the living room now\t{sentence}{sign}"
        for sign in map(chr, range(0x4E00, 0x4F2C))
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    corpus = load_corpus(CorpusConfig(name="files", target=language, paths=(path,)), tmp_path)
    assert corpus.provenance["cleaning"]["dropped"] == {}
    assert len(corpus.train) + len(corpus.valid) + len(corpus.test) == 300


@pytest.mark.parametrize("words", [5, 14, 30, 120])
def test_the_longest_sentences_kept_fit_the_corpus(tmp_path, words):
    rest = " ".join(f"w{number}" for number in range(words - 1))
    path = tmp_path / "pairs.tsv"
    path.write_text(
        "".join(f"s{row:x} {rest}\tt{row:x} {rest}\n" for row in range(300)) + f"{'a ' * 500}\t{'b ' * 500}\n"
    )
    cleaning = load_corpus(CorpusConfig(name="files", paths=(path,)), tmp_path).provenance["cleaning"]
    assert cleaning["dropped"] == {"too long": 1}
    assert cleaning["max_words"] == max(words, 12)


def test_home_assistants_texts_stay_as_they_were():
    assert CorpusConfig().max_words == CorpusConfig(target="ga").max_words == 12
    assert CorpusConfig(name="home-assistant", max_words=None).max_words is None


@pytest.mark.parametrize(
    ("line", "settings", "remedy"),
    [
        ("a long sentence {}\tein langer Satz {}", {"max_words": 2}, "raise max_words"),
        ("word{}\tWort{}", {}, "lower min_words"),
        ("the same {}\tthe same {}", {}, "files are of two languages"),
        ("something {}\t", {}, "fill the empty lines"),
        (
            "two {}\tone two three four five six seven eight nine ten eleven twelve 13 14 15 {}",
            {"max_words": 30},
            "belong together",
        ),
    ],
)
def test_the_advice_names_the_cause(tmp_path, line, settings, remedy):
    path = tmp_path / "pairs.tsv"
    path.write_text("".join(line.replace("{}", f"{row:b}") + "\n" for row in range(50)))
    with pytest.raises(InputError, match=remedy):
        load_corpus(CorpusConfig(name="files", paths=(path,), **settings), tmp_path)


def test_packed_files_are_read_and_damaged_ones_refused(config, tmp_path):
    packed = tmp_path / "pairs.tsv.gz"
    packed.write_bytes(gzip.compress(config.paths[0].read_bytes()))
    assert load_corpus(config.model_copy(update={"paths": (packed,)}), tmp_path) == load_corpus(config, tmp_path)
    unnamed = tmp_path / "pairs"  # whose name does not say that it is packed
    unnamed.write_bytes(packed.read_bytes())
    assert load_corpus(config.model_copy(update={"paths": (unnamed,)}), tmp_path) == load_corpus(config, tmp_path)
    packed.write_bytes(packed.read_bytes()[:-20])
    with pytest.raises(InputError, match="not a sound gz file"):
        load_corpus(config.model_copy(update={"paths": (packed,)}), tmp_path)


def test_files_packed_otherwise_are_refused_with_what_is_read(config, tmp_path):
    packed = tmp_path / "pairs.tsv.zst"
    packed.write_bytes(b"\x28\xb5\x2f\xfd\x24\x0c\x61")
    says = (
        r"is packed by Zstandard, expected UTF-8 text, plain or packed as \.gz, \.bz2 or \.xz; unpack it with zstd -d"
    )
    with pytest.raises(InputError, match=says):
        load_corpus(config.model_copy(update={"paths": (packed,)}), tmp_path)
