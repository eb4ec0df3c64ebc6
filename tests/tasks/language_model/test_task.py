"""Text as a task: reading, splitting, pieces, blocks, floors."""

import bz2
import gzip
import json
import lzma
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from foretell.errors import InputError, IntegrityError, UnknownNameError
from foretell.tasks import EOS, PAD, task_kind
from foretell.tasks.language_model import BlockBatches, LanguageModelling, TextConfig, load_vocabulary, text_batches
from foretell.tasks.language_model.documents import Document, each_text_once, read_files, read_python_sources
from foretell.tasks.language_model.ngram import NGram
from foretell.tasks.language_model.splitting import deduplicate, split_documents
from foretell.tasks.language_model.vocabulary import BYTES, train_vocabulary
from foretell.tasks.translation import home_assistant
from foretell.tasks.translation.loading import DamagedCacheWarning

WORDS = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"]


def source(number):
    """A small program, different for each number."""
    rng = np.random.default_rng(number)
    form = "def {}_{}(x, y):\n\tif x > {}:\n        return y\n"
    lines = [form.format(WORDS[a], WORDS[b], c) for a, b, c in rng.integers(10, size=(8, 3))]
    return "".join(lines) + f"# Größe {WORDS[number % 10]} → {WORDS[number // 10 % 10]} ✓\n"


@pytest.fixture
def folder(tmp_path):
    for number in range(40):
        file = tmp_path / "code" / f"part{number % 8}" / f"file{number}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source(number), encoding="utf-8")
    return tmp_path / "code"


@pytest.fixture
def config(folder):
    return TextConfig(name="files", paths=(folder,), block=16, valid_bytes=1200, test_bytes=1500)


def test_files_folders_and_json_lines_are_documents(tmp_path, folder):
    (folder / "picture.png").write_bytes(b"\x89PNG\0\0")
    (folder / ".hidden").write_text("secret")
    lines = tmp_path / "texts.jsonl"
    lines.write_text('{"body": "one"}\n\n{"body": "two\\nlines"}\n')
    found = read_files([folder, lines, folder / "part1" / "file1.py"], "body")
    assert len(found) == 40 + 2 + 1
    assert found[0].group == str(folder / "part0")
    assert [each.text for each in found[40:42]] == ["one", "two\nlines"]
    assert found[40].group != found[41].group


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b" \n ", "is empty"),
        (b"ab\0cd", "is a binary file"),
        (b"caf\xe9", "not UTF-8"),
    ],
)
def test_a_file_that_is_no_text_is_one_sentence(tmp_path, content, sentence):
    file = tmp_path / "a.txt"
    file.write_bytes(content)
    with pytest.raises(InputError, match=sentence):
        read_files([file], "text")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("{", "line 1 is not JSON"),
        ('{"body": "x"}', "no text in the field 'text' .body."),
        ('{"text": 3}', "no text in the field 'text'"),
        ("[]", "no text in the field 'text' .list."),
    ],
)
def test_json_lines_without_text_are_told(tmp_path, line, sentence):
    (tmp_path / "a.jsonl").write_text(line + "\n")
    with pytest.raises(InputError, match=sentence):
        read_files([tmp_path / "a.jsonl"], "text")


def test_a_folder_without_text_and_a_missing_file_are_told(tmp_path):
    with pytest.raises(InputError, match=r"no file below .*; check the path"):
        read_files([tmp_path], "text")
    (tmp_path / "part.txt.zst").write_bytes(b"\x28\xb5\x2f\xfd\x24\x0c")
    with pytest.raises(InputError, match=r"no file below .*: .*part\.txt\.zst is packed by Zstandard, .*zstd -d"):
        read_files([tmp_path], "text")
    with pytest.raises(InputError, match=r"missing\.txt"):
        read_files([tmp_path / "missing.txt"], "text")


