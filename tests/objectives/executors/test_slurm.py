"""Slurm by submitit's local executor, and by commands that stand in for Slurm's own."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from foretell.errors import ForetellError, InputError
from foretell.objectives import Executor, ExecutorSettings, Job, Resources, make_executor, run_jobs
from foretell.objectives.executors.slurm import _Errand
from tests.objectives.executors import errands
from tests.objectives.programs import eventually, is_running, number_in

pytest.importorskip("submitit", reason="the extra [slurm] is not installed")
pytestmark = [
    pytest.mark.network,  # processes of its own
    pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"),  # submitit's controllers
]


def local(folder, **settings):
    return make_executor(ExecutorSettings(name="slurm", cluster="local", **settings), folder)


def test_results_errors_and_threads(tmp_path):
    with local(tmp_path, slots=3, resources=Resources(cpu=2)) as executor:
        jobs = [*errands.doubled(4), Job("bad", errands.refuse, {"x": 7}), Job("threads", errands.threads)]
        handles = [executor.submit(job) for job in jobs]
        ended = {each.handle: each for each in executor.completed()}
    assert isinstance(executor, Executor)
    good, bad, threads = (ended[handle] for handle in handles)
    assert (good.value, threads.value) == (8, "2")
    assert (str(bad.error), bad.error.exit_code) == ("7 is refused.", 2)
    assert "in refuse" in bad.error.__notes__[0]
    assert [path.name for path in (tmp_path / "slurm").iterdir()] == ["logs"]


def test_a_job_that_dies_at_once_is_given_up_and_its_log_is_named(tmp_path):
    with local(tmp_path, retries=1) as executor:
        executor.submit(Job("doomed", errands.vanish))
        (ended,) = executor.completed()
    assert "'doomed' was lost 2 times without getting any further" in str(ended.error)
    log = Path(str(ended.error).partition("read its log ")[2].rstrip("."))
    assert log.is_file()


def test_a_training_goes_on_after_its_time_limit(tmp_path):
    """Four limits long: each time it has got further."""
    with local(tmp_path, time_limit=8, retries=20) as executor:  # a busy machine takes long to begin
        executor.submit(Job("long", errands.steps, {"folder": tmp_path, "count": 14, "pause": 0.5}))
        (ended,) = executor.completed()
    assert (ended.value, ended.error) == (14, None)
    assert len(set((tmp_path / "steps").read_text().split())) > 1


def test_one_that_gets_no_further_is_not_queued_for_ever(tmp_path):
    with local(tmp_path, time_limit=8, retries=0) as executor:
        executor.submit(Job("stuck", errands.wait_for, {"path": tmp_path / "never", "begun": tmp_path / "begun"}))
        (ended,) = executor.completed()
    assert "'stuck' was lost once without getting any further" in str(ended.error)
    assert len((tmp_path / "begun").read_text().split()) == 1


DRIVER = """
import sys
from pathlib import Path
from foretell.objectives import ExecutorSettings, Job, make_executor, run_jobs
from foretell.objectives.executors.slurm import SlurmExecutor, _Errand
from tests.objectives.executors import errands
folder = Path(sys.argv[1])
look = SlurmExecutor._ended
def watched(executor):
    (folder / "watched").touch()  # what is to run has been sent, or found again
    return look(executor)
