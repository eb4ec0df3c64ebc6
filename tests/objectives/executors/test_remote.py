"""What a worker on another machine says."""

from contextvars import copy_context

from foretell import spaces
from foretell.errors import InputError
from foretell.objectives import Job
from foretell.objectives.executors.remote import run_here
from foretell.study import load_study
from foretell.study.jobs import scratch_job
from tests.objectives.executors import errands


def said(job, driver):
    """The error of a job, whose progress goes nowhere."""
    return copy_context().run(run_here, job, 1, lambda *_: None, driver)["error"][:2]


def test_an_error_elsewhere_names_the_machine(monkeypatch):
    monkeypatch.setattr("platform.node", lambda: "node7")
    job = Job("bad", errands.refuse, {"x": 7})
    assert said(job, "node7") == ["7 is refused.", 2]
    assert said(job, "head") == ["on the worker node7: 7 is refused.", 2]


def test_a_worker_that_lacks_the_corpus_says_which_file_and_where(tmp_path, monkeypatch):
    path = tmp_path / "pairs.tsv"
    (tmp_path / "study.yaml").write_text(f"name: far\ncorpus: {{name: files, paths: [{path}]}}\n")
    path.write_text("a b\tc d\n")
    study = load_study(tmp_path / "study.yaml")
    path.unlink()  # which the driver has, and the worker not
    monkeypatch.setattr("platform.node", lambda: "node7")
    job = scratch_job(study, spaces.create(study.space).smallest(), 1, "far", store=tmp_path)
    told, code = said(job, "head")
    assert told.startswith("on the worker node7: ")
    assert str(path) in told
    assert code == InputError.exit_code
