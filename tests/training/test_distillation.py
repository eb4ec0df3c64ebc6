from contextlib import nullcontext
from types import SimpleNamespace

import pytest
import torch

from foretell.nn import PAD
from foretell.tasks.translation import Batch
from foretell.training.distillation import distilled_losses, taught_losses
from tests.families.encoder_decoder.cases import random_shape, sentences, shifted, supernet

pytestmark = pytest.mark.network

SOURCE, TARGET = sentences([7, 3, 5], seed=1), sentences([4, 6, 6], seed=2)
BATCH = Batch(SOURCE, shifted(TARGET), TARGET, int((TARGET != PAD).sum()), torch.arange(3))
PLAIN = SimpleNamespace(autocast=nullcontext)
NAME = "small-seq2seq"


def losses(network, weight, shapes):
    return list(distilled_losses(network, BATCH, shapes, 0.1, weight, PLAIN))


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_students_learn_from_labels_and_the_largest_and_the_largest_from_labels_alone(weight):
    network = supernet(NAME).eval()
    shapes = [network.shape, random_shape(NAME, 1), random_shape(NAME, 2)]
    found = losses(network, weight, shapes)
    real = (TARGET != PAD).flatten()

    def says(shape):
        return network(SOURCE, shifted(TARGET), shape).flatten(0, 1)[real].log_softmax(-1)

    with torch.no_grad():
        teacher = says(network.shape).exp()
        for index, shape in enumerate(shapes):
            hard = network.teacher_forced_loss(SOURCE, shifted(TARGET), TARGET, 0.1, shape)[0]
            soft = -(teacher * says(shape)).sum()
            expected = hard if index == 0 else (1 - weight) * hard + weight * soft
            torch.testing.assert_close(found[index], expected, rtol=1e-4, atol=1e-3)


def test_the_hard_part_is_the_loss_of_ordinary_training():
    network = supernet(NAME).eval()
    (found,) = losses(network, 0.5, [network.shape])
    expected = network.teacher_forced_loss(SOURCE, shifted(TARGET), TARGET, 0.1)[0]
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=0)


def test_the_teacher_is_a_constant_to_its_students():
    network = supernet(NAME).eval()
    student = random_shape(NAME, 3)
    _, loss = losses(network, 1.0, [network.shape, student])
    loss.backward()
    used = dict(network.extract(student).named_parameters())
    for key, parameter in network.named_parameters():
        if parameter.grad is not None:
            active = tuple(slice(size) for size in used[key].shape)
            outside = parameter.grad.clone()
            outside[active] = 0
            assert not outside.any()
        else:
            assert key not in used


def test_who_says_what_the_teacher_says_has_nothing_to_learn():
    teacher, pupil = supernet(NAME).eval(), supernet(NAME).eval()
    with torch.no_grad():
        for parameter in pupil.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    part = random_shape(NAME, 1)
    same = list(taught_losses(teacher, teacher, BATCH, [None, part], PLAIN))
    assert same[0].item() == pytest.approx(0, abs=1e-3)
    assert same[1].item() > 0.1
    (loss,) = taught_losses(pupil, teacher, BATCH, [None], PLAIN)
    loss.backward()
    assert all(parameter.grad is None for parameter in teacher.parameters())
    real = (TARGET != PAD).flatten()

    def says(network):
        return network(SOURCE, shifted(TARGET)).flatten(0, 1)[real].log_softmax(-1)

    with torch.no_grad():
        expected = (says(teacher).exp() * (says(teacher) - says(pupil))).sum()
    torch.testing.assert_close(loss.detach(), expected, rtol=1e-3, atol=1e-3)
