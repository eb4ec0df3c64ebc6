import json
from dataclasses import replace

import numpy as np
import pytest

from foretell import spaces
from foretell.errors import InputError, IntegrityError
from foretell.observations import Observation
from foretell.predictors import Context, create
from foretell.predictors import distilled as module
from foretell.predictors.distilled import Distilled

pytestmark = pytest.mark.network

SPACE = spaces.create("small-seq2seq")


def teacher(population):
    """Smooth, curved, in the unit of BLEU."""
    x = SPACE.features(population, "hat-bleu")
    return 25 + 3 * np.log(x[:, 5] + 0.2) + 2 * x[:, 0] * x[:, 4] + np.sqrt(x[:, 6]) - x[:, 9] ** 2


def labels(n, seed=0, values=None):
    rows = np.unique(SPACE.canonical(SPACE.sample(2 * n, np.random.default_rng(seed))), axis=0)
    rows = rows[np.random.default_rng(seed).permutation(len(rows))[:n]]
    values = teacher(rows) if values is None else values
    return [
        Observation(architecture, {"valid_bleu": float(value)})
        for architecture, value in zip(SPACE.architectures(rows), values, strict=True)
    ]


def student(seed=0, **options):
    return Distilled(Context(SPACE, vocabulary=64, seed=seed), **options)


@pytest.fixture
def short(monkeypatch):
    """A few updates: enough for what does not depend on how well the student learnt."""
    monkeypatch.setattr(module, "_DEFAULT", replace(module._DEFAULT, steps=20))


TEST = SPACE.sample(400, np.random.default_rng(99))


def test_a_smooth_teacher_is_imitated_to_a_twentieth_of_its_spread():
    fitted = student().fit(labels(1000))
    truth = teacher(TEST)
    error = np.abs(fitted.predict(TEST).mean - truth).mean()
    assert error <= 0.05 * truth.std()
    assert fitted.student_mae is not None
    assert fitted.student_mae <= 0.05 * fitted.teacher_std
    assert fitted.teacher_std == pytest.approx(truth.std(), rel=0.15)


def test_the_paper_recipe_is_the_published_one():
    """`bleu_predictor.py`: Adam 1e-5, raw targets, batches of 128, 5,000 steps, no validation, the last weights."""
    plan = module.PUBLISHED
    assert (plan.learning_rate, plan.steps, plan.batch) == (1e-5, 5000, 128)
    assert plan.standardise is False
    assert plan.held_out == 0.0


def test_the_published_network_has_486001_parameters(short):
    network = student().fit(labels(30))._network
    assert sum(w.size + b.size for w, b in zip(network.weights, network.biases, strict=True)) == 486_001


def test_the_paper_recipe_has_no_held_out_error(monkeypatch):
    monkeypatch.setattr(module, "PUBLISHED", replace(module.PUBLISHED, steps=20))
    fitted = student(recipe="paper").fit(labels(40))
    assert fitted.student_mae is None
    assert fitted.predict(TEST).std is None


def test_what_is_written_and_read_back_is_equal(tmp_path, short):
    fitted = student().fit(labels(60))
    fitted.write(tmp_path)
    again = Distilled.read(tmp_path, SPACE)
    np.testing.assert_array_equal(again.predict(TEST).mean, fitted.predict(TEST).mean)
    np.testing.assert_array_equal(again.predict(TEST).std, fitted.predict(TEST).std)
    assert again.fingerprint == fitted.fingerprint
    assert (again.labels, again.student_mae, again.metric) == (60, fitted.student_mae, "valid_bleu")


def test_damaged_files_are_named(tmp_path, short):
    student().fit(labels(60)).write(tmp_path)
    weights, about = tmp_path / "distilled.safetensors", tmp_path / "distilled.json"
    whole, text = weights.read_bytes(), about.read_text()

    weights.write_bytes(whole[:-100])
    with pytest.raises(IntegrityError, match=r"distilled\.safetensors"):
        Distilled.read(tmp_path, SPACE)
    weights.write_bytes(whole[:-4] + bytes(4))
    with pytest.raises(IntegrityError, match="do not match"):
        Distilled.read(tmp_path, SPACE)
    weights.write_bytes(whole)
    about.write_text(text[:50])
    with pytest.raises(IntegrityError, match=r"distilled\.json"):
        Distilled.read(tmp_path, SPACE)
    about.write_text(json.dumps({**json.loads(text), "format": 99}))
    with pytest.raises(IntegrityError, match="another format"):
        Distilled.read(tmp_path, SPACE)
    about.write_text(text)
    with pytest.raises(InputError, match=r"small-seq2seq; expected hat-wmt14-en-de"):
        Distilled.read(tmp_path, spaces.create("hat-wmt14-en-de"))
    with pytest.raises(InputError, match="does not exist"):
        Distilled.read(tmp_path / "nowhere", SPACE)


def test_labels_that_teach_nothing_are_refused():
    with pytest.raises(InputError, match="all 30 labels"):
        student().fit(labels(30, values=np.full(30, 20.0)))
    with pytest.raises(InputError, match="at least 20 labelled"):
        student().fit(labels(19))
    values = np.linspace(19, 21, 30)
    values[3] = np.nan
    with pytest.raises(InputError):
        student().fit(labels(30, values=values))


def test_a_prediction_does_not_depend_on_the_rest_of_the_batch(short):
    fitted = student().fit(labels(60))
    whole = fitted.predict(TEST).mean
    # Up to the last bit of single precision: matrix products round by a row's place in the block.
    np.testing.assert_allclose(fitted.predict(TEST[37:38]).mean, whole[37:38], rtol=1e-6)
    np.testing.assert_allclose(fitted.predict(TEST[::-1].copy()).mean[::-1], whole, rtol=1e-6)
    others = np.where(np.arange(len(TEST))[:, None] % 2, SPACE.sample(len(TEST), np.random.default_rng(1)), TEST)
    np.testing.assert_array_equal(fitted.predict(others).mean[::2], whole[::2])


def test_the_seed_decides(short):
    known = labels(60)
    first, again, other = (student(seed).fit(known).predict(TEST).mean for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_without_weights_it_says_what_to_do(tmp_path):
    with pytest.raises(InputError, match="fit"):
        student().predict(TEST)
    with pytest.raises(InputError, match="fit"):
        student().write(tmp_path)
    with pytest.raises(InputError, match="default or paper"):
        student(recipe="other")
    assert isinstance(create("distilled", context=Context(SPACE)), Distilled)
