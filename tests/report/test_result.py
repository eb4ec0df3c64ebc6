import json

import pytest

from foretell.errors import InputError, IntegrityError
from foretell.report.reading import read_result


def change(run, **values):
    path = run / "result.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_a_finished_run_is_read(run):
    result = read_result(run)
    assert result.constraint_met
    assert result.winner.cost("latency_ms") == 3.4
    assert result.winner.latency_interval == (3.3, 3.5)
    assert result.winner.cost("latency_interval_ms") is None
    assert result.winner.cost("nothing") is None
    assert result.teacher is None


def test_what_a_later_version_adds_is_left_alone(run):
    change(run, news={"a": 1})
    assert read_result(run).name == "toy"


@pytest.mark.parametrize(
    ("files", "advice"),
    [
        ([], "give the folder of a finished"),
        (["study.yaml"], "finish it with `foretell search --resume`"),
        (["study.yaml", "compare.json"], "it holds a comparison"),
    ],
)
def test_a_folder_without_a_result_says_what_to_do(tmp_path, files, advice):
    for name in files:
        (tmp_path / name).touch()
    with pytest.raises(InputError, match=advice):
        read_result(tmp_path)


@pytest.mark.parametrize(
    "values",
    [
        {"format": 2},
        {"stages": {"search": "long"}},
        {"winner": 7},
        {"finalists": [{"score": 1}]},
        {"constraint_met": None},
        {"teacher": {"rows": []}},
    ],
)
def test_a_damaged_result_is_one_sentence(run, values):
    change(run, **values)
    with pytest.raises(IntegrityError, match="is not a result of this version") as found:
        read_result(run)
    assert next(iter(values)) in str(found.value)
    assert "\n" not in str(found.value)


def test_an_interval_has_its_ends_in_order(run):
    finalists = json.loads((run / "result.json").read_text())["finalists"]
    change(run, finalists=[finalists[0] | {"interval_ms": [3, 2]}])
    with pytest.raises(IntegrityError, match=r"finalists\.0\.interval_ms"):
        read_result(run)