SlurmExecutor._ended = watched
executor = make_executor(ExecutorSettings(name="slurm", cluster="local"), folder)
job = Job("long", errands.wait_for, {"path": folder / "go", "begun": folder / "begun"}, key="long")
(folder / "said").write_text(str(run_jobs([job], executor=executor)))
"""


def drive(folder):
    environment = {**os.environ, "PYTHONPATH": f"{Path.cwd()}{os.pathsep}src"}
    words = [sys.executable, "-c", DRIVER, str(folder)]
    return subprocess.Popen(words, env=environment, start_new_session=True)


def test_a_driver_that_was_killed_is_opened_again_and_finds_its_job(tmp_path):
    first = drive(tmp_path)
    worker = number_in(tmp_path / "begun")
    first.kill()
    first.wait()
    assert is_running(worker)
    second = drive(tmp_path)
    assert eventually(lambda: len(list((tmp_path / "slurm").glob("*/job.json"))) == 1)
    (tmp_path / "go").touch()
    assert second.wait(timeout=120) == 0
    assert (tmp_path / "said").read_text() == "['go']"
    assert (tmp_path / "begun").read_text() == f"{worker}\n"


def test_ctrl_c_ends_what_it_started(tmp_path):
    driver = drive(tmp_path)
    worker = number_in(tmp_path / "begun")
    driver.send_signal(signal.SIGINT)
    driver.wait(timeout=60)
    assert eventually(lambda: not is_running(worker))


def test_ctrl_c_ends_what_an_earlier_driver_has_started(tmp_path):
    first = drive(tmp_path)
    worker = number_in(tmp_path / "begun")
    first.kill()
    first.wait()
    (tmp_path / "watched").unlink(missing_ok=True)
    second = drive(tmp_path)
    assert eventually((tmp_path / "watched").exists)
    assert is_running(worker)
    second.send_signal(signal.SIGINT)
    second.wait(timeout=60)
    assert eventually(lambda: not is_running(worker))


def test_a_node_with_another_version_of_foretell_is_refused_and_both_are_named(tmp_path):
    from foretell import __version__

    (tmp_path / "job.json").write_text("{}")
    _Errand(Job("x", errands.double, {"x": 1}), 1, tmp_path, "9.9", "head")()
    told, code, _ = json.loads((tmp_path / "result.json").read_text())["error"]
    assert f"has foretell {__version__} and the driver has 9.9; install the same version on both." in told
    assert code == InputError.exit_code


def test_without_slurm_it_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="sbatch and srun are not on the PATH"):
        make_executor(ExecutorSettings(name="slurm"), tmp_path)


# ---- commands that stand in for Slurm's own

SBATCH = r"""#!/bin/bash
echo "$@" >> "$SLURM_STANDIN/sbatch.called"
cat "$1" >> "$SLURM_STANDIN/scripts"
job=$(( $(cat "$SLURM_STANDIN/last" 2>/dev/null || echo 100) + 1 ))
echo $job > "$SLURM_STANDIN/last"
array=$(sed -n 's/^#SBATCH --array=0-\([0-9]*\)%.*/\1/p' "$1")
for task in $(seq 0 ${array:-0}); do
  if [ -n "$array" ]; then export SLURM_ARRAY_JOB_ID=$job SLURM_ARRAY_TASK_ID=$task; fi
  SLURM_JOB_ID=$job setsid bash "$1" > /dev/null 2>&1 < /dev/null &
done
echo "Submitted batch job $job"
"""
SRUN = r"""#!/bin/bash
while [[ "$1" == --* ]]; do case "$1" in --output|--error) shift 2;; *) shift;; esac; done
exec "$@"
"""
SACCT = "#!/bin/bash\necho 'JobID|State|NodeList'\n"


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in (("sbatch", SBATCH), ("srun", SRUN), ("sacct", SACCT), ("scancel", "#!/bin/bash\n")):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    monkeypatch.setenv("SLURM_STANDIN", str(tmp_path))
    return tmp_path


def test_jobs_that_begin_together_are_one_array_with_what_the_study_says(cluster):
    settings = ExecutorSettings(
        name="slurm",
        slots=3,
        resources=Resources(cpu=2, gpu=1, memory="8GB"),
        partition="long",
        account="us",
        time_limit="4h",
        setup=("true",),
        options={"qos": "high"},
    )
    executor = make_executor(settings, cluster / "run")
    assert run_jobs(errands.doubled(1, 2, 3), executor=executor) == [2, 4, 6]
    assert len((cluster / "sbatch.called").read_text().splitlines()) == 1
    script = (cluster / "scripts").read_text()
    wanted = ("array=0-2%3", "partition=long", "account=us", "time=240", "qos=high", "mem=8192MB", "cpus-per-task=2")
    assert [word for word in (*wanted, "gpus-per-node=1") if f"#SBATCH --{word}\n" not in script] == []


def test_what_slurm_says_no_to_is_told(cluster):
    sbatch = cluster / "bin" / "sbatch"
    sbatch.write_text("#!/bin/bash\necho 'sbatch: error: invalid partition specified: nowhere' >&2\nexit 1\n")
    executor = make_executor(ExecutorSettings(name="slurm", partition="nowhere"), cluster / "run")
    with pytest.raises(ForetellError, match=r"Slurm took no job .*invalid partition specified: nowhere"):
        run_jobs(errands.doubled(1), executor=executor)
