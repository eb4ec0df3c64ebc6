"""Labelled texts as a task: reading, splitting, batches, metrics, floors."""

import gzip
import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from foretell.errors import InputError, UnknownNameError
from foretell.tasks import EOS, PAD, UNK, task_kind
from foretell.tasks.classification import (
    LabelledBatch,
    LabelledBatches,
    LabelledConfig,
    TextClassification,
    TextReader,
    labelled_batches,
)
from foretell.tasks.classification.ngram import CharacterNGrams
from foretell.tasks.classification.reading import Labelled, read_files, read_languages
from foretell.tasks.classification.splitting import split_labelled
from foretell.tasks.cleaning import near_copy_key
from foretell.tasks.translation.encoded import Sequences
from foretell.tasks.translation.loading import DamagedCacheWarning
from tests.tasks.sentences import write_wheel

KINDS = {"fruit": ["apple", "plum", "cherry"], "tool": ["hammer", "saw", "chisel"], "beast": ["otter", "lynx", "hare"]}


def texts(count=60, seed=0):
    """Made-up texts of three classes; a name makes each its own."""
    rng, found = np.random.default_rng(seed), []
    for number in range(count):
        label = list(KINDS)[number % 3]
        name = "".join(chr(97 + letter) for letter in rng.integers(26, size=6))
        found.append((f"The {KINDS[label][rng.integers(3)]} of {name}", label))
    return found


def write_tsv(path, rows, header="text\tlabel"):
    path.write_text("\n".join([header, *("\t".join(row) for row in rows)]) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def config(tmp_path):
    return LabelledConfig(
        name="files", paths=(write_tsv(tmp_path / "texts.tsv", texts()),), valid_texts=2, test_texts=2
    )


@pytest.fixture
def task(config, tmp_path):
    return TextClassification.prepare(config, 400, tmp_path / "cache")


# ---- reading


def test_both_formats_hold_the_same_texts(tmp_path):
    rows = texts(9)
    lines = tmp_path / "texts.jsonl"
    lines.write_text("\n".join(json.dumps({"n": 1, "body": text, "kind": label}) for text, label in rows) + "\n\n")
    table = write_tsv(tmp_path / "texts.tsv", [("x", label, text) for text, label in rows], "id\tkind\tbody")
    found = read_files([lines], "body", "kind")
    assert found == read_files([table], "body", "kind")
    assert [(each.text, each.label) for each in found] == rows


@pytest.mark.parametrize("name", ["rows.tsv", "rows.jsonl"])
def test_packed_texts_are_read(tmp_path, name):
    plain, packed = tmp_path / name, tmp_path / f"{name}.gz"
    plain.write_text("text\tlabel\ngo on\ta\n" if name.endswith("tsv") else '{"text": "go on", "label": "a"}\n')
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert read_files([packed], "text", "label") == read_files([plain], "text", "label")


def test_whole_numbers_and_truths_are_labels(tmp_path):
    lines = tmp_path / "texts.jsonl"
    lines.write_text('{"text": "a", "label": 1}\n{"text": "b", "label": true}\n{"text": "c", "label": " x "}\n')
    assert [each.label for each in read_files([lines], "text", "label")] == ["1", "true", "x"]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.tsv", "body\tlabel\nx\ty\n", "a.tsv: the first line has no column 'text', only body, label; .*text: NAME"),
        ("a.tsv", "text\tkind\nx\ty\n", "has no column 'label', only text, kind"),
        ("a.jsonl", '{"text": "x"}\n', "line 1 has no column 'label', only text; .*label: NAME"),
        ("a.tsv", "text\tlabel\nx\ty\tz\n", "line 2 has 3 columns and the first line 2"),
        ("a.tsv", "text\tlabel\na\tb\n \tb\n", "line 3 has an empty text"),
        ("a.jsonl", '{"text": 7, "label": "x"}\n', "line 1 has 7 for a text"),
        ("a.tsv", "text\tlabel\na\t\n", "line 2 has an empty label"),
        (
            "a.jsonl",
            '{"text": "x", "label": ["a", "b"]}\n',
            "several labels .*multi-label classification is not supported",
        ),
        ("a.jsonl", '{"text": "x", "label": 0.5}\n', "the label 0.5 .*expected a word or a whole number"),
        ("a.jsonl", "[1]\n", "is a list; expected an object"),
        ("a.jsonl", "{\n", "line 1 is not JSON"),
        ("a.tsv", "text\tlabel\n", "holds no texts"),
        ("a.csv", "text,label\n", "neither .tsv nor .jsonl"),
    ],
)
def test_files_that_do_not_do_are_one_sentence(tmp_path, name, content, sentence):
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=sentence):
        read_files([tmp_path / name], "text", "label")


