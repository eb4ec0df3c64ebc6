"""A Ray cluster of several nodes on this machine."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from foretell.errors import InputError
from foretell.objectives import (
    Executor,
    ExecutorSettings,
    Job,
    Resources,
    TableObjective,
    label_job,
    make_executor,
    run_jobs,
)
from foretell.objectives.executors.ray_cluster import told
from foretell.objectives.executors.ray_entry import enter
from foretell.observations import Observation
from tests.objectives.executors import errands
from tests.objectives.executors.conftest import SIZE
from tests.objectives.programs import SPACE, eventually, is_running, number_in

ray = pytest.importorskip("ray", reason="the extra [ray] is not installed; make test-ray has it")
pytestmark = [
    pytest.mark.network,  # processes of its own
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning"),
]


def test_results_errors_threads_and_slots(cluster, on, tmp_path):
    with on(cluster, tmp_path) as executor:
        assert isinstance(executor, Executor)
        assert executor.slots == 2
        jobs = [*errands.doubled(4), Job("bad", errands.refuse, {"x": 7}), Job("threads", errands.threads)]
        jobs += [Job("local", lambda: 3)]
        handles = [executor.submit(job) for job in jobs]
        ended = {each.handle: each for each in executor.completed()}
    good, bad, threads, local = (ended[handle] for handle in handles)
    assert (good.value, threads.value, local.value) == (8, "1", 3)
    assert (str(bad.error), bad.error.exit_code) == ("7 is refused.", 2)
    assert "in refuse" in bad.error.__notes__[0]


def test_what_is_cancelled_and_what_is_left_at_the_end_stops(cluster, on, tmp_path):
    with on(cluster, tmp_path) as executor:
        running = executor.submit(Job("running", errands.sleep, {"marker": tmp_path / "one"}))
        executor.submit(Job("left", errands.sleep, {"marker": tmp_path / "two"}))
        waiting = executor.submit(Job("waiting", errands.double, {"x": 1}))
        workers = [number_in(tmp_path / name) for name in ("one", "two")]
        executor.cancel(running)
        assert next(executor.completed()).handle == waiting
    assert eventually(lambda: not any(map(is_running, workers)))


def test_a_worker_that_dies_at_once_is_given_up_and_the_logs_are_named(cluster, on, tmp_path):
    with on(cluster, tmp_path, retries=1) as executor:
        executor.submit(Job("doomed", errands.vanish))
        (ended,) = executor.completed()
    assert "'doomed' was lost 2 times without getting any further" in str(ended.error)
    assert "Ray's logs are in " in str(ended.error)


def test_a_training_whose_node_is_killed_goes_on_elsewhere_from_where_it_was(cluster, on, tmp_path):
    node = cluster.add_node(num_cpus=1, **SIZE)
    with on(cluster, tmp_path, slots=3) as executor:
        for number in range(3):
            (tmp_path / str(number)).mkdir()
            arguments = {"folder": tmp_path / str(number), "count": 30, "pause": 0.2}
            executor.submit(Job(f"training {number}", errands.steps, arguments))
        assert eventually(lambda: all((tmp_path / str(number) / "steps").exists() for number in range(3)))
        cluster.remove_node(node, allow_graceful=False)
        ended = list(executor.completed())
    assert [each.value for each in ended] == [30, 30, 30]
    steps = [(tmp_path / str(number) / "steps").read_text().split() for number in range(3)]
    assert sorted(len(set(each)) for each in steps) == [1, 1, 2]
    assert all(len(each) <= 31 for each in steps)  # a step at most is done twice


def test_labels_of_a_table_go_by_without_sending_it_each_time(cluster, on, tmp_path):
    rows = [Observation(SPACE.smallest(), {"loss": 2.5}, provenance={"seed": seed}) for seed in range(300)]
    objective = TableObjective(rows)
    jobs = [label_job(objective, SPACE.smallest(), seed=n, fidelity=1.0, folder=tmp_path / str(n)) for n in range(300)]
    start = time.monotonic()
    found = run_jobs(jobs, executor=on(cluster, tmp_path))
    assert [each["provenance"]["seed"] for each in found] == list(range(300))
    print(f"{300 / (time.monotonic() - start):.0f} labels a second")


def test_resources_that_no_node_has_are_refused(cluster, on, tmp_path):
    with pytest.raises(InputError, match=r"no node of the Ray cluster has cpu: 64.*the largest have cpu: 2"):
        on(cluster, tmp_path, resources=Resources(cpu=64))
    assert not ray.is_initialized()


def test_no_cluster_at_the_address(tmp_path):
    with pytest.raises(InputError, match=r"there is no Ray cluster at 127.0.0.1:1 .*refused.*ray start --head"):
        make_executor(ExecutorSettings(name="ray", address="127.0.0.1:1"), tmp_path)


@pytest.mark.parametrize("kind", ["ObjectStoreFullError", "OutOfDiskError"])
def test_an_object_store_that_is_full_is_told(kind):
    error = told(getattr(ray.exceptions, kind)("no room for 7 bytes"))
    assert "object store is full" in str(error)
    assert "--object-store-memory" in str(error)


DRIVER = """
import sys
from pathlib import Path
from foretell.objectives import ExecutorSettings, Job, make_executor, run_jobs
from tests.objectives.executors import errands
from tests.objectives.executors.conftest import SIZE
folder = Path(sys.argv[1])
executor = make_executor(ExecutorSettings(name="ray", address=sys.argv[2]), folder)
run_jobs([Job("long", errands.sleep, {"marker": folder / "begun"})], executor=executor)
"""


def test_ctrl_c_ends_what_it_started(cluster, on, tmp_path):
    words = [sys.executable, "-c", DRIVER, str(tmp_path), cluster.address]
    driver = subprocess.Popen(words, start_new_session=True, stderr=subprocess.DEVNULL)
    worker = number_in(tmp_path / "begun")
    driver.send_signal(signal.SIGINT)
    driver.wait(timeout=60)
    assert eventually(lambda: not is_running(worker))


def test_versions_that_differ_are_both_named(tmp_path, monkeypatch):
    said = "Version mismatch: The cluster was started with:\n    Ray: 2.9.0\n    Python: 3.12.1\nThis process"

    def refuse(**_):
        raise RuntimeError(said)

    monkeypatch.setattr(ray, "init", refuse)
    with pytest.raises(InputError, match=r"different versions \(Ray 2.9.0, Python 3.12.1\)"):
        make_executor(ExecutorSettings(name="ray"), tmp_path)


def test_a_worker_of_another_version_is_refused_and_one_that_sees_nothing_asks_for_errands(tmp_path):
    from foretell import __version__

    shared = {"seen": {str(tmp_path / "seen"): "token"}, "cwd": str(tmp_path), "environment": {}}
    refused = enter("9.9", {}, shared, b"")["refused"]
    assert f"has foretell {__version__} and the driver has 9.9" in refused
    assert "apart" in enter(__version__, {}, shared, b"")
    (tmp_path / "seen").write_text("another driver's")
    assert "apart" in enter(__version__, {}, shared, b"")


def test_a_worker_without_foretell_says_so(tmp_path):
    """What is sent needs nothing but Python."""
    from ray import cloudpickle

    from foretell.objectives.executors import ray_entry

    cloudpickle.register_pickle_by_value(ray_entry)
    (tmp_path / "sent").write_bytes(cloudpickle.dumps(enter))
    code = (
        f"import sys; sys.path.append({str(Path(ray.__file__).parents[1])!r}); import pickle, ray.cloudpickle\n"
        f"enter = pickle.load(open({str(tmp_path / 'sent')!r}, 'rb'))\n"
        "sys.modules['foretell'] = None\n"
        "print(enter('1.2', {}, {}, b'')['refused'])"
    )
    said = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True).stdout
    assert "cannot import foretell" in said
    assert "install foretell 1.2 there" in said
