import pytest
from pydantic import ValidationError

from foretell.errors import InputError
from foretell.objectives import CommandSettings
from foretell.objectives.settings import seconds


@pytest.mark.parametrize(
    ("text", "expected"), [(90, 90), (1.5, 1.5), ("90", 90), ("90s", 90), ("10m", 600), ("1.5h", 5400), ("2 d", 172800)]
)
def test_times(text, expected):
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "soon", "0", "-3", "10 minutes", "0s", "nan"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(InputError, match="is not a time; expected seconds or a number with s, m, h or d"):
        seconds(text)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"command": "a 'b"}, "cannot be split into words"),
        ({"command": ""}, "the command is empty"),
        ({"command": []}, "the command is empty"),
        ({"command": ["a", "b"], "shell": True}, "shell is true but command is a list of words"),
        ({"metrics_file": "/m.json"}, "does not lie in the architecture's folder"),
        ({"metrics_file": "a/../../m.json"}, "does not lie in the architecture's folder"),
        ({"costs": ["loss"]}, "loss is both a metric and a cost"),
        ({"metrics": []}, "at least 1 item"),
        ({"limit": 3}, "Extra inputs are not permitted"),
        ({"time_limit": "soon"}, "is not a time"),
        ({"fidelity": {"full": 3}}, "a fidelity has no unit"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, told):
    with pytest.raises(ValidationError, match=told):
        CommandSettings(**{"command": "a", "metrics": ["loss"], **settings})


def test_numbers_that_yaml_has_read_are_words():
    settings = CommandSettings(command=["train", "--epochs", 3, 0.5], metrics=["loss"], env={"N": 2})
    assert settings.words == ("train", "--epochs", "3", "0.5")
    assert settings.env == {"N": "2"}
