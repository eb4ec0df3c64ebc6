"""Numbers and names of supernets: what must not change, what they inherit, what is refused."""

from types import SimpleNamespace

import pytest
import torch

from foretell.errors import InputError, IntegrityError
from foretell.families.encoder_decoder.genes import TransformerShape
from foretell.spaces import create
from foretell.study import StudyConfig
from foretell.training import (
    KINDS,
    Fixed,
    Recipe,
    SupernetOptions,
    build_network,
    build_supernet,
    load_network,
    load_supernet,
    load_validation,
    scratch_keys,
    supernet_keys,
    train,
    train_from_scratch,
    train_supernet,
)

SHORT = Recipe(updates=12, warmup=2, validate_every=6, max_tokens=128)
QUICK = SHORT.model_copy(update={"updates": 2, "validate_every": 2})
HOME_ASSISTANT = SimpleNamespace(fingerprint="1e900594b143652f")


def test_the_keys_of_the_default_study_stay_what_they_were():
    """Stores hold hours of work under these names."""
    study = StudyConfig()
    space, settings = create(study.space), study.supernet
    arguments = (space, HOME_ASSISTANT, settings.recipe)
    assert supernet_keys(*arguments, settings.kind, settings.seed, settings, "cpu")[0] == "a0cfdc68db5fadff"
    assert supernet_keys(*arguments, "spos", 1, device="cpu")[0] == "0b7932a8883dfa19"
    assert scratch_keys(space.smallest(), HOME_ASSISTANT, study.train.recipe, 1, device="cpu")[0] == "3f91875625344be8"
    assert set(settings.model_dump(mode="json")) == {"kind", "recipe", "seed"}


def test_options_that_matter_name_another_supernet(space):
    def key(kind, **options):
        return supernet_keys(space, HOME_ASSISTANT, SHORT, kind, 1, SupernetOptions(**options))[0]

    assert key("sandwich", experts=3) == key("sandwich")
    assert key("layerwise-mos", experts=2) == key("layerwise-mos")
    distinct = [
        *(key(kind) for kind in KINDS),
        key("sandwich", distillation=0.5),
        key("sandwich", sampler="architectures"),
        key("layerwise-mos", experts=3),
        key("layerwise-mos", router_width=64),
        key("layerwise-mos", router_input="per-layer"),
    ]
    assert len(set(distinct)) == len(distinct)


@pytest.mark.network
@pytest.mark.parametrize(
    ("kind", "tokens", "loss", "seen"),
    [
        ("scratch", None, 5.246683197420205, 1341),
        ("scratch", 256, 5.2127831592300105, 2533),
        ("spos", None, 5.241176797722889, 1341),
        ("spos", 256, 5.225562675221919, 2533),
        ("sandwich", None, 5.061021937585664, 4023),
        ("sandwich", 256, 4.909126417113176, 7599),
    ],
)
def test_the_numbers_of_training_stay_what_they_were(space, task, tmp_path, kind, tokens, loss, seen):
    """Recorded before mixtures, distillation and several processes; another CPU may round differently."""
    recipe = SHORT.model_copy(update={"tokens_per_update": tokens})
    if kind == "scratch":
        network = build_network(space.smallest(), task.sizes, recipe, 1)
        result = train(network, task, recipe, Fixed(), tmp_path, seed=1, about={"test": 1})
    else:
        _, result = train_supernet(space, task, recipe, tmp_path, kind=kind)
    assert result.best_loss == pytest.approx(loss, rel=1e-4)
    assert result.tokens == seen
    assert result.peak_memory > 2**25


@pytest.mark.network
def test_a_mixture_starts_from_the_weights_of_the_plain_supernet_beside_its_experts(space, task):
    plain = build_supernet(space, task, SHORT, 1)
    mixed = build_supernet(space, task, SHORT, 1, "layerwise-mos")
    assert plain.mixture is None
    assert mixed.mixture.experts == 2
    assert plain.tokens.state_dict()["shared"].equal(mixed.tokens.state_dict()["shared"])


@pytest.mark.network
@pytest.mark.parametrize("kind", ["spos", "neuronwise-mos"])
def test_training_starts_from_inherited_weights(space, task, tmp_path, kind):
    supernet, _ = train_supernet(space, task, SHORT, tmp_path / kind, kind=kind)
    architecture = space.smallest()
    still = QUICK.model_copy(update={"learning_rate": 1e-30, "dropout": 0.0})
    found = train_from_scratch(architecture, task, still, tmp_path / "warm", splits=(), inherit=tmp_path / kind)
    network, about = load_network(tmp_path / "warm" / "model.safetensors")
    expected = supernet.extract(TransformerShape.of(architecture)).state_dict()
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(tensor, expected[name], rtol=0, atol=1e-6)
    assert network.dropout == 0.0
    assert about["inherited"] == found.provenance["inherited"]
    file = tmp_path / kind / "model.safetensors"
    keys = {scratch_keys(architecture, task, still, 1, source)[0] for source in (None, file, tmp_path / kind)}
    assert len(keys) == 2


@pytest.mark.network
def test_checkpoints_of_another_kind_space_or_task_are_refused(space, task, tmp_path):
    train_supernet(space, task, QUICK, tmp_path / "spos", kind="spos")
    with pytest.raises(InputError, match=r"is of the kind spos; expected neuronwise-mos"):
        load_supernet(tmp_path / "spos", space, task, kind="neuronwise-mos")
    with pytest.raises(InputError, match="was trained on another corpus or vocabulary"):
        load_supernet(tmp_path / "spos", space, HOME_ASSISTANT)
    other = create("hat-iwslt14-de-en")
    with pytest.raises(InputError, match="expected a supernet of the space hat-iwslt14-de-en"):
        train_from_scratch(other.smallest(), task, QUICK, tmp_path / "x", inherit=tmp_path / "spos")
    (tmp_path / "nothing").mkdir()
    with pytest.raises(InputError, match=r"nothing/model\.safetensors does not exist"):
        train_from_scratch(space.smallest(), task, QUICK, tmp_path / "x", inherit=tmp_path / "nothing")
    with pytest.raises(IntegrityError, match="sentences of another task"):
        load_validation(tmp_path / "spos", "another", 2048)


@pytest.mark.network
def test_bf16_trains_a_mixture(space, task, tmp_path):
    recipe = SHORT.model_copy(update={"precision": "bf16"})
    _, exact = train_supernet(space, task, SHORT, tmp_path / "fp32", kind="neuronwise-mos")
    _, near = train_supernet(space, task, recipe, tmp_path / "bf16", kind="neuronwise-mos")
    assert near.best_loss == pytest.approx(exact.best_loss, rel=0.02)
