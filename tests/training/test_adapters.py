import torch

from foretell.families.decoder.genes import Backbone, DecoderShape, LayerShape
from foretell.families.decoder.network import LanguageModel
from foretell.training.adapters import attach_adapters, merge_adapters

SHAPE = DecoderShape(32, (LayerShape(2, 1, 48), LayerShape(4, 2, 64)))
PART = DecoderShape(32, (LayerShape(2, 1, 32), LayerShape(2, 1, 0)))


def network():
    torch.manual_seed(1)
    return LanguageModel(SHAPE, Backbone(head_size=8, context=16), 50)


def test_adapters_change_nothing_until_they_learn_and_alone_they_learn():
    made = network()
    tokens = torch.arange(24).reshape(2, 12)
    before = made(tokens, PART)
    attach_adapters(made, made.layers, 2, seed=1)
    assert torch.equal(made(tokens, PART), before)
    learning = {name for name, each in made.named_parameters() if each.requires_grad}
    assert learning
    assert all(name.endswith(("up", "down")) for name in learning)
    kept = {name: each.clone() for name, each in made.named_parameters() if name not in learning}
    optimiser = torch.optim.SGD([each for each in made.parameters() if each.requires_grad], lr=1.0)
    made(tokens, PART).square().sum().backward()
    optimiser.step()
    now = dict(made.named_parameters())
    assert all(torch.equal(now[name], each) for name, each in kept.items())
    assert not torch.equal(made(tokens, PART), before)


def test_merged_the_network_says_the_same_and_is_as_it_was_made():
    made = network()
    names = list(made.state_dict())
    attach_adapters(made, made.layers, 2, seed=1)
    with torch.no_grad():
        for name, each in made.named_parameters():
            if name.endswith("up"):
                each.normal_()
    tokens = torch.arange(24).reshape(2, 12)
    learnt = made(tokens)
    merge_adapters(made.layers)
    assert sorted(made.state_dict()) == sorted(names)
    assert torch.allclose(made(tokens), learnt, atol=1e-6)
