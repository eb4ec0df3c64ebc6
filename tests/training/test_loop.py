import numpy as np
import pytest
import torch

from foretell.errors import StorageError
from foretell.families.encoder_decoder.genes import TransformerShape
from foretell.records import read_json
from foretell.training import (
    KINDS,
    DamagedCheckpointWarning,
    DivergedError,
    Fixed,
    Recipe,
    SinglePath,
    SupernetOptions,
    build_network,
    build_supernet,
    load_tensors,
    sampling_rule,
    train,
    validation_loss,
)
from foretell.training import loop as loop_module
from foretell.training import state as state_module

pytestmark = pytest.mark.network

SHORT = Recipe(updates=24, warmup=4, validate_every=6, max_tokens=128, average_last=3)


@pytest.fixture
def architecture(space):
    return space.smallest()


def weights(network):
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def equal(a, b):
    return all(torch.equal(a[name], b[name]) for name in a)


def scratch(architecture, task, folder, recipe=SHORT, seed=1):
    network = build_network(architecture, task.sizes, recipe, seed)
    result = train(network, task, recipe, Fixed(), folder, seed=seed, about={"test": 1})
    return weights(network), result


class Cut(BaseException):
    """Stands for a kill: nothing may catch it."""


def cut_after(monkeypatch, saves):
    """Let the run die right after its n-th checkpoint."""
    original = state_module.save_tensors
    count = 0

    def save(path, tensors, about):
        nonlocal count
        original(path, tensors, about)
        count += path.name == "state.safetensors"
        if count == saves:
            raise Cut

    monkeypatch.setattr(state_module, "save_tensors", save)


def test_training_learns_the_task(architecture, task, tmp_path):
    recipe = Recipe(updates=300, warmup=30, validate_every=100, max_tokens=256, dropout=0.0)
    _, result = scratch(architecture, task, tmp_path, recipe)
    assert result.history[0]["valid_loss"] > result.best_loss + 0.3
    assert result.best_loss < np.log2(len(task.vocabulary)) - 2
    assert result.updates == 300


@pytest.mark.parametrize("saves", [1, 2, 3, 4])
def test_a_run_that_was_cut_ends_bit_for_bit_where_a_whole_one_does(architecture, task, tmp_path, monkeypatch, saves):
    expected, whole = scratch(architecture, task, tmp_path / "whole")
    with monkeypatch.context() as patch:
        cut_after(patch, saves)
        with pytest.raises(Cut):
            scratch(architecture, task, tmp_path / "cut")
    found, resumed = scratch(architecture, task, tmp_path / "cut")
    assert equal(expected, found)
    assert resumed.history == whole.history
    assert (resumed.best_loss, resumed.best_update, resumed.tokens) == (
        whole.best_loss,
        whole.best_update,
        whole.tokens,
    )


@pytest.mark.parametrize("name", ["state", "model"])
@pytest.mark.parametrize("cut", [True, False])
def test_a_damaged_checkpoint_is_not_used_but_the_one_before(architecture, task, tmp_path, monkeypatch, name, cut):
    expected, whole = scratch(architecture, task, tmp_path / "whole")
    with monkeypatch.context() as patch:
        cut_after(patch, 3)
        with pytest.raises(Cut):
            scratch(architecture, task, tmp_path / "cut")
    damage(tmp_path / "cut" / f"{name}.safetensors", cut)
    seen = []
    with monkeypatch.context() as patch:
        original = loop_module._Run._update
        patch.setattr(loop_module._Run, "_update", lambda run, update: (seen.append(update), original(run, update))[1])
        with pytest.warns(DamagedCheckpointWarning, match=f"{name}.safetensors"):
            found, resumed = scratch(architecture, task, tmp_path / "cut")
    assert equal(expected, found)
    assert resumed.history == whole.history
    # Checkpoints stand at 6, 12 and 18; best weights that are damaged are those of the last one here.
    assert seen[0] == {"state": 12, "model": 18}[name]
    assert not (tmp_path / "cut" / "state.previous.safetensors").exists()


def test_a_finished_network_that_is_damaged_is_made_again(architecture, task, tmp_path):
    expected, _ = scratch(architecture, task, tmp_path)
    damage(tmp_path / "model.safetensors", cut=False)
    with pytest.warns(DamagedCheckpointWarning):
        found, _ = scratch(architecture, task, tmp_path)
    assert equal(expected, found)


def damage(path, cut):
    data = bytearray(path.read_bytes())
    data[-9] ^= 1
    path.write_bytes(data[:-5] if cut else data)