def test_languages_are_read_without_what_reads_as_in_english(tmp_path, monkeypatch):
    from foretell.tasks.classification import reading

    components = {
        f"part{number}": {
            "en": {"title": f"lamp {number}", "name": "Hue"},
            "de": {"title": f"Lampe {number}", "name": "Hue"},
            "fr": {"title": f"lampe {number}"},
        }
        for number in range(6)
    }
    components["part0"]["eo"] = {"title": "lampo"}
    monkeypatch.setattr(reading, "_FEWEST_MESSAGES", 3)
    found = read_languages(write_wheel(tmp_path / "a.whl", components), seed=0)
    assert {each.label for each in found} == {"en", "de", "fr"}
    assert sum(each.text == "Hue" for each in found) == 6  # the English ones
    assert {each.label for each in found if each.group == "part3/title"} == {"en", "de", "fr"}
    assert found != read_languages(tmp_path / "a.whl", seed=1)


class Rows(list):
    features = {"kind": SimpleNamespace(names=list(KINDS))}  # noqa: RUF012


def test_a_data_set_of_the_hub_is_read_with_the_names_of_its_classes(tmp_path, monkeypatch):
    rows = [{"said": text, "kind": list(KINDS).index(label)} for text, label in texts(60)]
    served = {"train": Rows(rows[:50]), "test": Rows([*rows[50:], {"said": "hidden", "kind": -1}])}
    served_as = SimpleNamespace(load_dataset=lambda dataset, subset: served)
    monkeypatch.setitem(sys.modules, "datasets", served_as)
    config = LabelledConfig(name="hub", dataset="kinds", text="said", label="kind", valid_texts=2, test_texts=2)
    task = TextClassification.prepare(config, 400, tmp_path)
    assert task.classes == tuple(sorted(KINDS))
    assert "hidden" not in {text for part in task.splits.values() for text, _ in part}
    monkeypatch.setitem(sys.modules, "datasets", None)
    assert TextClassification.prepare(config, 400, tmp_path).splits == task.splits
    with pytest.raises(InputError, match="not installed"):
        TextClassification.prepare(config.model_copy(update={"subset": "other"}), 400, tmp_path)


# ---- splitting


def labelled(rows):
    return [Labelled(near_copy_key(text), text, label) for text, label in rows]


def test_each_class_is_in_each_split_and_near_copies_are_on_one_side():
    rows = [*texts(90), *((text.upper() + "!", label) for text, label in texts(90))]
    splits = split_labelled(labelled(rows), None, 2, 3, 0)
    for part, wanted in ((splits.valid, 2), (splits.test, 3)):
        counts = {label: sum(other == label for _, other in part) for label in KINDS}
        assert all(wanted <= count <= wanted + 1 for count in counts.values())
    keys = [{near_copy_key(text) for text, _ in part} for part in splits]
    assert not (keys[0] & keys[1])
    assert not (keys[0] & keys[2])
    assert not (keys[1] & keys[2])
    assert split_labelled(labelled(rows), None, 2, 3, 0) == splits
    assert split_labelled(labelled(rows), None, 2, 3, 1) != splits


def test_a_message_is_in_one_split_whatever_its_language():
    messages = [
        Labelled(f"m{n}", f"{word} {chr(97 + n // 26)}{chr(97 + n % 26)}", word) for n in range(90) for word in "xyz"
    ]
    splits = split_labelled(messages, 20, 5, 5, 0)
    ends = [{text.split()[1] for text, _ in part} for part in splits]
    assert not (ends[0] & ends[1])
    assert not (ends[0] & ends[2])
    assert not (ends[1] & ends[2])
    assert len(splits.train) == 3 * 20


def test_what_another_split_shows_is_not_learnt_from():
    """Messages of their own may say the same."""
    rows = [Labelled(f"m{n}", f"text {'abcdefghij'[n % 10]}", "xy"[n % 2]) for n in range(200)]
    rows += [Labelled(f"k{n}", f"other {chr(97 + n)}", "xy"[n % 2]) for n in range(26)]
    splits = split_labelled(rows, None, 2, 2, 0)
    keys = [{near_copy_key(text) for text, _ in part} for part in splits]
    assert not (keys[0] & keys[1])
    assert not (keys[0] & keys[2])
    assert not (keys[1] & keys[2])


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([("a", "x"), ("b", "x")], "all texts have the label 'x'; .*at least two classes"),
        ([*texts(9), ("lonely", "rare")], "the class 'rare' has 1 text that .*at least 3"),
        ([*texts(9), *((f"same {n}!", "rare") for n in range(5))], "the class 'rare' has 1 text that"),
        ([*texts(9), *((f"{n} pear", "Fruit") for n in "abc")], "'Fruit' and 'fruit' differ in case only"),
        ([(f"text {n}", f"class{n}") for n in range(10_000)], "10,000 different labels, at most 1,000"),
    ],
)
def test_labels_that_make_no_sense_are_one_sentence(rows, sentence):
    with pytest.raises(InputError, match=sentence):
        split_labelled(labelled(rows), None, 2, 2, 0)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"name": "files"}, "names no files"),
        ({"name": "hub"}, "names no data set"),
        ({"text": "label"}, "both the column 'label'"),
        ({"name": "file"}, "did you mean 'files'"),
        ({"tokens": 1}, "tokens"),
    ],
)
def test_what_a_study_says_of_its_texts_is_checked(values, sentence):
    with pytest.raises((InputError, UnknownNameError, ValidationError), match=sentence):
        LabelledConfig(**values)


