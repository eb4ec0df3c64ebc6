"""Parts of a checkpoint in order of importance, and taken out."""

import pytest
import torch

from foretell.families.base import networks_of
from foretell.families.decoder.cutting import cut, leading_parts, reorder, reorder_channels
from foretell.families.decoder.importance import SCORES, magnitudes, measured_importance, orders_of
from foretell.families.decoder.reading import TYPES, read_pretrained
from foretell.families.pruned.genes import pruned_space
from foretell.tasks.language_model.batches import TextBatch
from tests.checkpoints import make_checkpoint

pytestmark = pytest.mark.network
pytest.importorskip("transformers", reason="needs the extra hf")


def text(rows, seed=1):
    tokens = torch.randint(0, rows, (3, 41), generator=torch.Generator().manual_seed(seed))
    return TextBatch(tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous(), 120)


def counted(space, architecture):
    """Its parameters in closed form."""
    return space.family.count(space, space.population([architecture]), ["parameters"], {})["parameters"][0]


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("score", SCORES)
def test_order_changes_nothing_and_members_are_what_is_cut(tmp_path, kind, score):
    make_checkpoint(tmp_path, kind)
    found = read_pretrained(tmp_path)
    network, batch = found.load(), text(found.vocabulary)
    with torch.no_grad():
        before = network(batch.inputs)
    orders = orders_of(measured_importance(network, [batch]), score, 2)
    space = pruned_space("a test", found.shape, found.backbone)
    architecture = space.architecture(
        space.read([[2, 1, 1, 1, 2, 32, 64]])[0],
    )
    member = networks_of(space).member(architecture)
    alone = cut(network, leading_parts(member, orders))
    reorder(network, orders)
    with torch.no_grad():
        torch.testing.assert_close(network(batch.inputs), before, atol=1e-4, rtol=0)
        torch.testing.assert_close(network(batch.inputs, member), alone(batch.inputs), atol=1e-5, rtol=0)
    assert counted(space, architecture) == alone.parameter_count(embeddings=True)


def test_first_order_is_what_leaving_out_does(tmp_path):
    """With weights scaled down to little, the loss changes by the score's sign-free first order."""
    make_checkpoint(tmp_path, "llama")
    found = read_pretrained(tmp_path)
    network, batch = found.load(), text(found.vocabulary)
    one = TextBatch(batch.inputs[:1], batch.targets[:1], 40)
    with torch.no_grad():
        network.layers[1].mlp.down_proj.weight[:, 7] *= 1e-2
    score = measured_importance(network, [one])["1.neurons.first_order"][7]
    with torch.no_grad():
        whole = network.loss(one, smoothing=0.0)[0].double()
        network.layers[1].mlp.down_proj.weight[:, 7] = 0
        less = network.loss(one, smoothing=0.0)[0].double()
    assert abs(less - whole).item() == pytest.approx(score.item(), rel=0.1, abs=2e-4)
    assert all(parameter.grad is None and parameter.requires_grad for parameter in network.parameters())


def test_magnitude_and_influence_find_what_does_nothing(tmp_path):
    make_checkpoint(tmp_path, "qwen3")
    found = read_pretrained(tmp_path)
    network = found.load()
    with torch.no_grad():
        for matrix in ("gate_proj", "up_proj"):
            getattr(network.layers[0].mlp, matrix).weight[5] = 0
        network.layers[0].mlp.down_proj.weight[:, 5] = 0
        for part in (network.layers[1].mlp.down_proj, network.layers[1].self_attn.o_proj):
            part.weight.zero_()
    scores = measured_importance(network, [text(found.vocabulary)])
    assert orders_of(magnitudes(network), "magnitude", 2)[0].neurons[-1] == 5
    assert all(orders_of(scores, score, 2)[0].neurons[-1] == 5 for score in SCORES)
    assert scores["influence"][1] < 1e-4 < scores["influence"][0]


def test_layers_are_left_out_at_their_places(tmp_path):
    make_checkpoint(tmp_path, "llama", num_hidden_layers=3)
    found = read_pretrained(tmp_path)
    space = pruned_space("a test", found.shape, found.backbone, uniform=True)
    architecture = space.architecture(space.read([[3, 1, 0, 1, 2, 96]])[0])
    member = networks_of(space).member(architecture)
    network = found.load()
    shorter = cut(network, leading_parts(member))
    assert len(shorter.layers) == 2
    assert shorter.shape.uniform
    torch.testing.assert_close(shorter.layers[1].mlp.up_proj.weight, network.layers[2].mlp.up_proj.weight)
    batch = text(found.vocabulary)
    with torch.no_grad():
        torch.testing.assert_close(shorter(batch.inputs), network(batch.inputs, member), atol=1e-5, rtol=0)


def test_what_is_cut_is_all_where_the_whole_is(tmp_path):
    """On a GPU, weights there and positions here would not go together; "meta" is a device that any machine has."""
    make_checkpoint(tmp_path, "llama")
    network = read_pretrained(tmp_path).load().to("meta")
    part = cut(network, leading_parts(network.shape))
    assert {each.device.type for each in (*part.parameters(), *part.buffers())} == {"meta"}


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("score", SCORES)
def test_channels_in_order_change_nothing_and_fewer_are_what_is_cut(tmp_path, kind, score):
    make_checkpoint(tmp_path, kind)
    found = read_pretrained(tmp_path)
    network, batch = found.load(), text(found.vocabulary)
    with torch.no_grad():
        network.embed_tokens[:, 5] = 0  # a channel that nothing ever writes to
        for layer in network.layers:
            layer.self_attn.o_proj.weight[5] = 0
            layer.mlp.down_proj.weight[5] = 0
        before = network(batch.inputs)
    order = measured_importance(network, [batch], network.readings())[f"channels.{score}"].argsort(descending=True)
    assert order[-1] == 5
    reorder_channels(network, order)
    space = pruned_space("a test", found.shape, found.backbone, hidden_width=True)
    architecture = space.architecture(space.read([[2, 1, 1, 2, 2, 96, 64, 32]])[0])
    member = networks_of(space).member(architecture)
    alone = cut(network, leading_parts(member), member.width)
    with torch.no_grad():
        torch.testing.assert_close(network(batch.inputs), before, atol=1e-4, rtol=0)
        torch.testing.assert_close(network(batch.inputs, member), alone(batch.inputs), atol=1e-5, rtol=0)
    assert counted(space, architecture) == alone.parameter_count(embeddings=True)
