import torch

from foretell.families.decoder.genes import Backbone, DecoderShape, LayerShape
from foretell.families.decoder.network import LanguageModel

SHAPE = DecoderShape(32, (LayerShape(2, 1, 48), LayerShape(4, 2, 0), LayerShape(0, 0, 64)))


def gradients(*, recompute):
    torch.manual_seed(1)
    network = LanguageModel(SHAPE, Backbone(head_size=8, context=16), 50).train()
    network.recompute = recompute
    kept = []

    def note(tensor):
        kept.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        loss = network(torch.arange(48).reshape(4, 12)).square().mean()
    loss.backward()
    return {name: each.grad for name, each in network.named_parameters()}, sum(kept)


def test_layers_that_are_computed_again_have_the_same_gradients_and_keep_less():
    (expected, much), (found, little) = gradients(recompute=False), gradients(recompute=True)
    assert all(torch.equal(found[name], each) for name, each in expected.items())
    assert little < much / 2
