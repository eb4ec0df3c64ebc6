"""Supernets by their folders: `sandwich:FOLDER`."""

import numpy as np
import pytest

from foretell import spaces
from foretell.errors import InputError, IntegrityError
from foretell.predictors import create
from foretell.predictors.supernet import SupernetPredictor
from foretell.tasks.translation import ParallelCorpus, Task, validation_batches
from foretell.testing import make_observations
from foretell.training import (
    KINDS,
    Recipe,
    SupernetOptions,
    load_tensors,
    save_tensors,
    train_from_scratch,
    train_supernet,
)
from tests.toy import pairs

pytestmark = pytest.mark.network

SPACE = spaces.create("small-seq2seq")
POPULATION = SPACE.sample(5, np.random.default_rng(0))
SHORT = Recipe(updates=2, warmup=1, validate_every=2, max_tokens=128)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("supernets")


@pytest.fixture(scope="module")
def task(root):
    found = pairs(300)
    corpus = ParallelCorpus("en", "de", found[:250], found[250:280], found[280:], {"name": "reversed words"})
    return Task.of(corpus, 64, root / "cache")


@pytest.fixture(scope="module")
def networks(root, task):
    options = SupernetOptions(router_width=8)
    return {kind: train_supernet(SPACE, task, SHORT, root / kind, kind=kind, options=options)[0] for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_is_all_that_a_predictor_needs(kind, networks, root, task):
    predictor = create(f"{kind}:{root / kind}")
    assert predictor.name == f"{kind}:{root / kind}"
    batches = validation_batches(task.valid, 2048)
    expected = SupernetPredictor(SPACE, networks[kind], batches, smoothing=0.1).predict(POPULATION).mean
    np.testing.assert_array_equal(predictor.predict(POPULATION).mean, expected)
    one_by_one = SupernetPredictor(SPACE, networks[kind], batches, smoothing=0.1, share=False)
    np.testing.assert_allclose(one_by_one.predict(POPULATION).mean, expected, rtol=1e-5)


@pytest.mark.parametrize("kind", ["spos", "neuronwise-mos"])
def test_ten_labels_bring_it_to_their_unit(kind, networks, root):
    predictor = create(f"calibrated:{kind}:{root / kind}").fit(make_observations(SPACE, 10))
    assert predictor.calibrated
    assert abs(predictor.predict(POPULATION).mean - 22).max() < 10


@pytest.mark.parametrize(
    ("spelling", "sentence"),
    [
        ("sandwich:{root}/spos", "is of the kind spos; expected sandwich"),
        ("layerwise-mos:{root}/neuronwise-mos", "is of the kind neuronwise-mos; expected layerwise-mos"),
        ("sandwich:{root}/nothing", "does not exist; train it first"),
        ("sandwich", "needs a name after the colon"),
    ],
)
def test_a_wrong_folder_is_one_sentence(spelling, sentence, networks, root):
    with pytest.raises(InputError, match=sentence):
        create(spelling.format(root=root))


def test_another_space_and_a_single_architecture_are_refused(networks, root, task):
    with pytest.raises(InputError, match="expected a supernet of the space hat-wmt14-en-de"):
        create(f"spos:{root / 'spos'}", space="hat-wmt14-en-de")
    train_from_scratch(SPACE.smallest(), task, SHORT, root / "single", splits=())
    with pytest.raises(InputError, match="is of a single architecture"):
        create(f"spos:{root / 'single'}")


def test_validation_sentences_that_are_missing_or_of_another_task_are_told(networks, root, task):
    sentences = root / "sandwich" / "validation.safetensors"
    kept = sentences.read_bytes()
    try:
        sentences.unlink()
        with pytest.raises(InputError, match="run `foretell supernet train` again, which adds it"):
            create(f"sandwich:{root / 'sandwich'}")
        train_supernet(SPACE, task, SHORT, root / "sandwich", kind="sandwich")
        assert create(f"sandwich:{root / 'sandwich'}").predict(POPULATION).mean.shape == (5,)
        save_tensors(sentences, load_tensors(sentences).tensors, {"task": "another"})
        with pytest.raises(IntegrityError, match="sentences of another task"):
            create(f"sandwich:{root / 'sandwich'}")
    finally:
        sentences.write_bytes(kept)
