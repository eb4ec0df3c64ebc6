import pytest
from pydantic import ValidationError

from foretell.errors import InputError, UnknownNameError
from foretell.nn import Mixture
from foretell.training import KINDS, SupernetOptions


def test_what_is_left_at_its_default_is_not_written():
    assert SupernetOptions().model_dump(mode="json") == {}
    options = SupernetOptions(experts=3, sampler="architectures")
    assert options.model_dump(mode="json") == {"sampler": "architectures", "experts": 3}
    assert SupernetOptions.model_validate(options.model_dump(mode="json")) == options


def test_weights_depend_on_the_options_that_their_kind_has():
    assert SupernetOptions(experts=3).told("sandwich") == {}
    assert SupernetOptions(distillation=0.5).told("sandwich") == {"distillation": 0.5}
    mixed = {"experts": 2, "router_width": 128, "router_input": "averages"}
    assert SupernetOptions().told("layerwise-mos") == mixed
    assert SupernetOptions(sampler="architectures").told("neuronwise-mos") == {"sampler": "architectures", **mixed}


def test_kinds_and_their_mixtures():
    assert [SupernetOptions().mixture(kind) for kind in KINDS] == [
        None,
        None,
        Mixture("layer-wise"),
        Mixture("neuron-wise"),
    ]
    assert SupernetOptions(router_width=64).mixture("layerwise-mos") == Mixture("layer-wise", router_width=64)
    with pytest.raises(UnknownNameError, match="did you mean 'neuronwise-mos'"):
        SupernetOptions().mixture("neuron-wise-mos")


def test_options_that_make_no_sense_are_refused():
    with pytest.raises((InputError, ValidationError), match="a mixture of 1 experts was asked for; give at least 2"):
        SupernetOptions(experts=1)
    for wrong in ({"distillation": 1.5}, {"router_width": 0}, {"sampler": "depths"}, {"expert": 2}):
        with pytest.raises(ValidationError):
            SupernetOptions(**wrong)