def test_sources_of_a_wheel_are_grouped_by_component(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.whl", "w") as archive:
        for name in ("components/lamp/__init__.py", "components/lamp/light.py", "core.py", "components/lamp/a.json"):
            archive.writestr(f"homeassistant/{name}", f"# {name}\n")
        archive.writestr("homeassistant/components/lamp/tests/test_a.py", "assert True\n")
    found = read_python_sources(tmp_path / "a.whl")
    assert [each.group for each in found] == ["core", "lamp", "lamp"]
    with zipfile.ZipFile(tmp_path / "b.whl", "w") as archive:
        archive.writestr("other/core.py", "x = 1\n")
    with pytest.raises(IntegrityError, match="holds no Python sources"):
        read_python_sources(tmp_path / "b.whl")


def test_a_text_that_many_components_show_is_read_once(tmp_path):
    def written(components):
        with zipfile.ZipFile(tmp_path / "a.whl", "w") as archive:
            for name, texts in components.items():
                tree = json.dumps({"config": {str(n): text for n, text in enumerate(texts)}})
                archive.writestr(f"homeassistant/components/{name}/translations/en.json", tree)
                archive.writestr(f"homeassistant/components/{name}/translations/de.json", '{"a": "Lampe"}')
        return home_assistant.read_messages(tmp_path / "a.whl", "en")

    messages = written({"lamp": ["Connection failed", "Turn on", "Turn on"], "door": ["Connection failed", "Open"]})
    assert each_text_once(messages) == [
        Document("door", "Connection failed\nOpen\n"),
        Document("lamp", "Turn on\n"),
    ]
    assert each_text_once(written({"door": ["Open"], "lid": ["Open"]})) == [Document("door", "Open\n")]


def test_near_copies_and_groups_do_not_leak():
    documents = [Document(f"g{n % 10}", source(n)) for n in range(60)]
    copies = [Document("other", each.text.replace("(x, y)", "(X,  Y)").replace("3", "17")) for each in documents[:20]]
    kept = deduplicate([*documents, *copies])
    assert kept == documents
    splits = split_documents(kept, None, 900, 900, seed=1)
    where = {document.text: document.group for document in documents}

    def groups(texts, whole):
        same = str.__eq__ if whole else str.startswith
        return {group for text, group in where.items() if any(same(text, each) for each in texts)}

    train, valid, test = groups(splits.train, True), groups(splits.valid, False), groups(splits.test, False)
    assert not train & valid
    assert not train & test
    assert not valid & test
    assert 0 < sum(len(text.encode()) for text in splits.valid) <= 900
    assert splits == split_documents(kept, None, 900, 900, seed=1) != split_documents(kept, None, 900, 900, seed=2)
    limited = split_documents(kept, 3000, 900, 900, seed=1)
    assert limited.valid == splits.valid
    assert len(limited.train) < len(splits.train)


def test_one_document_cannot_be_split():
    with pytest.raises(InputError, match="is 1 document after near-copies are dropped, and has no lines to cut at"):
        split_documents([Document("a", "text")], None, 10, 10, 0)


def test_one_long_text_is_cut_into_parts_between_lines():
    text = "".join(f"paragraph {number}\nand its end\n\n" for number in range(300))
    splits = split_documents([Document("a", text)], None, 400, 400, 0)
    parts = [*splits.train, *splits.valid, *splits.test]
    assert all(part.startswith("paragraph") and part.endswith("end\n\n") for part in splits.train)
    assert len("".join(parts)) <= len(text)
    assert len(splits.train) > 50


@pytest.mark.parametrize("packer", [gzip, bz2, lzma])
def test_packed_text_is_read(tmp_path, packer):
    ending = {"gzip": "gz", "bz2": "bz2", "lzma": "xz"}[packer.__name__]
    (tmp_path / f"a.txt.{ending}").write_bytes(packer.compress(b"some text\n"))
    (tmp_path / f"b.jsonl.{ending}").write_bytes(packer.compress(b'{"text": "more"}\n'))
    found = read_files([tmp_path / f"a.txt.{ending}", tmp_path / f"b.jsonl.{ending}"], "text")
    assert [document.text for document in found] == ["some text\n", "more"]
    (tmp_path / f"c.txt.{ending}").write_bytes(b"no such thing")
    with pytest.raises(IntegrityError, match=f"is not a sound {ending} file"):
        read_files([tmp_path / f"c.txt.{ending}"], "text")


def test_documents_of_one_folder_are_split_one_by_one():
    splits = split_documents([Document("a", source(n)) for n in range(30)], None, 400, 400, 0)
    assert splits.train
    assert splits.valid
    assert splits.test


@pytest.mark.parametrize(("kind", "code"), [("bpe", True), ("bpe", False), ("unigram", True), ("bytes", True)])
def test_pieces_spell_every_text_back(tmp_path, kind, code):
    texts = [source(n) for n in range(40)]
    vocabulary = train_vocabulary(texts, 330, kind, code=code)
    hard = [*texts[:5], "  two  spaces ", "\n\n\ttab\n", "汉字 emoji 🙂", " leading", "trailing "]
    assert vocabulary.decode(vocabulary.encode(hard)) == hard
    vocabulary.save(tmp_path / "vocabulary.model")
    again = load_vocabulary(tmp_path / "vocabulary.model")
    assert again.fingerprint == vocabulary.fingerprint
    assert again.encode(hard) == vocabulary.encode(hard)
    assert vocabulary.size == (BYTES if kind == "bytes" else 330)
    assert vocabulary.decode([[*vocabulary.encode(["ab"])[0], EOS, 77]]) == ["ab"]


def test_a_vocabulary_that_does_not_fit_is_told():
    with pytest.raises(InputError, match="cannot hold all bytes"):
        train_vocabulary(["text"], 100, "bpe", code=True)
    with pytest.raises(
        InputError, match=r"of 280 pieces cannot hold all bytes and the text's alphabet, 3\d\d are needed; raise"
    ):
        train_vocabulary([source(n) for n in range(40)], 280, "bpe", code=True)
    assert BYTES < train_vocabulary([source(1)], 5000, "bpe", code=True).size < 5000


def test_blocks_cover_an_epoch_and_depend_on_seed_and_epoch_alone():
    tokens = np.arange(1000, dtype=np.int32) + 4
    batches = BlockBatches(tokens, 10, 40, seed=3)
    assert len(batches) == 24
    for epoch in (0, 5):
        seen = torch.cat([batch.inputs[:, 0] for batch in batches.epoch(epoch)])
        assert len(set(seen.tolist())) == len(seen) == 96
        assert len(set((seen % 10).tolist())) == 1
    batch = batches.epoch(2)[7]
    assert batch.tokens == 40
    assert batch.inputs.shape == (4, 10)
    assert (batch.targets == batch.inputs + 1).all()
    again = BlockBatches(tokens, 10, 40, seed=3).epoch(2)[7]
    assert again.inputs.equal(batch.inputs)
    assert not BlockBatches(tokens, 10, 40, seed=4).epoch(2)[7].inputs.equal(batch.inputs)
    with pytest.raises(IndexError):
        batches.epoch(0)[24]


def test_a_text_shorter_than_a_batch_is_told():
    with pytest.raises(InputError, match="too few for a batch of 4 blocks of 10"):
        BlockBatches(np.arange(40, dtype=np.int32), 10, 40)


def test_validation_has_every_target_once():
    tokens = np.arange(4, 60, dtype=np.int32)
    found = text_batches(tokens, 10, 20)
    targets = torch.cat([batch.targets.flatten() for batch in found])
    assert targets[targets != PAD].tolist() == list(range(5, 60))
    assert sum(batch.tokens for batch in found) == 55


def test_a_task_is_kept_and_read_back(config, tmp_path):
    first = LanguageModelling.prepare(config, 320, tmp_path / "cache")
    again = LanguageModelling.prepare(config, 320, tmp_path / "cache")
    assert again.fingerprint == first.fingerprint
    assert all((again.tokens[name] == first.tokens[name]).all() for name in first.tokens)
    assert again.text_bytes == first.text_bytes
    assert again.sizes == {"vocabulary": 320}
    text = first.vocabulary.decode([[t for t in first.tokens["valid"].tolist() if t != EOS]])[0]
    assert len(text.encode()) == first.text_bytes["valid"]
    (kept,) = (tmp_path / "cache" / "tasks").iterdir()
    (kept / "tokens.npz").write_bytes(b"PK\3\4 damaged")
    with pytest.warns(DamagedCacheWarning):
        assert LanguageModelling.prepare(config, 320, tmp_path / "cache").fingerprint == first.fingerprint
    other = LanguageModelling.prepare(config.model_copy(update={"block": 8}), 320, tmp_path / "cache")
    assert other.fingerprint != first.fingerprint
    assert other.corpus_fingerprint == first.corpus_fingerprint
    bytewise = LanguageModelling.prepare(config.model_copy(update={"pieces": "bytes"}), 320, tmp_path / "cache")
    assert bytewise.sizes == {"vocabulary": BYTES}


class Uniform(torch.nn.Module):
    """Foretells every piece alike, but likes one a little more."""

    def __init__(self, pieces, liked):
        super().__init__()
        self.logits = torch.nn.Parameter(torch.zeros(pieces))
        self.liked = liked

    def predictions(self, batch):
        targets = batch.targets[batch.targets != PAD]
        logits = self.logits.expand(len(targets), -1).clone()
        logits[:, self.liked] += 1e-6
        return logits, targets


@pytest.mark.network
def test_metrics_are_what_they_are_called(config, tmp_path):
    task = LanguageModelling.prepare(config, 320, tmp_path / "cache")
    liked = int(task.tokens["test"][5])
    found = task.measure(Uniform(320, liked), ("valid", "test")).metrics
    assert found["test_loss"] == pytest.approx(np.log2(320), rel=1e-5)
    assert found["test_perplexity"] == pytest.approx(320, rel=1e-4)
    tokens = task.tokens["test"][1:]
    assert found["test_bits_per_byte"] == pytest.approx(np.log2(320) * len(tokens) / task.text_bytes["test"], rel=1e-5)
    assert found["test_accuracy"] == pytest.approx(100 * (tokens == liked).mean())
    assert set(task.metrics) <= set(found)
    with pytest.raises(InputError, match="a Linear foretells no text"):
        task.measure(torch.nn.Linear(1, 1), ("valid",))
    with pytest.raises(UnknownNameError, match="unknown option of the task 'beam'"):
        task.measure(Uniform(320, liked), ("valid",), beam=4)


def test_the_floor_is_counted_on_the_same_tokens(config, tmp_path):
    task = LanguageModelling.prepare(config, 320, tmp_path / "cache")
    floor = task.floor("test")
    assert set(floor) == {"unigram", "4-gram"}
    assert floor["4-gram"]["test_bits_per_byte"] < floor["unigram"]["test_bits_per_byte"]
    counts = np.bincount(task.tokens["train"], minlength=320) + 1.0
    expected = -np.log2(counts / counts.sum())[task.tokens["test"][1:]].mean()
    assert floor["unigram"]["test_loss"] == pytest.approx(expected)


def test_an_n_gram_model_is_a_distribution_and_its_two_faces_agree():
    rng = np.random.default_rng(0)
    tokens = rng.integers(12, size=400).astype(np.int32)
    model = NGram(tokens, 12, 3)
    text = rng.integers(12, size=60).astype(np.int32)
    told = model.probabilities(text)
    for place in range(1, 60):
        after = model.next(text[:place].tolist())
        assert after.sum() == pytest.approx(1)
        assert told[place - 1] == pytest.approx(after[text[place]], rel=1e-9)
    written = model.generate([3, 4], 30, 0, np.random.default_rng(1))
    assert len(written) <= 30
    assert 0 not in written


def test_what_a_supernet_keeps_makes_the_same_batches(config, tmp_path):
    task = LanguageModelling.prepare(config, 320, tmp_path / "cache")
    again = task_kind("language_model").batches_from(task.validation_tensors(), 64)
    expected = task.validation_batches(64)
    assert all(a.targets.equal(b.targets) for a, b in zip(again, expected, strict=True))


def test_tasks_need_no_torch_to_be_imported():
    kinds = "foretell.tasks.language_model.kind, foretell.tasks.translation.kind"
    code = f"import sys, {kinds}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_settings_that_make_no_sense_are_told():
    with pytest.raises(ValidationError, match="did you mean 'files'"):
        TextConfig(name="file")
    with pytest.raises(ValidationError, match="names no files"):
        TextConfig(name="files")
    assert json.loads(TextConfig().model_dump_json())["name"] == "home-assistant-python"
