"""Our own training as an objective: a part of it is the beginning of the whole."""

import pytest
import torch

from foretell import spaces
from foretell.objectives import TrainedObjective, claim
from foretell.records import fingerprint, read_json
from foretell.study.labelling import Charges
from foretell.tasks.translation import TRANSLATION, ParallelCorpus, Task
from foretell.testing import ObjectiveConformance
from foretell.training import Recipe, load_tensors, save_tensors, scratch_keys
from foretell.training import loop as loop_module
from tests.toy import pairs

pytestmark = pytest.mark.network

SPACE = spaces.create("small-seq2seq")
SHORT = Recipe(updates=24, warmup=4, validate_every=6, max_tokens=128, average_last=3)
DIVERGING = Recipe(updates=20, warmup=0, validate_every=5, learning_rate=1e30, clip_norm=0, max_tokens=64)


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    found = pairs(60)
    corpus = ParallelCorpus("en", "de", found[:40], found[40:50], found[50:], {"name": "reversed words"})
    return Task.of(corpus, 40, tmp_path_factory.mktemp("cache"))


class TestTrained(ObjectiveConformance):
    small = 0.25

    @pytest.fixture(autouse=True)
    def _task(self, task):
        self.task = task

    def make(self, folder):
        return TrainedObjective(self.task, SHORT, beam=1, device="cpu")

    def make_failing(self, folder):
        return TrainedObjective(self.task, DIVERGING, beam=1, device="cpu")

    def architectures(self):
        return [SPACE.smallest(), SPACE.largest()]


def label(task, folder, fidelity, recipe=SHORT):
    objective = TrainedObjective(task, recipe, beam=1, device="cpu")
    return objective.label(SPACE.smallest(), seed=1, fidelity=fidelity, folder=folder)


def same(one, other):
    """Label, learning curve and weights, bit for bit; the clock alone may differ."""
    (first, folder), (second, beside) = one, other
    timeless = [
        {name: value for name, value in each.provenance.items() if "seconds" not in name} for each in (first, second)
    ]
    weights = [load_tensors(place / "model.safetensors").tensors for place in (folder, beside)]
    return (
        first.metrics == second.metrics
        and first.fidelity == second.fidelity
        and timeless[0] == timeless[1]
        and all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    )