def test_languages_are_learnt_from_a_thousand_texts_each_where_nothing_is_said(tmp_path):
    assert LabelledConfig().train_texts == 1000
    assert LabelledConfig(train_texts=None).train_texts is None
    assert LabelledConfig(name="files", paths=(tmp_path,)).train_texts is None


# ---- the task


def test_a_task_is_kept_and_made_again_when_damaged(config, task, tmp_path):
    again = TextClassification.prepare(config, 400, tmp_path / "cache")
    assert (again.fingerprint, again.splits, again.classes) == (task.fingerprint, task.splits, task.classes)
    assert task.sizes == {"vocabulary": task.reader.vocabulary.size, "classes": 3}
    path = task.folder / "texts.json"
    path.write_text(path.read_text().replace('"beast"', '"least"'))
    with pytest.warns(DamagedCacheWarning):
        assert TextClassification.prepare(config, 400, tmp_path / "cache").splits == task.splits


def test_another_split_and_another_length_are_other_tasks(config, task, tmp_path):
    for change in (
        {"seed": 1},
        {"tokens": 8},
        {"pieces": "bytes"},
        {"lowercase": False},
        {"token_dropout": 0.1},
        {"class_weights": "balanced"},
    ):
        other = TextClassification.prepare(config.model_copy(update=change), 400, tmp_path / "cache")
        assert other.fingerprint != task.fingerprint
        assert (other.corpus_fingerprint == task.corpus_fingerprint) == ("seed" not in change)


def test_batches_hold_every_text_once_and_depend_on_seed_and_epoch_alone(task):
    batches = task.batches(64, 3)
    for epoch in (0, 1):
        seen = [row.tolist() for batch in batches.epoch(epoch) for row in batch.inputs]
        assert len(seen) == len(task.splits["train"])
        assert all(row[0] == EOS for row in seen)
        assert all(batch.inputs.numel() <= 64 for batch in batches.epoch(epoch))
    again = task.batches(64, 3).epoch(1)
    assert all(
        a.inputs.equal(b.inputs) and a.targets.equal(b.targets) for a, b in zip(again, batches.epoch(1), strict=True)
    )
    assert len(batches) == len(batches.epoch(0)) == len(batches.epoch(5))


def test_balanced_classes_count_alike_in_training_and_validation_is_as_before(config, tmp_path):
    texts = tmp_path / "uneven.tsv"
    rows = [f"a story of {chr(97 + i % 26) * (2 + i // 26)} and its tail\tmany" for i in range(60)]
    rows += [f"short {chr(97 + i) * 3} on weather\tfew" for i in range(12)]
    texts.write_text("text\tlabel\n" + "\n".join(rows) + "\n")
    said = config.model_copy(update={"paths": (texts,), "class_weights": "balanced"})
    task = TextClassification.prepare(said, 300, tmp_path / "cache")
    sums = dict.fromkeys(range(2), 0.0)
    for batch in task.batches(64, 0).epoch(0):
        assert batch.weights is not None
        for place, weight in zip(batch.targets.tolist(), batch.weights.tolist(), strict=True):
            sums[place] += weight
    texts_there = len(task.splits["train"])
    assert sums[0] == pytest.approx(sums[1]) == pytest.approx(texts_there / 2)
    assert all(batch.weights is None for batch in task.validation_batches(64))


def test_tokens_are_dropped_anew_every_epoch_and_only_while_learning(task):
    assert task.token_dropout == 0.2
    shares = []
    for epoch in (0, 1):
        drawn = [batch.inputs for batch in task.batches(64, 3).epoch(epoch)]
        whole = [batch.inputs for batch in LabelledBatches(*task._encoded["train"], 64, 3).epoch(epoch)]
        changed = [a != b for a, b in zip(drawn, whole, strict=True)]
        assert all((tokens[where] == UNK).all() for tokens, where in zip(drawn, changed, strict=True))
        assert not any(where[:, 0].any() for where in changed)
        shares.append([where.float().mean().item() for where in changed])
    assert 0.1 < np.mean(shares[0]) < 0.3
    assert shares[0] != shares[1]
    before = [batch.inputs for batch in task.validation_batches(64)]
    assert all(a.equal(b.inputs) for a, b in zip(before, task.validation_batches(64), strict=True))


