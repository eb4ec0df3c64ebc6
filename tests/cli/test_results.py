"""The tables of a run: at most 80 columns wide, of themselves and not by breaking numbers."""

import pytest

from foretell.cli.results import print_comparison, print_result

WMT = {
    "architecture": {"encoder-embed-dim": 640, "decoder-ffn-embed-dim-all": [3072] * 6},
    "costs": {"parameters": 60_123_456.0, "flops": 12.3456e9, "predicted_latency_ms": 1234.5, "latency_ms": 1234.5},
    "metrics": {"valid_bleu": 29.65, "test_bleu": 26.28},
}
SMALL = {**WMT, "costs": {"parameters": 375_744.0, "flops": 6.3e6, "predicted_latency_ms": 3.381}}
FINALIST = {
    "predicted_latency_ms": 1234.5,
    "predicted_interval_ms": [1234.5, 2345.6],
    "latency_ms": 1234.5,
    "interval_ms": [1234.5, 2345.6],
    "kept": False,
}
TEACHER = {
    "name": "weighted(constant,calibrated:llm,regression)",
    "labels": 10,
    "rows": [
        {"predictor": "constant", "mae": 2.2, "kendall_tau": 0.0},
        {"predictor": "calibrated:llm", "mae": 2.32, "kendall_tau": -0.42, "weight": 0.25},
        {"predictor": "regression", "mae": 1.41, "kendall_tau": 0.42, "weight": 0.75},
        {"predictor": "weighted(constant,calibrated:llm,regression)", "mae": 1.4, "kendall_tau": 0.43},
    ],
    "llm": "local:gemma-3-270m",
    "asked": 200,
    "note": "",
}
RESULT = {
    "name": "a-study-whose-name-is-longer-than-one-would-think",
    "constraint": "latency<=100ms, params<=60M, flops<=3G",
    "constraint_met": False,
    "winner": WMT,
    "baselines": {"smallest": SMALL, "largest": WMT},
    "copy_source": {"metrics": {"test_bleu": 8.74}},
    "teacher": TEACHER,
    "finalists": [FINALIST],
    "stages": {"corpus": 1.24, "supernet": 100_426.9},
    "search": {"evaluations_asked": {"distilled": 1875}, "evaluations_distinct": {"distilled": 931}},
}
ROW = {
    "preset": "hat-as-published",
    "seed": 1,
    "supernet_loss": 5.4708,
    "rank": 1,
    "seconds": 12_206.9,
    "evaluations_asked": {"supernet": 3775},
    "evaluations_run": {"supernet": 3750},
    "costs": {"latency_ms": 203.38, "parameters": 60.376e6},
    "metrics": {"test_bleu": 26.28},
}
COMPARED = {"rows": [ROW], "protocol": {"constraint": "latency<=204ms", "judge": "validation loss"}}


@pytest.fixture(params=["80", "200"])
def printed(request, monkeypatch, capsys):
    """What a function prints on a terminal of 80 columns, and on one so wide that nothing is folded."""
    monkeypatch.setenv("COLUMNS", request.param)

    def call(function, value):
        function(value)
        return capsys.readouterr().out

    return call


def test_the_result_fits_and_no_number_is_broken(printed):
    text = printed(print_result, RESULT)
    assert max(map(len, text.splitlines())) <= 80
    winner = next(line for line in text.splitlines() if "winner" in line)
    assert winner.split() == ["winner", "60.1", "M", "12.35", "G", "1,234", "1,234", "29.65", "26.28"]
    small = next(line for line in text.splitlines() if "smallest" in line)
    assert small.split() == ["smallest", "375,744", "6.3", "M", "3.38", "29.65", "26.28"]
    assert "copy the source" in text
    assert "NOT kept when measured" in text
    assert "1,234 to 2,346" in text


def test_a_comparison_fits(printed):
    text = printed(print_comparison, COMPARED)
    assert max(map(len, text.splitlines())) <= 80
    assert "hat-as-published (1)  5.4708" in text


def test_every_teacher_stands_beside_what_it_is_worth(capsys):
    print_result(RESULT)
    said = capsys.readouterr().out.splitlines()
    for row in TEACHER["rows"]:
        (line,) = [line for line in said if line.split()[:1] == [row["predictor"]]]
        assert f"{row['mae']:.3f}" in line
        assert f"{row['kendall_tau']:.3f}" in line
    assert "llm is local:gemma-3-270m, asked about 200 architectures besides." in said
    alone = {**TEACHER, "rows": TEACHER["rows"][::2], "llm": "", "note": "the regression teaches alone"}
    print_result({**RESULT, "teacher": alone})
    said = capsys.readouterr().out
    assert "Note: the regression teaches alone\n" in said
    assert "asked about" not in said
    print_result({**RESULT, "teacher": None})
    assert "taught" not in capsys.readouterr().out


def test_a_winner_that_who_learns_nothing_would_beat_is_said_to_be_one(capsys):
    print_result(RESULT)
    assert "learnt too little" not in capsys.readouterr().out
    print_result({**RESULT, "copy_source": {"metrics": {"test_bleu": 31.2}}})
    out = " ".join(capsys.readouterr().out.split())
    assert "To copy the source is better than the winner, which has learnt too little: train longer" in out
