import json
import re
from pathlib import Path

import pytest

from foretell import spaces
from foretell.errors import InputError, IntegrityError, UnknownNameError
from foretell.observations import cost_column, load, metric_column, score_column
from foretell.published.llmas import import_llmas

ARCHITECTURE = spaces.create("hat-wmt14-en-de").smallest()


def line(bleu: float = 20.0) -> str:
    scratch = {"arch_info": ARCHITECTURE.to_text().splitlines(), "valid_BLEU": bleu, "total_flops": 5}
    return json.dumps({"scratch": scratch, "HAT": {"valid_BLEU": 19.0}}) + "\n"


def publish(folder: Path, seed: str, task: str, train: str, test: str) -> Path:
    place = folder / "train-test_seedarchs" / seed / task
    place.mkdir(parents=True)
    (place / "train.jsonl").write_text(train)
    (place / "test.jsonl").write_text(test)
    return place


@pytest.mark.parametrize(
    ("task", "space", "lowest", "highest"),
    [
        ("wmt14ende", "hat-wmt14-en-de", 24.01, 26.10),
        ("wmt14enfr", "hat-wmt14-en-fr", 43.85, 46.48),
        ("wmt19ende", "hat-wmt19-en-de", 27.99, 30.41),
    ],
)
def test_tfs_eval_is_read_whole(tfs_tasks, task: str, space: str, lowest: float, highest: float):
    collection = tfs_tasks[task]
    assert (len(collection), collection.task, collection.space.name) == (30, task, space)
    labels = metric_column(collection.observations)
    assert (labels.min(), labels.max()) == (lowest, highest)
    assert [(s.name, len(s.train), len(s.test)) for s in collection.splits] == [
        ("123", 10, 20),
        ("456", 10, 20),
        ("789", 10, 20),
    ]
    for split in collection.splits:
        everything = {item.architecture for item in (*split.train, *split.test)}
        assert everything == {item.architecture for item in collection.observations}


def test_all_tasks_have_the_same_architectures(tfs_tasks):
    rows = [{a.architecture.row.tobytes() for a in collection.observations} for collection in tfs_tasks.values()]
    assert rows[0] == rows[1] == rows[2]


def test_demonstrations_keep_their_order(tfs_eval):
    train = tfs_eval.split("123").train
    assert metric_column(train).tolist() == [24.30, 25.92, 25.53, 24.40, 24.60, 25.26, 25.88, 24.58, 24.01, 24.56]
    assert score_column(train[:2], "HAT").tolist() == [23.51, 25.02]
    assert score_column(train[:2], "HAT", "test_bleu").tolist() == [23.98, 26.13]
    assert score_column(train[:2], "Neuron-wise MoS").tolist() == [23.62, 25.23]
    assert cost_column(train[:1], "flops_without_output_layer").tolist() == [1411215528]
    assert cost_column(train[:1], "decoder_embedding_parameters").tolist() == [32768 * 640]


@pytest.mark.parametrize(
    "inner", ["train-test_seedarchs", "train-test_seedarchs/456", "train-test_seedarchs/456/wmt14ende"]
)
def test_parts_of_the_published_folder(published: Path, inner: str):
    collection = load(published / "llmas" / inner, "wmt14ende")
    assert len(collection) == 30
    assert len(collection.splits) == (3 if inner.endswith("archs") else 1)


def test_single_published_files(published: Path):
    file = published / "llmas" / "distillation_inputs" / "wmt14ende_seed111.jsonl"
    collection = load(file)
    assert len(collection) == 500
    assert set(collection.observations[0].costs) == {"flops"}
    assert collection.observations[0].metrics == {}
    assert len(load(published / "llmas" / "train-test_seedarchs" / "123" / "wmt14ende" / "test.jsonl")) == 20


def test_an_import_says_the_same(published: Path, tmp_path: Path):
    one_task = published / "llmas" / "train-test_seedarchs" / "456" / "wmt14ende"
    assert len(import_llmas(one_task, None, tmp_path / "one")) == 30
    imported = import_llmas(published / "llmas", "wmt14ende", tmp_path / "out")
    assert load(tmp_path / "out") == imported == load(published / "llmas", "wmt14ende")
    assert len((tmp_path / "out" / "observations.jsonl").read_text().splitlines()) == 30


def test_several_tasks_need_a_choice(tmp_path: Path):
    for task in ("wmt14ende", "wmt14enfr"):
        publish(tmp_path, "123", task, line(), line())
    with pytest.raises(InputError, match=r"holds the tasks wmt14ende, wmt14enfr; choose one with --task"):
        load(tmp_path)
    assert load(tmp_path, "wmt14enfr").space.name == "hat-wmt14-en-fr"
    with pytest.raises(UnknownNameError, match="did you mean 'wmt14ende'"):
        load(tmp_path, "wmt19ende")


def test_two_splits_must_agree(tmp_path: Path):
    publish(tmp_path, "123", "wmt14ende", line(), line())
    publish(tmp_path, "456", "wmt14ende", line(21.0), line())
    with pytest.raises(IntegrityError, match="has different numbers in two splits"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ('{"scratch": 3}', "scratch is '3'; expected an object"),
        ('{"scratch": {"arch_info": "x"}}', "arch_info is not a list of ten lines"),
        ('{"scratch": {"arch_info": ["a: b"]}}', "unknown gene 'a'"),
        ("nonsense", "is not a JSON object"),
    ],
)
def test_a_bad_line_has_its_number(tmp_path: Path, bad: str, sentence: str):
    place = publish(tmp_path, "123", "wmt14ende", f"{line()}{bad}\n", line())
    with pytest.raises(InputError, match=re.escape(sentence)) as caught:
        load(tmp_path)
    assert f"{(place / 'train.jsonl').resolve()}, line 2" in str(caught.value)


def test_a_published_file_of_an_unknown_task(tmp_path: Path):
    path = tmp_path / "some.jsonl"
    path.write_text(line())
    with pytest.raises(InputError, match="name it with --task"):
        load(path)
    assert len(load(path, "wmt14ende")) == 1
