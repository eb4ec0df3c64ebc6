"""What the README promises: its commands exist, take the options shown, and the quick ones run."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

from foretell.cli import main
from foretell.study.config import StudyConfig

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, flags=re.DOTALL)
LINES = [line.split("  #")[0].strip() for kind, block in BLOCKS if kind == "sh" for line in block.splitlines()]
COMMANDS = [line for line in LINES if line.startswith("foretell ")]
GROUPS = {"supernet", "latency", "corpus", "spaces", "import", "llm", "observations"}


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_exists_and_takes_the_options_shown(line, capsys):
    words = shlex.split(line)[1:]
    path = words[: 2 if words[0] in GROUPS else 1]
    assert main([*path, "--help"]) == 0
    text = capsys.readouterr().out
    for word in words:
        if word.startswith("--"):
            assert word in text, f"{word} of {line!r} is no option"


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.startswith("foretell spaces")])
def test_the_quick_ones_run(line, capsys):
    assert main(shlex.split(line)[1:]) == 0
    assert capsys.readouterr().out


def test_the_study_shown_is_a_study():
    (text,) = [block for kind, block in BLOCKS if kind == "yaml"]
    study = StudyConfig.model_validate(yaml.safe_load(text))
    assert study.name == "my-study"


@pytest.mark.parametrize("target", [line.split()[1] for line in LINES if line.startswith("make ")])
def test_the_two_commands_are_targets_of_the_makefile(target):
    done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_link_to_a_file_leads_somewhere():
    for link in re.findall(r"\]\(((?!http)[^)#]+)\)", README):
        assert (ROOT / link).exists(), link
