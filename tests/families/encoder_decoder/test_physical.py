import numpy as np
import pytest
from numpy.testing import assert_allclose

from foretell import spaces
from foretell.errors import InputError
from foretell.families.encoder_decoder.closed_forms import flops, parameters
from foretell.families.encoder_decoder.physical import physical_feature_names, physical_features

SMALL = spaces.create("small-seq2seq")


def test_logarithms_of_what_the_names_say():
    largest = SMALL.population([SMALL.largest()])
    values = dict(zip(physical_feature_names(), np.exp(physical_features(SMALL, largest)[0]), strict=True))
    expected = {
        "log_decoder_depth": 4,
        "log_encoder_depth": 4,
        "log_decoder_width": 96,
        "log_encoder_width": 96,
        "log_decoder_ffn": 256,
        "log_encoder_ffn": 256,
        "log_attended": 3,
        "log_parameters_without_embeddings": parameters(SMALL, largest, embeddings=False)[0],
        "log_flops_without_output_layer": flops(SMALL, largest, output_layer=False)[0],
    }
    assert values == pytest.approx(expected)


def test_latency_is_the_last_column():
    population = SMALL.sample(5, np.random.default_rng(0))
    latency = np.arange(1.0, 6.0)
    values = physical_features(SMALL, population, latency)
    assert values.shape == (5, len(physical_feature_names(latency=True)))
    assert_allclose(values[:, :-1], physical_features(SMALL, population))
    assert_allclose(values[:, -1], np.log(latency))
    for wrong in (latency[:4], latency - 1):
        with pytest.raises(InputError, match="expected 5 positive numbers"):
            physical_features(SMALL, population, wrong)
