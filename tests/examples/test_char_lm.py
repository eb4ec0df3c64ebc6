import json
import random
import subprocess
import sys

import pytest

from tests.examples.reading import EXAMPLES, filled, number, program, space_in_python, study
from tests.tasks.sentences import made_up

FOLDER = EXAMPLES / "char-lm"
GENES = study("char-lm")["space"]["genes"]
SMALL = {"layers": 1, "width": 32, "window": 2, "expansion": 1, "activation": "gelu", "learning_rate": 0.01}


@pytest.fixture(scope="module")
def char_lm():
    return program(FOLDER / "train.py")


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    folder = tmp_path_factory.mktemp("text")
    for name, seed in (("train.en", 0), ("valid.en", 1)):
        lines = [f"{source}\n" for source, _ in made_up(60, seed)]
        (folder / name).write_text("".join(lines), encoding="utf-8")
    return folder


@pytest.fixture
def trained(char_lm, text):
    def train(updates, seed=1, folder=None, **genes):
        options = char_lm.read_options(["--seed", str(seed), "--updates", str(updates), "--data", str(text)])
        vars(options).update({**SMALL, "mixer": "gru", **genes}, folder=folder)
        return char_lm.train(options)

    return train


@pytest.mark.network
@pytest.mark.parametrize("mixer", GENES["mixer"])
def test_a_continued_training_ends_as_one_at_once(char_lm, trained, tmp_path, monkeypatch, mixer):
    at_once = trained(8, mixer=mixer)
    early = trained(2, mixer=mixer, folder=tmp_path)
    seen, drawn = [], char_lm.windows_of_update
    monkeypatch.setattr(char_lm, "windows_of_update", lambda *given: seen.append(given[2]) or drawn(*given))
    assert trained(8, mixer=mixer, folder=tmp_path) == at_once
    assert seen == [2, 3, 4, 5, 6, 7]
    assert trained(2, mixer=mixer, folder=tmp_path) == early  # a longer training is not taken for a shorter one
    assert len(seen) == 6
    assert at_once["val_loss"] < early["val_loss"]


@pytest.mark.network
def test_the_loss_depends_on_the_seed_and_on_nothing_else(trained):
    assert trained(3) == trained(3)
    assert trained(3)["val_loss"] != trained(3, seed=2)["val_loss"]


@pytest.mark.network
@pytest.mark.parametrize("mixer", GENES["mixer"])
def test_no_place_sees_what_follows(char_lm, mixer):
    torch = pytest.importorskip("torch")
    options = char_lm.read_options(["--mixer", mixer, "--layers", "2", "--window", "4"])
    model = char_lm.Model(options)
    symbols = torch.arange(20)[None]
    later = torch.where(symbols > 12, symbols + 40, symbols)
    same = (model(symbols) == model(later)).all(dim=2)[0]
    assert same.tolist() == [True] * 13 + [False] * 7


def test_text_becomes_symbols_one_each(char_lm, tmp_path):
    path = tmp_path / "text"
    path.write_text("a ~\n°", encoding="utf-8")
    assert char_lm.read_symbols(path).tolist() == [66, 1, 95, 0, 32]
    assert chr(32 + 31) == "?"


def test_missing_text_is_told(char_lm, tmp_path):
    with pytest.raises(SystemExit, match=r"train\.en does not exist; README"):
        char_lm.train(char_lm.read_options(["--data", str(tmp_path)]))


def test_the_study_counts_parameters_as_the_program_does(char_lm):
    rng, cost = random.Random(0), study("char-lm")["space"]["costs"]["params"]  # noqa: S311
    for mixer in GENES["mixer"]:
        for _ in range(8):
            genes = {name: rng.choice(choices) for name, choices in GENES.items()} | {"mixer": mixer}
            options = char_lm.read_options([])
            vars(options).update(genes)
            assert sum(part.numel() for part in char_lm.Model(options).parameters()) == number(cost, genes), genes


def test_the_space_is_the_same_in_yaml_and_in_python():
    genes, costs = space_in_python("char-lm")
    assert genes == GENES
    assert {name: text.split() for name, text in costs.items()} == {
        name: text.split() for name, text in study("char-lm")["space"]["costs"].items()
    }


@pytest.mark.network
def test_the_command_of_the_study_prints_a_line_of_json(trained, text, tmp_path):
    words = filled("char-lm", **SMALL, mixer="gru", seed=1, fidelity=4, folder=tmp_path / "checkpoints")
    command = [sys.executable, *words[1:], "--data", str(text)]
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said.pop("seconds") > 0
    assert said == trained(4)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["4.pt"]


def test_the_program_stays_short():
    assert len((FOLDER / "train.py").read_text(encoding="utf-8").splitlines()) < 200
