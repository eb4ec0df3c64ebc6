import pytest

from foretell.cli import main


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "give either an architecture file or --observe N or --repeat"),
        (["a.yaml", "--observe", "3"], "give either an architecture file or --observe N or --repeat"),
        (["a.yaml", "--design", "random"], "--without say what --observe N trains; leave them out"),
        (["--repeat", "reference:en-de", "--noise", "1"], "--without say what --observe N trains; leave them out"),
        (["--repeat", "reference:en-de", "--seed", "3"], "--repeat trains with the seeds on record; leave --seed out"),
        (["--observe", "3", "--inherit", "folder"], "--inherit starts one architecture from a supernet's weights"),
    ],
)
def test_options_that_would_be_ignored_are_refused(capsys, arguments, said):
    assert main(["train", *arguments]) == 2
    assert said in capsys.readouterr().err
