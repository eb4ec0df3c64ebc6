import pytest

from foretell.errors import InputError
from foretell.observations import Observation
from foretell.spaces import create
from foretell.training import (
    Recipe,
    build_network,
    load_supernet,
    load_trained,
    train_from_scratch,
    train_supernet,
)

pytestmark = pytest.mark.network

SHORT = Recipe(updates=12, warmup=2, validate_every=6, max_tokens=128)


def test_an_observation_has_all_scores_and_its_provenance(space, task, tmp_path):
    found = train_from_scratch(space.smallest(), task, SHORT, tmp_path, beam=2)
    assert set(found.metrics) == {
        "valid_loss",
        *(f"{s}_{m}" for s in ("valid", "test") for m in ("bleu", "chrf", "ter")),
    }
    assert set(found.provenance["signatures"]) == {"bleu", "chrf", "ter"}
    assert "version:" in found.provenance["signatures"]["bleu"]
    assert found.provenance["updates"] == 12
    # Validated every sixth update; the curve has more points at its beginning, which choose no checkpoint.
    assert [row["update"] for row in found.provenance["history"]] == list(range(1, 13))
    assert found.provenance["best_update"] in (-1, 6, 12)
    assert found.provenance["training_cpu_seconds"] > 0
    again = train_from_scratch(space.smallest(), task, SHORT, tmp_path, beam=2)
    assert again == found
    assert Observation.from_dict(space, found.to_dict()) == found


def test_early_stopping_makes_whole_labels_and_later_rungs_cost_nothing(space, task, tmp_path):
    changes = {"updates": 60, "validate_every": 5, "learning_rate": 0.2, "schedule": "inverse-sqrt", "patience": 1}
    tiring = SHORT.model_copy(update=changes)
    begun = train_from_scratch(space.smallest(), task, tiring, tmp_path, splits=("valid",), until=6)
    assert begun.fidelity == 0.1
    whole = train_from_scratch(space.smallest(), task, tiring, tmp_path)
    ended = whole.provenance["updates"]
    assert whole.fidelity == 1
    assert ended < 54
    assert whole.provenance["recipe_updates"] == 60
    rung = train_from_scratch(space.smallest(), task, tiring, tmp_path, splits=("valid",), until=54)
    assert rung.fidelity == 0.9
    assert rung.provenance["updates"] == ended
    assert rung.metrics["valid_loss"] == whole.metrics["valid_loss"]
    assert rung.provenance["training_seconds"] == whole.provenance["training_seconds"]


def test_the_initial_weights_depend_on_the_seed_alone(space, task):
    one, two = (build_network(space.smallest(), task.sizes, SHORT, 1).state_dict() for _ in range(2))
    other = build_network(space.smallest(), task.sizes, SHORT, 2).state_dict()
    assert all(one[name].equal(two[name]) for name in one)
    assert not all(one[name].equal(other[name]) for name in one)


def test_a_supernet_is_loaded_for_its_own_space_and_task_only(space, task, tmp_path):
    train_supernet(space, task, SHORT, tmp_path / "supernet", kind="spos")
    network, about = load_supernet(tmp_path / "supernet", space, task)
    assert about["kind"] == "spos"
    assert network.shape.encoder_width == max(space.gene("encoder-embed-dim").choices)
    with pytest.raises(InputError, match="expected a supernet of the space hat-iwslt14-de-en"):
        load_supernet(tmp_path / "supernet", create("hat-iwslt14-de-en"), task)
    train_from_scratch(space.smallest(), task, SHORT, tmp_path / "single", splits=())
    with pytest.raises(InputError, match="single architecture"):
        load_supernet(tmp_path / "single", space, task)
    assert load_trained(tmp_path / "single")[0].parameter_count(embeddings=False) > 0
