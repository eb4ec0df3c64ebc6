from types import SimpleNamespace

import pytest

from foretell import spaces
from foretell.records import fingerprint, read_json, write_json
from foretell.study import StudyConfig, load_study
from foretell.study.jobs import scratch_folder, scratch_job, supernet_folder
from foretell.tasks.translation import ParallelCorpus, Task
from foretell.training import load_tensors, save_tensors, scratch_keys
from tests.toy import pairs

SPACE = spaces.create("small-seq2seq")


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    found = pairs(60)
    corpus = ParallelCorpus("en", "de", found[:40], found[40:50], found[50:], {"name": "reversed words"})
    return Task.of(corpus, 40, tmp_path_factory.mktemp("cache"))


def test_what_was_scored_differently_does_not_share_a_folder(task):
    def folder(seed=1, **train):
        return scratch_folder(StudyConfig(train=train), task, SPACE.smallest(), seed)

    folders = [folder(), folder(length_penalty=0.6), folder(length_penalty=0.8), folder(beam=5), folder(seed=2)]
    assert len(set(folders)) == len(folders)
    assert folder(length_penalty=1.0) == folder()
    assert folder(baselines=()) == folder()


@pytest.fixture
def first_store(tmp_path, monkeypatch):
    """The user's store, as the first version left it."""
    monkeypatch.setenv("FORETELL_CACHE", str(tmp_path))
    return tmp_path


def test_folders_of_the_first_version_are_found(first_store):
    """They hold hours of work under these names."""
    study, home_assistant = (
        StudyConfig(device="cpu"),
        SimpleNamespace(fingerprint="1e900594b143652f", options=Task.options, metrics=Task.metrics),
    )

    def folders():
        return [supernet_folder(study, home_assistant), scratch_folder(study, home_assistant, SPACE.smallest(), 1)]

    now = folders()
    before = [first_store / "supernets" / "e4de84fce96a7054"]
    before += [first_store / "trained" / fingerprint(["75805ca5a2b640a4", 4])]
    assert not set(now) & set(before)
    for folder in before:
        folder.mkdir(parents=True)
    assert folders() == before
    for folder in now:
        folder.mkdir(parents=True)
    assert folders() == now


@pytest.mark.network
def test_what_the_first_version_trained_is_not_trained_again(study_file, first_store, monkeypatch):
    study = load_study(study_file)
    task = Task.prepare(study.corpus, study.vocabulary)
    job = scratch_job(study, SPACE.smallest(), 1, "training")
    fresh = job.function(**job.arguments)
    now = scratch_folder(study, task, SPACE.smallest(), 1)
    _as_first_written(now, *scratch_keys(SPACE.smallest(), task, study.train.recipe, 1))
    recipe = study.train.recipe.model_dump(mode="json")
    about = [SPACE.fingerprint, SPACE.smallest().spelled(), task.fingerprint, recipe, 1]
    before = now.rename(now.parent / fingerprint([fingerprint(about), study.train.beam]))

    def refuse(*_):
        raise AssertionError

    monkeypatch.setattr("foretell.training.loop._Run.go", refuse)
    weights = (before / "model.safetensors").read_bytes()
    again = job.function(**job.arguments)  # translated again, for the first version's limits were others
    for each in (again, fresh):
        del each["provenance"]["measuring_cpu_seconds"]
    assert again == fresh
    assert (before / "model.safetensors").read_bytes() == weights
    assert not now.exists()


def _as_first_written(folder, key, first):
    """Give what a training has left the key that it had in the first version."""
    for name in ("model", "state"):
        found = load_tensors(folder / f"{name}.safetensors")
        assert found.about["key"] == key
        save_tensors(folder / f"{name}.safetensors", found.tensors, {**found.about, "key": first})
    record = read_json(folder / "training.json")
    write_json(folder / "training.json", {**record, "key": first})
    observed = read_json(folder / "observation.json")
    write_json(folder / "observation.json", {**observed, "key": "of the first version"})


def test_a_training_that_goes_away_takes_its_task_its_folder_and_the_supernet_along(tmp_path, study_file, first_store):
    study = load_study(study_file)
    save_tensors(tmp_path / "supernet" / "model.safetensors", {}, {})
    job = scratch_job(study, SPACE.smallest(), 3, "away", tmp_path / "store", inherit=tmp_path / "supernet")
    away = job.away(**job.arguments)
    assert away.reads == (away.arguments["inherit"],) == (tmp_path / "supernet" / "model.safetensors",)
    assert away.folder == away.arguments["folder"] == tmp_path / "store" / f"{SPACE.smallest().key}-3"
    assert away.arguments["objective"].task.fingerprint == study.make_task().fingerprint
    another = scratch_job(study, SPACE.largest(), 3, "away", tmp_path / "store")
    assert another.away(**another.arguments).arguments["objective"] is away.arguments["objective"]  # sent once
