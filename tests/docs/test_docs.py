"""Each code block of the documentation, executed; what cannot be is checked against the real command line."""

import json
import os
import re
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from foretell.study import StudyConfig
from foretell.study.presets import with_published
from foretell.study.shrinking import read_shrink
from foretell.study.trial_config import trial_study_from
from foretell.tasks.translation import cache_folder
from tests.docs.blocks import DOCS, blocks_of, check_command, pages
from tests.llm.fault_server import FaultServer
from tests.toy import pairs
from tests.zygote import PYTHON

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
    "supernet": {"recipe": {"updates": 6, "warmup": 2, "validate_every": 3, "max_tokens": 128}},
    "distilled": {"labels": 40},
    "search": {"evolution": {"population": 12, "parents": 4, "mutations": 4, "crossovers": 4}},
    "train": {"recipe": {"updates": 80, "warmup": 10, "validate_every": 40, "max_tokens": 128}, "beam": 1},
}
SMALL_CORPUS = {"valid_sentences": 30, "test_sentences": 30}
ENDPOINT = "http://localhost:8000/v1"


def smaller(text):
    """A study that trains by itself with small budgets; other YAML as it is."""
    data = yaml.safe_load(text)
    if not is_study(data) or "objective" in data:
        return text
    for part, values in SMALL.items():
        data[part] = {**data.get(part, {}), **values}
    if "schedule" not in data["search"]:
        data["search"]["race"] = {"entrants": 3, "rungs": [0.5, 1], "finishers": 1}
    data["distilled"].setdefault("teacher", "regression")  # the default asks a language model for minutes
    data["corpus"] = {**data.get("corpus", {}), **SMALL_CORPUS}
    data["vocabulary"] = 64 if data["corpus"].get("name") == "files" else 200
    return yaml.safe_dump(data)


def is_study(data):
    return isinstance(data, dict) and "genes" not in data


@pytest.fixture
def reader(tmp_path, zygotes):
    """Somebody who does what a page says, in a place of their own; only the downloaded corpus is the user's."""
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache_folder() / "downloads").mkdir(parents=True, exist_ok=True)
    (cache / "downloads").symlink_to(cache_folder() / "downloads", target_is_directory=True)
    return Reader(tmp_path, zygotes)


class Reader:
    def __init__(self, root, zygotes):
        self.root, self.folder, self.zygotes = root, root / "folder", zygotes
        self.folder.mkdir()
        self.installed = False
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.ours = {"FORETELL_CACHE": str(root / "cache"), "FORETELL_LEDGER": "", "FORETELL_LLM": "", "PATH": path}

    def save(self, title, text):
        (self.folder / title).write_text(text, encoding="utf-8")

    def run(self, block, body):
        """The exit code of a block, and what it said on standard error."""
        lines = replace(block, body=body).commands
        self.installed |= block.language == "sh" and any(words[0] == "pip" for words in lines)
        # What pip has put beside the environment is not seen by a process that has begun before.
        if not self.installed and block.language == "python":
            return self._zygote([["-c", body]], entry=PYTHON)
        if not self.installed and block.language == "sh":
            if all(words[0] == "foretell" for words in lines):
                return self._zygote([words[1:] for words in lines])
            if all(words[0] == "python" and words[1].endswith(".py") for words in lines):
                return self._zygote([words[1:] for words in lines], entry=PYTHON)
        program = [sys.executable, "-c"] if block.language == "python" else ["bash", "-euo", "pipefail", "-c"]
        done = subprocess.run(
            [*program, body], cwd=self.folder, env=self._environment(), capture_output=True, text=True, check=False
        )
        return done.returncode, done.stderr

    def _zygote(self, lines, **entry):
        """Commands of ours, or Python, each in a process of its own that need not import everything anew."""
        for arguments in lines:
            process = self.zygotes.started(arguments, self.folder, self.root, **entry, **self.ours)
            _, said = process.communicate()
            if process.returncode:
                break
        return process.returncode, said

    def _environment(self):
        """`pip install .` is for real, but beside the environment and without an index."""
        pip = {"TARGET": self.root / "site", "NO_INDEX": 1, "NO_DEPS": 1, "NO_BUILD_ISOLATION": 0}
        return {
            **os.environ,
            **self.ours,
            **{f"PIP_{name}": str(value) for name, value in pip.items()},
            "PYTHONPATH": f"{self.root / 'site'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
        }


@pytest.mark.network
@pytest.mark.parametrize("page", RUN_PAGES)
def test_a_page_can_be_followed_word_for_word(page, reader):
    with FaultServer() as server:
        for block in blocks_of(DOCS / page):
            body = block.body.replace(ENDPOINT, server.url)
            if block.title:
                reader.save(block.title, smaller(body) if block.language == "yaml" else body)
            elif block.runs:
                code, err = reader.run(block, body)
                assert code == block.exit, f"{block}\n{err}"
                assert "Traceback" not in err, f"{block}\n{err}"
            if "corpus write" in body:
                bring_own_text(reader)


def bring_own_text(reader):
    """From here on the reader has text that is learnt within seconds; words of real languages take minutes."""
    for side, name in enumerate(("train.en", "train.nl")):
        assert len((reader.folder / name).read_text(encoding="utf-8").splitlines()) > 5000
        reader.save(name, "".join(f"{pair[side]}\n" for pair in pairs(700)))


@pytest.mark.parametrize("words", LINES)
def test_every_command_and_option_exists(words):
    check_command(words)


@pytest.mark.parametrize("block", [b for b in ALL if b.language in ("yaml", "toml", "json", "python")], ids=str)
def test_every_other_block_is_what_it_says(block):
    match block.language:
        case "yaml" if "shrink" in (data := yaml.safe_load(block.body)):
            read_shrink(data["shrink"])
        case "yaml" if is_study(data) and "objective" in data:
            trial_study_from(data, str(block))
        case "yaml" if is_study(data):
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
