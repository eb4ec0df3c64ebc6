from pathlib import Path

import pytest

from foretell.errors import InputError, RunBusyError
from foretell.locks import lock_folder
from foretell.progress import show_progress
from foretell.study import StudyConfig, load_study
from foretell.study.run import open_run


def paid(folder):
    (folder / "search").mkdir()


def test_a_folder_that_holds_a_run_is_not_overwritten(tmp_path):
    study = StudyConfig()
    with open_run(study, tmp_path / "run", resume=False) as run:
        paid(run.folder)
    with pytest.raises(InputError, match="go on with it by --resume"), open_run(study, tmp_path / "run", resume=False):
        pass
    with open_run(study, tmp_path / "run", resume=True) as run:
        assert run.stages == {}


def test_another_study_is_not_mixed_in_and_what_differs_is_named(tmp_path):
    with open_run(StudyConfig(), tmp_path / "run", resume=False) as run:
        paid(run.folder)
    search = {"search": {"seed": 2}}
    other = StudyConfig.model_validate({"constraints": ["flops<=3M"], **search})
    with (
        pytest.raises(
            InputError, match=r"constraints is \[latency<=60%\], not \[flops<=3M\]; search.seed is 1, not 2:"
        ),
        open_run(other, tmp_path / "run", resume=True),
    ):
        pass


def test_a_run_is_read_from_anywhere_also_one_whose_paths_an_earlier_version_kept_as_they_were(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "study.yaml").write_text(
        "corpus: {name: files, paths: [pairs.tsv]}\ndistilled: {observations: a.jsonl}"
    )
    study = load_study(Path("study.yaml"))
    assert study.corpus.paths == (tmp_path / "pairs.tsv",)
    assert study.distilled.observations == str(tmp_path / "a.jsonl")
    with open_run(study, tmp_path / "run", resume=False) as run:
        paid(run.folder)
    file = tmp_path / "run" / "study.yaml"
    file.write_text(file.read_text().replace(f"{tmp_path}/", ""))
    with open_run(study, tmp_path / "run", resume=True):
        pass


def test_a_folder_is_bound_to_a_study_only_when_something_was_paid_for(tmp_path):
    folder = tmp_path / "run"
    with open_run(StudyConfig(), folder, resume=False) as run, run.stage("corpus"):
        (folder / "teacher.json").write_text("{}")  # and then it was refused
    corrected = StudyConfig(constraints=("flops<=3M",))
    with open_run(corrected, folder, resume=False) as run:
        assert run.stages == {}
    assert not (folder / "teacher.json").exists()
    assert "flops<=3M" in (folder / "study.yaml").read_text()
    (folder / "teacher.json").write_text("{}")
    with open_run(corrected, folder, resume=True):
        assert (folder / "teacher.json").exists()  # the same study goes on as it began


def test_two_processes_do_not_share_a_run(tmp_path):
    with (
        lock_folder(tmp_path / "run"),
        pytest.raises(RunBusyError, match="in use by process"),
        open_run(StudyConfig(), tmp_path / "run", resume=True),
    ):
        pass


def test_the_seconds_of_a_stage_add_up_over_sittings(tmp_path):
    for _ in range(2):
        with open_run(StudyConfig(), tmp_path / "run", resume=True) as run, run.stage("corpus"):
            pass
    before = run.stages["corpus"]
    with open_run(StudyConfig(), tmp_path / "run", resume=True) as run:
        with pytest.raises(RuntimeError), run.stage("corpus"):
            raise RuntimeError
        assert run.stages["corpus"] >= before


def test_a_stage_is_shown_with_its_place_where_the_stages_are_known(tmp_path, capsys):
    with show_progress("lines"), open_run(StudyConfig(), tmp_path / "run", resume=False) as run:
        run.planned = ["corpus", "latency"]
        with run.stage("latency"):
            pass
        with run.stage("search hat"):
            pass
    shown = capsys.readouterr().err.splitlines()
    assert shown[0] == "stage latency (2 of 2) ..."
    assert shown[2] == "stage search hat ..."
    assert set(run.stages) == {"latency", "search hat"}
