"""`foretell search` of a study whose objective is the user's."""

import pytest

from foretell.cli import main

STUDY = """
name: own
space: {genes: {layers: [1, 2, 3]}}
metric: {name: loss, higher_is_better: false}
objective: {command: [echo, '{{"loss": {layers}}}']}
search: {trials: 2, algorithm: random}
"""


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("--algorithm foo", "unknown algorithm 'foo'"),
        ("--constraint params=5", "cannot be read"),
        ("--trials -1", "greater than or equal to 0"),
    ],
)
def test_a_wrong_value_is_the_users_fault_and_one_sentence(user_folder, capsys, options, sentence):
    (user_folder / "own.yaml").write_text(STUDY)
    assert main(["search", "own.yaml", *options.split()]) == 2
    err = " ".join(capsys.readouterr().err.split())
    assert sentence in err
    assert "fault of foretell" not in err
    assert "pydantic" not in err
    assert not (user_folder / "runs").exists()


def test_check_says_what_its_estimate_is_taken_from(user_folder, capsys):
    (user_folder / "own.yaml").write_text(STUDY)
    assert main(["check", "own.yaml"]) == 0
    assert "No estimate; left out: how long a training takes." in capsys.readouterr().out
    assert main(["--quiet", "search", "own.yaml"]) == 0
    capsys.readouterr()
    assert main(["check", "own.yaml"]) == 0
    out = capsys.readouterr().out
    assert ", estimated from the 2 trials that are there." in out
    assert "left out" not in out
