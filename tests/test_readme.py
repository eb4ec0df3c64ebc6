"""What the README promises: its commands exist, take the options shown, and the quick ones run."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from foretell.cli import main
from foretell.study.config import StudyConfig
from foretell.study.trial_config import trial_study_from

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


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.startswith("foretell observations")])
def test_the_quick_ones_run(line, capsys):
    assert main(shlex.split(line)[1:]) == 0
    assert capsys.readouterr().out


def test_the_lines_of_python_print_what_is_shown(tmp_path):
    ((lines, shown),) = re.findall(r"```python\n(.*?)```\n+```\n(.*?)```", README, flags=re.DOTALL)
    assert len([line for line in lines.splitlines() if line]) == 8
    done = subprocess.run([sys.executable, "-c", lines], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == shown


def test_the_studies_shown_are_studies(tmp_path):
    by_command, by_itself = [yaml.safe_load(block) for kind, block in BLOCKS if kind == "yaml"]
    study = trial_study_from(by_command, tmp_path / "study.yaml")
    assert (study.name, study.quality().higher_is_better) == ("char-lm", False)
    # Every gene is mentioned and no placeholder is unknown.
    assert study.make_objective(tmp_path).metrics == ("val_loss",)
    assert StudyConfig.model_validate(by_itself).name == "my-study"


@pytest.mark.parametrize("target", [line.split()[1] for line in LINES if line.startswith("make ")])
def test_the_two_commands_are_targets_of_the_makefile(target):
    done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_link_to_a_file_leads_somewhere():
    for link in re.findall(r"\]\(((?!http)[^)#]+)\)", README):
        assert (ROOT / link).exists(), link


def test_it_fits_four_screens():
    assert len(README.splitlines()) <= 4 * 50