@pytest.mark.parametrize(("kind", "distillation"), [*((kind, 0.0) for kind in KINDS), ("neuronwise-mos", 0.5)])
def test_a_supernet_resumes_exactly_too(space, task, tmp_path, monkeypatch, kind, distillation):
    recipe = SHORT.model_copy(update={"updates": 8, "validate_every": 4})
    options = SupernetOptions(distillation=distillation, router_width=8)

    def go(folder):
        network = build_supernet(space, task, recipe, 1, kind, options)
        train(network, task, recipe, sampling_rule(kind, space, 1, options), folder, seed=1, about={})
        return weights(network)

    expected = go(tmp_path / "whole")
    with monkeypatch.context() as patch:
        cut_after(patch, 1)
        with pytest.raises(Cut):
            go(tmp_path / "cut")
    assert equal(expected, go(tmp_path / "cut"))


def test_a_finished_run_answers_at_once_and_another_recipe_starts_anew(architecture, task, tmp_path, monkeypatch):
    first, _ = scratch(architecture, task, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(loop_module._Run, "go", lambda *_: pytest.fail("trained again"))
        again, _ = scratch(architecture, task, tmp_path)
    assert equal(first, again)
    other, result = scratch(architecture, task, tmp_path, SHORT.model_copy(update={"learning_rate": 1e-3}))
    assert not equal(first, other)
    assert result.updates == 24


def test_the_seed_decides_everything_and_the_caller_keeps_its_random_state(architecture, task, tmp_path):
    torch.manual_seed(11)
    state = torch.get_rng_state()
    first, _ = scratch(architecture, task, tmp_path / "a")
    assert torch.equal(state, torch.get_rng_state())
    torch.manual_seed(12)
    second, _ = scratch(architecture, task, tmp_path / "b")
    third, _ = scratch(architecture, task, tmp_path / "c", seed=2)
    assert equal(first, second)
    assert not equal(first, third)


def test_the_best_checkpoint_by_validation_loss_is_kept(architecture, task, tmp_path):
    """A rate so high that the end is worse than the middle: the weights of the best validation are returned."""
    recipe = Recipe(
        updates=60,
        warmup=1,
        validate_every=10,
        learning_rate=0.05,
        schedule="inverse-sqrt",
        average_last=0,
        clip_norm=0,
    )
    network = build_network(architecture, task.sizes, recipe, 1)
    result = train(network, task, recipe, Fixed(), tmp_path, seed=1, about={})
    losses = [row["valid_loss"] for row in result.history]
    assert result.best_loss == min(losses)
    from foretell.tasks.translation import validation_batches

    found = validation_loss(network, validation_batches(task.valid, 2048), recipe.label_smoothing)
    assert found == pytest.approx(result.best_loss, abs=1e-6)


TIRING = Recipe(
    updates=120,
    warmup=1,
    validate_every=5,
    learning_rate=0.5,
    schedule="inverse-sqrt",
    average_last=0,
    max_tokens=128,
)
"""A rate so high that some validations bring nothing better."""


def test_patience_ends_a_training_after_so_many_validations_without_a_better_loss(architecture, task, tmp_path):
    _, whole = scratch(architecture, task, tmp_path / "whole", TIRING)
    patient = TIRING.model_copy(update={"patience": 2})
    kept, result = scratch(architecture, task, tmp_path / "patient", patient)
    due = [row for row in whole.history if row["update"] % 5 == 0]
    best = [min(range(end), key=lambda at: due[at]["valid_loss"]) for end in range(1, len(due) + 1)]
    ends = next(5 * (at + 1) for at, first in enumerate(best) if at - first == 2)
    assert result.updates == ends < TIRING.updates
    assert result.best_update == ends - 10
    assert result.history == [row for row in whole.history if row["update"] <= ends]
    # Finished: whoever asks for all updates, or for more than there were, gets what is there, at once.
    assert scratch(architecture, task, tmp_path / "patient", patient)[1] == result
    network = build_network(architecture, task.sizes, patient, 1)
    again = train(network, task, patient, Fixed(), tmp_path / "patient", seed=1, about={"test": 1}, until=ends + 5)
    assert again == result
    assert equal(weights(network), kept)


def test_a_patient_run_that_was_cut_ends_where_a_whole_one_does(architecture, task, tmp_path, monkeypatch):
    patient = TIRING.model_copy(update={"patience": 2})
    kept, result = scratch(architecture, task, tmp_path / "whole", patient)
    with monkeypatch.context() as patched:
        cut_after(patched, result.updates // 5)  # right after the checkpoint at which patience is at its end
        with pytest.raises(Cut):
            scratch(architecture, task, tmp_path / "cut", patient)
    resumed, after = scratch(architecture, task, tmp_path / "cut", patient)
    assert equal(resumed, kept)
    assert after.updates == result.updates
    assert after.history == result.history


def test_accumulated_micro_batches_give_the_update_of_their_sum(architecture, task, tmp_path):
    """The gradient of an update is the mean over all of its target tokens, however they are cut up."""
    recipe = Recipe(updates=1, warmup=0, validate_every=1, max_tokens=64, tokens_per_update=256, dropout=0.0)
    network = build_network(architecture, task.sizes, recipe, 1)
    reference = build_network(architecture, task.sizes, recipe, 1)
    run = loop_module._Run(network, task, recipe, Fixed(), tmp_path, 1, {"key": ""}, torch.device("cpu"))
    batches = [run.updates.batch(i) for i in range(4)]
    tokens = sum(batch.tokens for batch in batches)
    total = sum(reference.loss(b, smoothing=0.1)[0] for b in batches)
    (total / tokens).backward()
    captured = {}
    run.updates.precision.step = lambda *_: captured.update(
        {n: p.grad.clone() for n, p in network.named_parameters() if p.grad is not None}
    )
    run._update(0)
    for name, parameter in reference.named_parameters():
        torch.testing.assert_close(captured[name], parameter.grad, rtol=1e-4, atol=1e-6)


def test_only_the_active_slice_of_a_supernet_learns(space, task, tmp_path):
    recipe = SHORT.model_copy(update={"updates": 1, "validate_every": 1, "clip_norm": 0.0})
    network = build_supernet(space, task, recipe, 1)
    before = weights(network)

    class Smallest(SinglePath):
        def at(self, update):
            return [space.smallest()]

    run = loop_module._Run(network, task, recipe, Smallest(space, 0), tmp_path, 1, {"key": ""}, torch.device("cpu"))
    run._update(1)
    shape = TransformerShape.of(space.smallest())
    changed = {n for n, t in network.state_dict().items() if not torch.equal(t, before[n])}
    assert changed
    assert not any(name.startswith(("encoder.1.", "decoder.1.")) for name in changed)
    inner = network.encoder[0].feed_forward.expand.weight
    assert torch.equal(inner[shape.encoder_ffn[0] :], before["encoder.0.feed_forward.expand.weight"][64:])


def test_a_loss_that_is_no_number_stops_with_the_update_and_the_last_checkpoint(architecture, task, tmp_path):
    recipe = Recipe(updates=50, warmup=0, validate_every=10, learning_rate=1e30, clip_norm=0, max_tokens=64)
    with pytest.raises(DivergedError, match=r"at update \d+ .* no checkpoint is in .* yet"):
        scratch(architecture, task, tmp_path, recipe)


@pytest.mark.parametrize("every", [1, 3])
def test_a_supernet_that_diverges_names_update_architectures_and_checkpoint(space, task, tmp_path, monkeypatch, every):
    """A rate that explodes after the first checkpoint, seen in validation (1) or in training (3)."""
    recipe = Recipe(updates=50, validate_every=every, clip_norm=0, max_tokens=64)
    monkeypatch.setattr(Recipe, "rate", lambda self, update: 1e-4 if update < every else 1e30)
    network = build_supernet(space, task, recipe, 1)
    with pytest.raises(DivergedError) as caught:
        train(network, task, recipe, sampling_rule("sandwich", space, 1), tmp_path, seed=1, about={})
    assert f"at update {every} " in str(caught.value) or f"at update {every + 1} " in str(caught.value)
    assert space.largest().key in str(caught.value)
    assert f"the last good checkpoint is {tmp_path / 'state.safetensors'}" in str(caught.value)
    kept = load_tensors(tmp_path / "state.safetensors")
    assert kept.about["result"]["updates"] == every
    assert all(tensor.isfinite().all() for tensor in kept.tensors.values())


def test_a_disk_that_is_full_stops_with_one_sentence_and_the_run_resumes(architecture, task, tmp_path, monkeypatch):
    expected, _ = scratch(architecture, task, tmp_path / "whole")
    import errno

    import foretell.records as records

    with monkeypatch.context() as patch:
        calls = 0
        original = records.os.fsync

        def full(descriptor):
            nonlocal calls
            calls += 1
            if calls == 4:
                raise OSError(errno.ENOSPC, "No space left on device")
            original(descriptor)

        patch.setattr(records.os, "fsync", full)
        with pytest.raises(StorageError, match="the disk is full"):
            scratch(architecture, task, tmp_path / "full")
    found, _ = scratch(architecture, task, tmp_path / "full")
    assert equal(expected, found)


def test_the_record_says_what_the_weights_depend_on(architecture, task, tmp_path):
    scratch(architecture, task, tmp_path)
    about = read_json(tmp_path / "training.json")["about"]
    assert about["seed"] == 1
    assert about["task"] == task.fingerprint
    assert about["recipe"]["updates"] == 24
    assert load_tensors(tmp_path / "model.safetensors").about["test"] == 1
