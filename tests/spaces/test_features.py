import numpy as np
import pytest
from numpy.testing import assert_allclose

from foretell import spaces
from foretell.errors import UnknownNameError
from foretell.spaces import Architecture, feature_names

HAT = spaces.create("hat-wmt14-en-de")


def tfs_eval(de: int, dd: int, encoder_ffn: str, encoder_heads: str, ffn: str, own: str, cross: str, attn: list[int]):
    """An architecture in short: widths in units of 1024, one digit a layer."""
    values = {
        "encoder-embed-dim": de,
        "encoder-layer-num": 6,
        "encoder-ffn-embed-dim-all": [1024 * int(d) for d in encoder_ffn],
        "encoder-self-attention-heads-all": [int(d) for d in encoder_heads],
        "decoder-embed-dim": dd,
        "decoder-layer-num": len(ffn),
        "decoder-ffn-embed-dim-all": [1024 * int(d) for d in ffn],
        "decoder-self-attention-heads-all": [int(d) for d in own],
        "decoder-ende-attention-heads-all": [int(d) for d in cross],
        "decoder-arbitrary-ende-attn-all": attn,
    }
    return Architecture.from_dict(HAT, values)


ID_0 = tfs_eval(512, 640, "321111", "484888", "1", "4", "4", [-1])
ID_2 = tfs_eval(512, 512, "123221", "484448", "221", "848", "848", [-1, 2, -1])


def test_averages_in_the_units_of_the_genes():
    expected = [
        [512, 6, 1536, 40 / 6, 640, 1, 1024, 4, 4, 1],
        [512, 6, 11 * 1024 / 6, 32 / 6, 512, 3, 5 * 1024 / 3, 20 / 3, 20 / 3, 5 / 3],
    ]
    assert_allclose(HAT.features(HAT.population([ID_0, ID_2]), "hat"), expected, rtol=1e-12)


def test_the_latency_predictors_norms():
    expected = [
        [512 / 640, 1, 1536 / 2048, 40 / 36, 1, 1 / 6, 1024 / 2048, 4 / 6, 4 / 6, 1 / 2],
        [512 / 640, 1, 11 / 12, 32 / 36, 512 / 640, 3 / 6, 5 / 6, 20 / 18, 20 / 18, 5 / 6],
    ]
    assert_allclose(HAT.features(HAT.population([ID_0, ID_2]), "hat-latency"), expected, rtol=1e-12)


def test_the_bleu_predictors_norms():
    expected = [
        [512 / 640, 1, 1536 / 3072, 40 / 48, 1, 1 / 6, 1024 / 3072, 4 / 8, 4 / 8, 0],
        # Attention: raw values -1, 2, -1 have mean 0.
        [512 / 640, 1, 11 / 18, 32 / 48, 512 / 640, 3 / 6, 5 / 9, 20 / 24, 20 / 24, 1 / 3],
    ]
    assert_allclose(HAT.features(HAT.population([ID_0, ID_2]), "hat-bleu"), expected, rtol=1e-12)


def test_one_value_a_layer_with_zeros_where_there_is_none():
    values = HAT.features(HAT.population([ID_0]), "per-layer")[0]
    named = dict(zip(feature_names(HAT, "per-layer"), values, strict=True))
    assert len(values) == 40
    assert named["encoder-ffn-embed-dim-all[1]"] == pytest.approx(2 / 3)
    assert named["decoder-arbitrary-ende-attn-all[0]"] == pytest.approx(1 / 3)
    assert named["decoder-ffn-embed-dim-all[0]"] == pytest.approx(1 / 3)
    assert named["decoder-ffn-embed-dim-all[1]"] == 0


@pytest.mark.parametrize(
    ("name", "kind"),
    [(name, kind) for name in spaces.names() for kind in ("per-layer", *spaces.create(name).family.features)],
)
def test_features_depend_on_the_architecture_only(name: str, kind: str):
    space = spaces.create(name)
    population = space.sample(300, np.random.default_rng(0))
    values = space.features(population, kind)
    assert values.shape == (300, len(feature_names(space, kind)))
    assert np.isfinite(values).all()
    assert_allclose(values, space.features(space.canonical(population), kind))


def test_an_unknown_kind_names_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'per-layer'"):
        HAT.features(HAT.population([ID_0]), "per-layers")
