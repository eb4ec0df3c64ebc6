"""Where the published data lies: read in place, never copied."""

import os
from pathlib import Path

import pytest


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
