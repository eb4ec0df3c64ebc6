import json
import subprocess
import sys

import pytest

from tests.examples.reading import EXAMPLES, filled, program, space_in_python, study

FOLDER = EXAMPLES / "digits"
GENES = study("digits")["space"]["genes"]


@pytest.fixture(scope="module")
def digits():
    return program(FOLDER / "train.py")


@pytest.mark.network
@pytest.mark.parametrize("network", GENES["network"])
def test_a_network_learns_to_read_and_depends_on_the_seed_only(digits, network):
    words = ["--network", network, "--width", "16", "--learning-rate", "0.01", "--epochs"]
    none, some, again = (digits.train(digits.read_options([*words, epochs])) for epochs in ("0", "2", "2"))
    assert none["accuracy"] < 0.3
    assert some["accuracy"] > 0.5
    assert some == again
    assert digits.train(digits.read_options([*words, "2", "--seed", "1"])) != some


def test_every_choice_makes_a_network(digits):
    images, answers = digits.read_images()
    assert (images.shape, answers.shape) == ((1797, 1, 8, 8), (1797,))
    assert (images.min(), images.max()) == (0, 1)
    for name, choices in GENES.items():
        for choice in choices:
            options = digits.read_options([])
            setattr(options, name, choice)
            assert digits.network(options)(images[:3]).shape == (3, 10), (name, choice)


def test_the_space_is_the_same_in_yaml_and_in_python():
    assert space_in_python("digits") == (GENES, {})


@pytest.mark.network
def test_the_command_of_the_study_prints_a_line_of_json(digits):
    genes = {name: choices[0] for name, choices in GENES.items()}
    words = filled("digits", **genes, seed=3, fidelity=1)
    done = subprocess.run([sys.executable, *words[1:]], cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    options = digits.read_options(["--seed", "3", "--epochs", "1"])
    vars(options).update(genes)
    assert json.loads(done.stdout.splitlines()[-1]) == digits.train(options)
