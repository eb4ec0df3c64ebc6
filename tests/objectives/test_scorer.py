"""Scorers of the user's: commands in an environment of their own, on files of what was said."""

import sys
from pathlib import Path

import pytest

from foretell.errors import InputError
from foretell.objectives import ExternalScorer, ScorerSettings

TEXTS = {
    "hypotheses": ["das Haus", "", "ein\u2028Baum\nfällt"],
    "sources": ["the house", "nothing", "a tree falls"],
    "references": ["das Haus", "nichts", "ein Baum fällt"],
}
SHARE = """
import sys
said, right = ([line.rstrip("\\n") for line in open(path, encoding="utf-8")] for path in sys.argv[1:3])
assert len(said) == len(right)
print("Loading weights: 100%", file=sys.stderr)
"""


@pytest.fixture(autouse=True)
def _own_store(tmp_path, monkeypatch):
    monkeypatch.setenv("FORETELL_CACHE", str(tmp_path / "cache"))


def scorer(tmp_path, ending, name="share", body=SHARE, **settings):
    """A program that ends in a line of its own."""
    (tmp_path / "score.py").write_text(body + ending + "\n")
    command = [sys.executable, "-I", "score.py", "{hypotheses}", "{references}"]
    return ExternalScorer(name, ScorerSettings.model_validate({"command": command, **settings}), tmp_path)


@pytest.mark.parametrize(
    "ending",
    [
        "print(sum(a == b for a, b in zip(said, right)) / 3)",
        "print(f'{sys.argv[1]}\\tscore: {2 / 3}')",  # as comet-score says it
        "print('{\"config\": 1}\\nshare =', 2 / 3)",
        "print('{\"share\": %r, \"system\": 0.1}' % (2 / 3)); print('Predictions saved.')",
        'print(\'{"score": "%r"}\' % (2 / 3))',
    ],
)
def test_a_score_is_read_wherever_programs_say_it(tmp_path, ending):
    assert scorer(tmp_path, ending).score(TEXTS, tmp_path / "run") == pytest.approx(2 / 3)
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["scores.json"]


def test_a_score_is_asked_for_once_for_the_same_texts_and_command(tmp_path):
    counting = "open('calls', 'a').write('.'); print(len(open('calls').read()))"
    first = scorer(tmp_path, counting)
    assert first.score(TEXTS, tmp_path / "run") == 1.0
    assert first.score(TEXTS, tmp_path / "run") == 1.0
    assert scorer(tmp_path, counting, time_limit="10m", label="Share").score(TEXTS, tmp_path / "run") == 1.0
    assert first.score({**TEXTS, "hypotheses": ["das Haus", "", "x"]}, tmp_path / "run") == 2.0
    assert scorer(tmp_path, counting, version=2).score(TEXTS, tmp_path / "run") == 3.0


@pytest.mark.parametrize(
    ("ending", "says"),
    [
        ("sys.exit('no model of that name')", "failed: the command ended with exit code 1: no model of that name"),
        ("print('BLEU = 23.1 (BP = 1.000 ref_len = 7)')", "printed 'BLEU = 23.1 (BP = 1.000 ref_len = 7)' last"),
        ("print('nan')", "printed 'nan' last"),
        ("print('{\"share\": true}')", "expected a line that ends in the score"),
        ("pass", "printed '' last"),
    ],
)
def test_a_scorer_that_tells_no_score_is_named_with_its_log(tmp_path, ending, says):
    with pytest.raises(InputError) as caught:
        scorer(tmp_path, ending).score(TEXTS, tmp_path / "run")
    assert says in str(caught.value)
    log = tmp_path / "run" / "scoring-share" / "log.txt"
    assert str(log) in str(caught.value)
    assert "Loading weights" in log.read_text()
    assert (log.parent / "hypotheses.txt").read_text(encoding="utf-8") == "das Haus\n\nein Baum fällt\n"


def test_foretells_own_packages_are_not_its_packages(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "ours"))
    said = scorer(tmp_path, "", body="import os; print(float('PYTHONPATH' in os.environ))")
    assert said.score(TEXTS, tmp_path / "run") == 0.0
    given = scorer(tmp_path, "", body="import os; print(len(os.environ['PYTHONPATH']))", env={"PYTHONPATH": "abc"})
    assert given.score(TEXTS, tmp_path / "run") == 3.0


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("cat {references}", "never hears of what the network said; add {hypotheses}"),
        ("cat {hypotheses} {source}", "has the placeholder {source}; expected {hypotheses}, {sources}"),
        ("no-such-scorer {hypotheses}", "'no-such-scorer' is not on the PATH"),
        ("~/no-such-folder/score {hypotheses}", "does not exist"),
    ],
)
def test_a_command_that_cannot_work_is_refused(tmp_path, command, says):
    with pytest.raises(InputError) as caught:
        ExternalScorer("share", ScorerSettings(command=command), tmp_path)
    assert says in str(caught.value)


def test_a_program_under_the_home_folder_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "score.py").write_text("print(0.5)")
    settings = ScorerSettings(command=f"{sys.executable} ~/score.py {{hypotheses}}")
    assert ExternalScorer("half", settings, Path("/")).score(TEXTS, tmp_path / "run") == 0.5


def test_the_direction_is_the_known_one_or_declared():
    assert ScorerSettings(command="x").metric("valid_comet").label == "valid COMET"
    errors = ScorerSettings(command="x", higher_is_better=False, label="MetricX", bounds=(0, 25))
    assert errors.metric("test_metricx").title == "test MetricX (lower is better)"
    with pytest.raises(InputError, match="higher is better"):
        ScorerSettings(command="x", higher_is_better=False).metric("valid_comet")
