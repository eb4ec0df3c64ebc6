import re
import shlex

import pytest

from tests.docs.blocks import check_command
from tests.examples.reading import EXAMPLES, program

README = (EXAMPLES / "README.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (\S+):.*?\n(.*?)(?=^## |\Z)", README, re.DOTALL | re.MULTILINE))


def test_every_example_is_described():
    found = {path.parent.name for name in ("study.yaml", "search.py") for path in EXAMPLES.glob(f"*/{name}")}
    assert SECTIONS.keys() == found


@pytest.mark.parametrize("name", SECTIONS)
def test_every_command_takes_the_options_shown(name):
    blocks = re.findall(r"```sh\n(.*?)```", SECTIONS[name], re.DOTALL)
    first, *lines = [shlex.split(line) for block in blocks for line in block.splitlines()]
    assert first == ["cd", f"examples/{name}"]
    for words in lines:
        if words[0] == "foretell":
            check_command(words)
        else:
            assert words[0] == "python"
            path = EXAMPLES / name / words[1]
            assert path.is_file()
            if path.name == "train.py":
                program(path).read_options(words[2:])


def test_a_command_with_a_wrong_option_would_be_found():
    with pytest.raises(SystemExit):
        program(EXAMPLES / "digits" / "train.py").read_options(["--depth", "2"])
