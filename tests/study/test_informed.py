import numpy as np
import pytest

from foretell import spaces
from foretell.costs import CostModel
from foretell.errors import InputError
from foretell.observations import write_observations
from foretell.predictors import Context, create
from foretell.search import open_journal
from foretell.study import load_study, train_study_supernet
from foretell.study.scorers import make_scorer
from foretell.tasks import Task
from foretell.testing import make_observations

pytestmark = pytest.mark.network
SPACE = spaces.create("small-seq2seq")


def test_it_is_the_mean_of_the_supernet_and_the_labels_and_nothing_is_scored_twice(study_file, tmp_path, monkeypatch):
    monkeypatch.setenv("FORETELL_CACHE", str(tmp_path / "cache"))
    labels = make_observations(SPACE, 12)
    write_observations(tmp_path / "labels.jsonl", labels)
    text = study_file.read_text().replace("updates: 40", "updates: 10")
    study_file.write_text(text.replace("labels: 60", f"observations: {tmp_path / 'labels.jsonl'}"))
    study = load_study(study_file)
    train_study_supernet(study)
    task = Task.prepare(study.corpus, study.vocabulary)
    costs = CostModel(SPACE, vocabulary=len(task.vocabulary))
    rows = SPACE.canonical(SPACE.sample(8, np.random.default_rng(0)))
    with open_journal(tmp_path / "scores.jsonl", SPACE) as journal:
        told = make_scorer("informed", study, costs, task, journal).scores(rows)
    with open_journal(tmp_path / "scores.jsonl", SPACE) as journal:
        supernet = make_scorer("supernet", study, costs, task, journal)
        loss = supernet.scores(rows)
        assert supernet.run == 0
    regression = create("regression", context=Context(SPACE, vocabulary=len(task.vocabulary))).fit(labels)
    # What is left without the regression's half is a line in the supernet's score, or an offset from it.
    rest = 2 * told - regression.predict(rows).mean
    assert np.corrcoef(rest, loss)[0, 1] ** 2 == pytest.approx(1)
    with open_journal(tmp_path / "scores.jsonl", SPACE) as journal:
        again = make_scorer("informed", study, costs, task, journal)
        assert np.array_equal(again.scores(rows), told)
        assert again.run == 0


def test_labels_of_another_space_are_refused(study_file, tmp_path, monkeypatch):
    monkeypatch.setenv("FORETELL_CACHE", str(tmp_path / "cache"))
    other = spaces.create("hat-iwslt14-de-en")
    write_observations(tmp_path / "labels.jsonl", make_observations(other, 6))
    text = study_file.read_text().replace("updates: 40", "updates: 2")
    study_file.write_text(text.replace("labels: 60", f"observations: {tmp_path / 'labels.jsonl'}"))
    study = load_study(study_file)
    train_study_supernet(study)
    task = Task.prepare(study.corpus, study.vocabulary)
    with pytest.raises(InputError, match="has those of the space hat-iwslt14-de-en; label some of small-seq2seq"):
        make_scorer("informed", study, CostModel(SPACE, vocabulary=len(task.vocabulary)), task, None)
