"""Architectures as people write them down."""

import pytest

from foretell.errors import InputError
from foretell.spaces import Architecture, SearchSpace
from foretell.study.architectures import read_architectures

SPACE = SearchSpace({"layers": [1, 2, 3], "mixer": ["gru", "conv"]}, "own")


def test_a_yaml_file_holds_one_or_a_list(tmp_path):
    one, several = tmp_path / "one.yaml", tmp_path / "several.yaml"
    one.write_text("{layers: 3, mixer: conv}")
    several.write_text("- {layers: 3, mixer: conv}\n- {layers: 1, mixer: gru}\n")
    wanted = [Architecture.from_dict(SPACE, {"layers": n, "mixer": m}) for n, m in ((3, "conv"), (1, "gru"))]
    assert read_architectures(one, SPACE) == wanted[:1]
    assert read_architectures(several, SPACE) == wanted
    assert read_architectures(f"{several}:{wanted[1].key}", SPACE) == wanted[1:]


def test_which_of_a_list_is_wrong_is_said(tmp_path):
    path = tmp_path / "several.yaml"
    path.write_text("- {layers: 3, mixer: conv}\n- 7\n")
    with pytest.raises(InputError, match=r"several.yaml, number 2 holds no gene names"):
        read_architectures(path, SPACE)


@pytest.mark.parametrize(("name", "text"), [("none.jsonl", ""), ("none.yaml", "[]")])
def test_a_file_without_any_is_said_to_hold_none(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match="holds no architecture; expected gene names"):
        read_architectures(tmp_path / name, SPACE)
