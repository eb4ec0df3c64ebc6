import os
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from foretell.objectives import ExecutorSettings, Resources, make_executor
from tests.objectives.programs import eventually

SIZE = {"object_store_memory": 80 << 20}
HASTE = {"health_check_period_ms": 1000, "health_check_timeout_ms": 2000, "health_check_failure_threshold": 4}
"""When the head takes a silent node for dead."""


@pytest.fixture(scope="session")
def cluster():
    """A Ray cluster on this machine: a head without room for jobs, and a node."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", f"{Path.cwd()}{os.pathsep}{Path.cwd() / 'src'}")
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_worker_niceness", "0")  # a busy machine would let workers of 15 starve
        found = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "_system_config": HASTE, **SIZE})
        found.add_node(num_cpus=2, **SIZE)
        yield found
        found.shutdown()


@pytest.fixture(scope="session")
def on():
    """An executor of a cluster."""

    def make(cluster, folder, **settings):
        return make_executor(ExecutorSettings(name="ray", address=cluster.address, **settings), folder)

    return make


@pytest.fixture
def apart(cluster, tmp_path, monkeypatch):
    """Starts nodes that see nothing of the driver's folder and have a cache folder of their own.

    Each is a namespace, so that killing the process that is returned kills all of the node at once. Jobs for them ask
    for as much memory as no other node says that it has.
    """
    words = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
    if shutil.which("unshare") is None or subprocess.run([*words, "true"], capture_output=True).returncode:
        pytest.skip("namespaces are not permitted here")
    driver = tmp_path / "driver"
    driver.mkdir()
    monkeypatch.setenv("FORETELL_CACHE", str(driver / "cache"))
    options = ["--num-cpus=2", f"--object-store-memory={80 << 20}", f"--memory={100 << 30}", "--block"]
    ray = [str(Path(sys.executable).with_name("ray")), "start", f"--address={cluster.address}", *options]
    hidden = 'mount -t tmpfs none "$1" && shift && exec "$@"'
    with ExitStack() as stack:

        def alive():
            return sum(node["Alive"] for node in cluster.global_state.node_table())

        before = alive()
        stack.callback(lambda: eventually(lambda: alive() <= before))  # the next test shall not count on their places

        def start(name):
            known = len(cluster.global_state.node_table())
            environment = {**os.environ, "FORETELL_CACHE": str(tmp_path / name)}
            log = stack.enter_context((tmp_path / f"{name}.log").open("w"))
            node = subprocess.Popen(
                [*words, "sh", "-c", hidden, "sh", str(driver), *ray],
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            stack.callback(node.wait)
            stack.callback(node.kill)
            assert eventually(lambda: len(cluster.global_state.node_table()) > known)
            return node

        start.folder, start.resources = driver, Resources(memory=50 << 30)
        yield start
