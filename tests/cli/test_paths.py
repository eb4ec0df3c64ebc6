"""A path that cannot be is the user's, in every command and for every option that takes one: one sentence, code 2."""

import os
import shlex
from pathlib import Path

import pytest

from foretell import spaces
from foretell.cli import main
from foretell.observations import write_observations
from foretell.study.architectures import write_architecture
from foretell.testing import make_observations
from tests.cli.test_next_steps import STUDY

SPACE = spaces.create("small-seq2seq")
READS = [
    "search {}",
    "search study.yaml --initial {} --out runs/new",
    "search --space {}.yaml",
    "check {}",
    "report {}",
    "report --observations {} --figures figures",
    "train {} --study study.yaml --out runs/new",
    "train mine.yaml --study {}",
    "train mine.yaml --study study.yaml --inherit {} --out runs/new",
    "train --repeat {} --study study.yaml --out runs/new",
    "train --observe 2 --study study.yaml --design random --without {} --out runs/new",
    "translate {} text",
    "generate {} text",
    "classify {} text",
    "export {} --to onnx",
    "evaluate --observations {}",
    "evaluate --observations trained.jsonl --study {}",
    "predict --observations {} --architectures mine.yaml",
    "predict --observations trained.jsonl --architectures {}",
    "predict --observations trained.jsonl --architectures mine.yaml --predictor student:{}",
    "label --observations {}",
    "label --study {}",
    "label --observations trained.jsonl --llm local:{}.gguf",
    "label --observations trained.jsonl --prices {}",
    "distill {}",
    "propose --observations {}",
    "propose --space {}.yaml",
    "observations show {}",
    "observations score {} --predictor synflow",
    "observations measure {}",
    "llm ledger {}",
    "llm ablation --observations {}",
    "llm probe --observations {}",
    "llm repeatability --observations {}",
    "supernet train --study {}",
    "supernet score {} --study study.yaml",
    "supernet compare --observations {} --study study.yaml",
    "latency measure --space {}.yaml",
    "latency fit {}",
    "latency predict {} mine.yaml",
    "latency export {}",
    "corpus show --study {}",
    "corpus show files --path {} --path pairs.tsv",
    "corpus fetch files --path pairs.tsv --valid-path {}",
    "spaces show {}.yaml",
    "import hat-latency {}",
    "import llmas {}",
    "import csv {} --metric y:min",
]
WRITES = [
    "search study.yaml --out {}",
    "report runs/one --out {}",
    "report --observations trained.jsonl --predictor ridge --figures {}",
    "train mine.yaml --study study.yaml --out {}",
    "train --observe 2 --study study.yaml --out {}",
    "evaluate --observations trained.jsonl --predictor ridge --splits random:2 --draws 5 --csv {}",
    "predict --observations trained.jsonl --architectures mine.yaml --predictor ridge --save {}",
    "label --teacher ridge --observations trained.jsonl --n 3 --out {}",
    "label --observations trained.jsonl --n 3 --offline --llm http://127.0.0.1:9/v1#none --ledger {}",
    "latency measure --n 2 --out {}",
    "corpus write --study study.yaml --out {}",
    "import csv runs.csv --metric y:min --out {}",
]
BAD = {"too long": "n" * 300, "below a file": "file/below", "not there": "nowhere/at/all", "in a circle": "circle/x"}
REFUSED = {"too long": "n" * 300, "below a file": "file/below", "in a circle": "circle/x", "locked": "locked/new"}


@pytest.fixture
def place(user_folder):
    (user_folder / "study.yaml").write_text(STUDY)
    (user_folder / "runs.csv").write_text("g_a,y\n1,2\n2,3\n3,4\n4,5\n")
    write_observations(user_folder / "trained.jsonl", make_observations(SPACE, 24))
    write_architecture(user_folder / "mine.yaml", SPACE.smallest())
    (user_folder / "file").write_text('{"no": "folder"}\n')
    (user_folder / "folder").mkdir()
    (user_folder / "circle").symlink_to("circle")
    (user_folder / "locked").mkdir(mode=0o500)
    return user_folder


def refused(capsys, command):
    code = main(["-q", *shlex.split(command)])
    said = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("foretell: note: ")]
    assert code == 2, said
    assert len(said) == 1, said
    assert said[0].startswith("foretell: ")
    assert "unexpected" not in said[0]
    return said[0]


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("command", READS)
def test_what_cannot_be_read(place, capsys, command, kind):
    refused(capsys, command.format(BAD[kind]))


@pytest.mark.parametrize("command", [each for each in READS if ".yaml" not in each.replace("study.yaml", "")])
@pytest.mark.parametrize("path", ["file", "folder"])
def test_a_file_or_a_folder_that_is_something_else(place, capsys, command, path):
    refused(capsys, command.format(path))


@pytest.mark.parametrize("command", [each for each in WRITES if each.split()[0] in ("label", "predict", "evaluate")])
def test_a_folder_where_a_file_is_to_be_written(place, capsys, command):
    refused(capsys, command.format("."))


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="a place where nothing can be made")
@pytest.mark.parametrize("command", [each for each in WRITES if "--ledger" not in each])
def test_a_place_that_cannot_be_made(place, capsys, command):
    refused(capsys, command.format("/proc/nowhere"))


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.parametrize("command", WRITES)
def test_where_nothing_can_be_written(place, capsys, command, kind):
    if kind == "locked" and os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    refused(capsys, command.format(REFUSED[kind]))
