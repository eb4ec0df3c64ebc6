import pytest

from foretell import spaces
from foretell.errors import IntegrityError
from foretell.records import write_json
from foretell.study import load_study, translate_texts, use
from foretell.tasks.translation import ParallelCorpus, Task
from foretell.training import Recipe, build_network, save_network
from tests.toy import pairs


@pytest.fixture
def run(tmp_path):
    """A run's folder with the least that can translate: a study, a winner that knows nothing."""
    found = pairs(60)
    corpus = ParallelCorpus("en", "de", found[:40], found[40:50], found[50:], {"name": "reversed words"})
    task = Task.of(corpus, 40, tmp_path / "cache")
    (tmp_path / "winner").mkdir()
    network = build_network(spaces.create("small-seq2seq").smallest(), task.sizes, Recipe(), 1)
    save_network(tmp_path / "winner" / "model.safetensors", network, {})
    task.vocabulary.save(tmp_path / "winner" / "vocabulary.model")
    study = load_study(None, {"train": {"beam": 3, "length_penalty": 0.3}})
    (tmp_path / "study.yaml").write_text(study.to_yaml())
    return tmp_path


@pytest.fixture
def asked(monkeypatch):
    """How translations were asked for."""
    calls = []

    def translate(network, vocabulary, sources, **decoding):
        calls.append((decoding["beam"], decoding["length_penalty"]))
        return [""] * len(sources)

    monkeypatch.setattr(use, "translate", translate)
    return calls


def test_translations_are_made_as_the_scores_were(run, asked):
    translate_texts(run, ["red old door"])
    write_json(run / "winner" / "observation.json", {"observation": {"provenance": {"length_penalty": 0.6}}})
    translate_texts(run, ["red old door"])
    translate_texts(run, ["red old door"], beam=1)
    translate_texts(run, ["red old door"], length_penalty=0.0)
    (run / "study.yaml").unlink()
    translate_texts(run, ["red old door"])
    assert asked == [(3, 0.3), (3, 0.6), (1, 0.6), (3, 0.0), (4, 0.6)]


@pytest.mark.parametrize("provenance", [None, {"beam": "many"}, {"length_penalty": -1.0}])
def test_a_damaged_record_is_one_sentence(run, asked, provenance):
    write_json(run / "winner" / "observation.json", {"observation": {"provenance": provenance}})
    with pytest.raises(IntegrityError, match="does not tell how its translations were made"):
        translate_texts(run, ["red old door"])
