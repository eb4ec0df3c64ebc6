"""Each code block of the documentation, executed; what cannot be is checked against the real command line."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from foretell.study import StudyConfig
from foretell.study.presets import with_published
from foretell.tasks import cache_folder
from tests.docs.blocks import DOCS, blocks_of, check_command, pages
from tests.llm.fault_server import FaultServer

ROOT = DOCS.parent
FINDINGS = ("benchmark.md", "latency.md", "llm.md", "predictors.md", "supernets.md", "determinism.md", "faults.md")
"""Pages that report measurements: their commands take minutes to hours and the published data."""
ELSEWHERE = ("report.md",)
"""Pages whose blocks need a finished run, and are checked only."""

ALL = [block for page in pages() for block in blocks_of(page)]
CHECKED = (*FINDINGS, *ELSEWHERE)
RUN_PAGES = sorted({block.page for block in ALL if block.runs and block.page not in CHECKED})
LINES = [
    pytest.param(words, id=f"{block}-{' '.join(words)[:60]}")
    for block in ALL
    if block.language in ("sh", "bash", "console", "")
    for words in block.commands
    if words[0] == "foretell"
]

# What makes a study of the pages end in seconds; everything else stays as it is written there.
SMALL = {
    "latency": {"samples": 20, "finalists": 1, "beam": 1},
    "supernet": {"recipe": {"updates": 6, "warmup": 2, "validate_every": 3}},
    "distilled": {"labels": 40},
    "search": {"evolution": {"population": 12, "parents": 4, "mutations": 4, "crossovers": 4}},
    "train": {"recipe": {"updates": 6, "warmup": 2, "validate_every": 3}, "beam": 1},
}
SMALL_CORPUS = {"train_sentences": 600, "valid_sentences": 30, "test_sentences": 30}
ENDPOINT = "http://localhost:8000/v1"


def smaller(text):
    """A study with small budgets; other YAML as it is."""
    data = yaml.safe_load(text)
    if not is_study(data):
        return text
    for part, values in SMALL.items():
        data[part] = {**data.get(part, {}), **values}
    data["corpus"] = {**data.get("corpus", {}), **SMALL_CORPUS}
    return yaml.safe_dump(data)


def is_study(data):
    return isinstance(data, dict) and "genes" not in data


@pytest.fixture
def environment(tmp_path):
    """A place of its own for all that foretell and pip keep; only the downloaded corpus is the user's."""
    cache, site = tmp_path / "cache", tmp_path / "site"
    cache.mkdir()
    (cache_folder() / "downloads").mkdir(parents=True, exist_ok=True)
    (cache / "downloads").symlink_to(cache_folder() / "downloads", target_is_directory=True)
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("FORETELL", "PIP_", "COV"))},
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "FORETELL_CACHE": str(cache),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONPATH": str(site),
        # `pip install .` for real, but beside the environment and without an index.
        "PIP_TARGET": str(site),
        "PIP_NO_INDEX": "1",
        "PIP_NO_DEPS": "1",
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }


@pytest.mark.network
@pytest.mark.parametrize("page", RUN_PAGES)
def test_a_page_can_be_followed_word_for_word(page, tmp_path, environment):
    folder = tmp_path / "reader"
    folder.mkdir()
    with FaultServer() as server:
        for block in blocks_of(DOCS / page):
            body = block.body.replace(ENDPOINT, server.url)
            if block.title:
                (folder / block.title).write_text(smaller(body) if block.language == "yaml" else body)
            if not block.runs or block.title:
                continue
            program = [sys.executable, "-c"] if block.language == "python" else ["bash", "-euo", "pipefail", "-c"]
            done = subprocess.run(
                [*program, body], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=600
            )
            assert done.returncode == block.exit, f"{block}\n{done.stdout}\n{done.stderr}"
            assert "Traceback" not in done.stderr, f"{block}\n{done.stderr}"


@pytest.mark.parametrize("words", LINES)
def test_every_command_and_option_exists(words):
    check_command(words)


@pytest.mark.parametrize("block", [b for b in ALL if b.language in ("yaml", "toml", "json", "python")], ids=str)
def test_every_other_block_is_what_it_says(block):
    match block.language:
        case "yaml" if is_study(data := yaml.safe_load(block.body)):
            StudyConfig.model_validate(with_published(data))
        case "toml":
            tomllib.loads(block.body)
        case "json":
            json.loads(block.body)
        case "python":
            compile(block.body, str(block), "exec")


def test_every_reason_for_not_running_is_a_reason():
    for block in ALL:
        assert not block.reason or len(block.reason.split()) >= 3, block


def test_every_fence_is_seen():
    """A block in a spelling that is not understood would not be tested at all."""
    for page in pages():
        fences = len(re.findall(r"^ *```", page.read_text(encoding="utf-8"), re.MULTILINE))
        assert fences == 2 * len(blocks_of(page)), page


@pytest.mark.parametrize("line", ["foretell search --sed 3", "foretell serch", "foretell corpus fetch --examples 3"])
def test_a_wrong_command_or_option_would_be_found(line):
    with pytest.raises(Exception, match=r"--sed|serch|--examples"):
        check_command(line.split())


def test_make_targets_of_the_pages_are_there():
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    named = {words[1] for block in ALL if block.language == "sh" for words in block.commands if words[0] == "make"}
    assert named <= set(targets)


def test_every_page_is_in_the_navigation():
    nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    missing = [page.relative_to(DOCS).as_posix() for page in pages() if page.relative_to(DOCS).as_posix() not in nav]
    assert not missing, f"add {missing} to nav in mkdocs.yml"