@pytest.fixture(scope="module")
def whole(task, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    return label(task, folder, 1.0), folder


@pytest.mark.parametrize("shares", [(0.25,), (2 / 24,), (5 / 24,), (7 / 24, 0.5, 23 / 24), (18 / 24,)])
def test_a_training_with_pauses_ends_bit_for_bit_where_one_without_does(task, tmp_path, whole, shares):
    """Pauses before, at and between validations, and within the last checkpoints, which are averaged."""
    for share in shares:
        part = label(task, tmp_path, share)
        assert part.fidelity == share
        assert part.provenance["updates"] == round(24 * share)
    assert same((label(task, tmp_path, 1.0), tmp_path), whole)


def test_a_pause_before_the_first_point_of_the_curve_is_gone_on_from_too(task, tmp_path, monkeypatch):
    recipe = SHORT.model_copy(update={"updates": 6, "validate_every": 3})
    expected = label(task, tmp_path / "whole", 1.0, recipe)
    label(task, tmp_path / "paused", 2 / 6, recipe)
    seen = []
    original = loop_module._Run._update
    monkeypatch.setattr(loop_module._Run, "_update", lambda run, n: (seen.append(n), original(run, n))[1])
    found = label(task, tmp_path / "paused", 1.0, recipe)
    assert seen == [2, 3, 4, 5]
    assert same((found, tmp_path / "paused"), (expected, tmp_path / "whole"))


def test_a_part_has_the_learning_rates_of_the_whole(task, tmp_path, whole):
    part = label(task, tmp_path, 0.5)
    history = [row for row in whole[0].provenance["history"] if row["update"] <= 12]
    assert part.provenance["history"] == history
    assert part.metrics["valid_loss"] == min(row["valid_loss"] for row in history if row["update"] % 6 == 0)
    assert set(part.metrics) == {"valid_loss", "valid_bleu", "valid_chrf", "valid_ter"}


def test_a_part_is_judged_by_its_present_weights_which_the_whole_does_not_keep(task, tmp_path):
    part = label(task, tmp_path, 23 / 24)
    row = part.provenance["history"][-1]
    assert row["update"] == 23
    kept = [each["valid_loss"] for each in part.provenance["history"][:-1] if each["update"] % 6 == 0]
    assert part.metrics["valid_loss"] == min(row["valid_loss"], *kept)
    assert part.provenance["best_update"] == (23 if row["valid_loss"] < min(kept) else 18)
    state = load_tensors(tmp_path / "state.safetensors").about
    assert all(each["update"] != 23 for each in state["result"]["history"])
    assert state["result"]["best_update"] != 23


def test_a_part_is_kept_and_found_again_after_the_whole(task, tmp_path, monkeypatch):
    part = label(task, tmp_path, 0.25)
    label(task, tmp_path, 1.0)
    monkeypatch.setattr(loop_module._Run, "_update", lambda *_: pytest.fail("trained again"))
    assert label(task, tmp_path, 0.25) == part


def test_a_part_that_is_asked_for_too_late_is_trained_beside_the_whole(task, tmp_path, whole):
    first = label(task, tmp_path / "first", 0.25)
    finished = label(task, tmp_path / "late", 1.0)
    late = label(task, tmp_path / "late", 0.25)
    assert late.metrics == first.metrics
    assert late.provenance["history"] == first.provenance["history"]
    assert (tmp_path / "late" / "until-6").is_dir()
    # The finished one is what it was.
    assert same((label(task, tmp_path / "late", 1.0), tmp_path / "late"), whole)
    assert label(task, tmp_path / "late", 1.0) == finished


def test_a_training_that_diverges_is_a_failed_label(task, tmp_path):
    found = label(task, tmp_path, 1.0, DIVERGING)
    assert "the loss became infinite at update" in found.failed
    assert found.provenance["seed"] == 1
    assert 1 <= found.provenance["updates"] <= DIVERGING.updates
    assert Charges()(found.to_dict()) == found.provenance["training_cpu_seconds"]


def test_folders_of_the_store_tell_what_differs_and_those_of_the_first_version_are_found(task, monkeypatch, tmp_path):
    monkeypatch.setenv("FORETELL_CACHE", str(tmp_path))
    key = scratch_keys(SPACE.smallest(), task, SHORT, 2, device="cpu")[0]
    about = [SPACE.fingerprint, SPACE.smallest().spelled(), task.fingerprint, SHORT.model_dump(mode="json"), 2]
    first = fingerprint(about)
    names = {
        (4, 1.0): (key, [first, 4]),
        (5, 1.0): (fingerprint([key, {"beam": 5}]), [first, 5]),
        (5, 0.6): (fingerprint([key, {"beam": 5, "length_penalty": 0.6}]), [first, 5, 0.6]),
    }
    for (beam, penalty), (now, before) in names.items():
        objective = TrainedObjective(task, SHORT, beam=beam, length_penalty=penalty, device="cpu")
        assert objective.store(SPACE.smallest(), 2) == tmp_path / "trained" / now
        kept = tmp_path / "trained" / fingerprint(before)
        kept.mkdir(parents=True)
        assert objective.store(SPACE.smallest(), 2) == kept


def test_a_fingerprint_tells_what_labels_depend_on(task, monkeypatch):
    def name(recipe=SHORT, **values):
        return TrainedObjective(task, recipe, **{"device": "cpu", **values}).fingerprint

    names = [name(), name(SHORT.model_copy(update={"dropout": 0.3})), name(beam=1), name(length_penalty=0.6)]
    assert name(SHORT.model_copy(update={"precision": "fp32"})) == names[0]
    for version in ("training.keys.TRAINING", "tasks.translation.translating.TRANSLATION"):
        with monkeypatch.context() as patch:
            patch.setattr(f"foretell.{version}", 99)
            names.append(name())
    assert len(set(names)) == len(names)


def test_the_record_of_a_whole_training_tells_how_it_was_translated(task, whole):
    record = read_json(whole[1] / "observation.json")
    key = scratch_keys(SPACE.smallest(), task, SHORT, 1, device="cpu")[0]
    assert record["key"] == fingerprint([key, 1, 1.0, ["valid", "test"], TRANSLATION])


@pytest.mark.parametrize("share", [0.25, 7 / 24])
def test_a_part_that_the_first_version_trained_is_gone_on_with(task, tmp_path, whole, monkeypatch, share):
    """At a validation, and between two: checkpoints under a key of the first version are those of this training."""
    label(task, tmp_path, share)
    key, first = scratch_keys(SPACE.smallest(), task, SHORT, 1, device="cpu")
    for name in ("model", "state"):
        found = load_tensors(tmp_path / f"{name}.safetensors")
        assert found.about["key"] == key
        save_tensors(tmp_path / f"{name}.safetensors", found.tensors, {**found.about, "key": first})
    seen = []
    original = loop_module._Run._update
    monkeypatch.setattr(loop_module._Run, "_update", lambda run, n: (seen.append(n), original(run, n))[1])
    assert same((label(task, tmp_path, 1.0), tmp_path), whole)
    assert seen == list(range(round(24 * share), 24))


def test_who_trains_holds_the_folder(task, tmp_path, monkeypatch):
    held = []
    original = loop_module._Run._update

    def update(run, number):
        from foretell.locks import FileLock

        held.append(not FileLock(tmp_path / ".lock").take())
        return original(run, number)

    monkeypatch.setattr(loop_module._Run, "_update", update)
    label(task, tmp_path, 2 / 24)
    assert held == [True, True]
    with claim(tmp_path) as waited:
        assert not waited
