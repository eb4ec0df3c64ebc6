"""What is read is never written over."""

import pytest

from foretell import spaces
from foretell.cli import main
from foretell.observations import ObservationSet
from foretell.testing import make_observations


@pytest.fixture
def labels(tmp_path):
    space = spaces.create("small-seq2seq")
    ObservationSet(space, tuple(make_observations(space, 12))).save(tmp_path / "seen")
    return tmp_path / "seen" / "observations.jsonl"


@pytest.mark.parametrize(
    "command",
    [
        "propose --observations FILE --n 1 --out FILE",
        "predict --observations FILE --architectures FILE --save FILE",
        "evaluate --observations FILE --csv FILE",
        "import csv FILE --metric valid_loss:min --out FILE",
    ],
)
def test_what_is_read_is_kept(labels, command, capsys):
    before = labels.read_bytes()
    assert main(["--quiet", *command.replace("FILE", str(labels)).split()]) == 2
    assert "is read by this command and would be lost; give --" in " ".join(capsys.readouterr().err.split())
    assert labels.read_bytes() == before


def test_another_spelling_of_the_same_file_is_noticed(labels, monkeypatch, capsys):
    monkeypatch.chdir(labels.parent)
    before = labels.read_bytes()
    assert main(["--quiet", "evaluate", "--observations", str(labels), "--csv", f"./{labels.name}"]) == 2
    assert labels.read_bytes() == before