def test_a_mask_is_there_where_something_is_padded():
    rows = Sequences.of([[5, 6], [7]])
    (batch,), (places,) = labelled_batches(rows, np.array([1, 0]), 10)
    assert places.tolist() == [1, 0]
    assert batch.inputs.tolist() == [[EOS, 7, PAD], [EOS, 5, 6]]
    assert batch.targets.tolist() == [0, 1]
    assert batch.mask.squeeze().tolist() == [[True, True, False], [True, True, True]]
    assert LabelledBatch(batch.inputs[1:], batch.targets[1:]).mask is None


def test_a_text_longer_than_a_batch_is_refused():
    with pytest.raises(InputError, match="a text has 5 tokens, a batch at most 4"):
        LabelledBatches(Sequences.of([[4] * 4]), np.array([0]), 4)


class Oracle(torch.nn.Module):
    """Says what it is told, by the text's length."""

    classes = 3

    def __init__(self, answers):
        super().__init__()
        self.answers, self.weight = answers, torch.nn.Parameter(torch.zeros(1))

    def predictions(self, batch):
        said = [self.answers[tuple(row[row != PAD].tolist())] for row in batch.inputs]
        return 30.0 * torch.nn.functional.one_hot(torch.tensor(said), 3).float(), batch.targets


def test_metrics_are_those_of_what_a_network_says(task):
    from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

    rows, labels = task._encoded["test"]
    said = np.where(np.arange(len(labels)) % 2, labels, 0)
    answers = {(EOS, *rows[i].tolist()): int(said[i]) for i in range(len(labels))}
    measured = task.measure(Oracle(answers), ["test"])
    assert measured.metrics["test_accuracy"] == pytest.approx(100 * accuracy_score(labels, said))
    assert measured.metrics["test_macro_f1"] == pytest.approx(100 * f1_score(labels, said, average="macro"))
    assert measured.metrics["test_loss"] == pytest.approx(30 / np.log(2) * (labels != said).mean(), rel=1e-4)
    assert measured.outputs["test"] == [task.classes[place] for place in said]
    classes, matrix = task.confusion(Oracle(answers))
    assert classes == task.classes == ("beast", "fruit", "tool")
    assert np.array_equal(matrix, confusion_matrix(labels, said))


def test_what_does_no_classifying_is_refused(task):
    with pytest.raises(InputError, match="a Linear classifies no texts"):
        task.measure(torch.nn.Linear(2, 2), ["test"])
    with pytest.raises(InputError, match="tells 3 classes apart and there are 2"):
        TextReader(task.reader.vocabulary, ("a", "b"), 8, True).classify(Oracle({}), ["text"])


def test_floors_are_the_majority_and_n_grams_computed_once(task):
    floor = task.floor("test")
    assert set(floor) == {"majority", "n-grams"}
    assert floor["majority"]["test_accuracy"] == pytest.approx(100 / 3)
    assert floor["n-grams"]["test_accuracy"] > 60
    assert floor["n-grams"]["parameters"] > 1000
    (task.folder / "floor-test.json").write_text('{"format": 1, "floor": {"kept": {}}}')
    assert task.floor("test") == {"kept": {}}


def test_n_grams_know_classes_that_they_have_not_seen():
    model = CharacterNGrams.fit(["aa", "ab", "zz", "zy"], np.array([0, 0, 2, 2]), 3)
    found = model.probabilities(["aaa", "zzz"])
    assert found.shape == (2, 3)
    assert found.argmax(1).tolist() == [0, 2]
    assert not found[:, 1].any()


def test_what_is_kept_beside_a_network_names_the_classes(task, tmp_path):
    task.keep(tmp_path / "kept")
    again = TextReader.load(tmp_path / "kept")
    assert (again.classes, again.tokens, again.lowercase) == (task.classes, 32, True)
    loud, low = again.encode(["The HAMMER of Straße", "ΟΔΟΣ"]), again.encode(["the hammer of straße", "οδοσ"])
    assert np.array_equal(loud.values, low.values)
    assert task_kind("classification").kept_sizes(tmp_path / "kept") == task.sizes
    with pytest.raises(InputError, match=r"has no classes\.json"):
        TextReader.load(tmp_path)


def test_validation_tensors_make_the_validation_batches_again(task):
    before = task.validation_batches(64)
    again = task_kind("classification").batches_from(task.validation_tensors(), 64)
    assert all(a.inputs.equal(b.inputs) and a.targets.equal(b.targets) for a, b in zip(before, again, strict=True))
    assert len(before) == len(again)
