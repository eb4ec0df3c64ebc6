"""HAT's recipe of every published task."""

import pytest

from foretell import spaces
from foretell.published.recipes import PUBLISHED
from foretell.training import Recipe, build_supernet, train_supernet
from tests.families.encoder_decoder.cases import SPACES

WMT = ["hat-wmt14-en-de", "hat-wmt14-en-fr", "hat-wmt19-en-de"]


def test_every_published_space_has_its_recipes():
    assert sorted(PUBLISHED) == sorted(name for name in spaces.names() if name.startswith("hat-"))


@pytest.mark.parametrize("name", WMT)
def test_wmt(name):
    recipe = PUBLISHED[name].supernet
    assert (recipe.updates, recipe.warmup, recipe.learning_rate, recipe.schedule) == (40_000, 10_000, 1e-3, "cosine")
    assert (recipe.max_tokens, recipe.tokens_per_update, recipe.accumulate) == (4096, 524_288, 128)
    assert (recipe.dropout, recipe.attention_dropout, recipe.label_smoothing) == (0.3, 0.1, 0.1)
    assert (recipe.weight_decay, recipe.clip_norm, recipe.precision) == (0.0, 0.0, "fp16")
    assert (PUBLISHED[name].beam, PUBLISHED[name].length_penalty) == (4, 0.6)


def test_iwslt():
    recipe = PUBLISHED["hat-iwslt14-de-en"].supernet
    assert (recipe.updates, recipe.warmup, recipe.learning_rate) == (50_000, 10_000, 5e-4)
    assert (recipe.schedule, recipe.accumulate, recipe.max_tokens) == ("inverse-sqrt", 1, 4096)
    assert (recipe.dropout, recipe.attention_dropout) == (0.375, 0.0)
    assert (recipe.weight_decay, recipe.clip_norm, recipe.precision) == (1e-4, 25.0, "fp32")
    assert (PUBLISHED["hat-iwslt14-de-en"].beam, PUBLISHED["hat-iwslt14-de-en"].length_penalty) == (5, 1.0)


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_from_scratch_only_the_warm_up_differs(name):
    both = PUBLISHED[name]
    assert both.scratch.warmup == 4000
    assert both.scratch.model_copy(update={"warmup": 10_000}) == both.supernet
    assert both.supernet.betas == (0.9, 0.98)
    assert both.supernet.epsilon == 1e-8
    assert both.supernet.rate(0) == 1e-7
    assert both.supernet.rate(10_000) == both.supernet.learning_rate
    assert Recipe.model_validate(both.supernet.model_dump()) == both.supernet  # a copied recipe was not validated


@pytest.mark.network
@pytest.mark.parametrize("precision", ["fp16", "bf16"])
@pytest.mark.parametrize(
    ("name", "reduced"), [("hat-wmt14-en-de", "post-shared"), ("hat-iwslt14-de-en", "post-separate")]
)
def test_a_published_recipe_trains_at_a_sixteenth_of_its_size(name, reduced, precision, task, tmp_path):
    """HAT's genes, norms and kind of embeddings; fewer updates and smaller micro-batches, accumulated as published."""
    published = PUBLISHED[name].supernet
    recipe = published.model_copy(
        update={
            "updates": 6,
            "warmup": 2,
            "validate_every": 3,
            "max_tokens": 64,
            "tokens_per_update": None if published.tokens_per_update is None else 4 * 64,
            "precision": precision,
        }
    )
    network, result = train_supernet(SPACES[reduced], task, recipe, tmp_path, kind="neuronwise-mos")
    assert recipe.accumulate == (4 if published.accumulate > 1 else 1)
    assert [row["update"] for row in result.history] == [3, 6]
    fresh = build_supernet(SPACES[reduced], task, recipe, 1, "neuronwise-mos").state_dict()
    for key, tensor in network.state_dict().items():
        assert tensor.isfinite().all()
        assert not tensor.equal(fresh[key])
