import os
import re
from pathlib import Path

import pytest

from foretell import spaces
from foretell.errors import InputError, RunBusyError
from foretell.observations import Observation, ObservationWriter, read_observations, write_observations
from foretell.records import TornLineWarning

SMALL = spaces.create("small-seq2seq")
ONE = Observation(SMALL.smallest(), metrics={"valid_bleu": 10.0})
TWO = Observation(SMALL.largest(), metrics={"valid_bleu": 20.0}, provenance={"note": "größer"})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "observations.jsonl"


def test_files_come_back(path: Path):
    write_observations(path, [ONE, TWO])
    assert read_observations(path) == read_observations(str(path), SMALL) == [ONE, TWO]


def test_a_writer_appends_what_is_then_on_the_disk(path: Path):
    with ObservationWriter(path) as writer:
        writer.write(ONE)
        assert read_observations(path) == [ONE]
    with ObservationWriter(path) as writer:
        writer.write(TWO, ONE)
    assert read_observations(path) == [ONE, TWO, ONE]
    with pytest.raises(InputError, match="is closed"):
        writer.write(ONE)


def test_a_torn_line_is_dropped_and_written_over(path: Path):
    write_observations(path, [ONE, TWO])
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.warns(TornLineWarning, match="line 2"):
        assert read_observations(path) == [ONE]
    with pytest.warns(TornLineWarning), ObservationWriter(path) as writer:
        writer.write(TWO)
    assert read_observations(path) == [ONE, TWO]


@pytest.mark.parametrize("bad", ["{", "[1]", '{"format": 1}', '{"fromat": 1, "space": "small-seq2seq"}'])
@pytest.mark.parametrize("after", [True, False])
def test_a_bad_line_has_its_number(path: Path, bad: str, after: bool):
    write_observations(path, [ONE])
    good = path.read_text()
    path.write_text(f"{good}\n{bad}\n{good if after else ''}")
    with pytest.raises(InputError, match=re.escape(f"{path}, line 3")) as caught:
        read_observations(path)
    assert "\n" not in str(caught.value)


def test_nan_in_a_file_has_its_line(path: Path):
    write_observations(path, [ONE])
    path.write_text(path.read_text().replace("10.0", "NaN"))
    with pytest.raises(InputError, match=r"line 1 is not a JSON object \(the number NaN is not finite\)"):
        read_observations(path)


def test_files_that_are_none(path: Path):
    with pytest.raises(InputError, match="does not exist"):
        read_observations(path)
    path.parent.mkdir()
    with pytest.raises(InputError, match="is a folder"):
        read_observations(path.parent)
    path.write_text("\n")
    with pytest.raises(InputError, match="holds no observation"):
        read_observations(path)


def test_the_space_must_be_the_one_expected(path: Path):
    write_observations(path, [ONE])
    with pytest.raises(InputError, match="line 1: the observation is of the space 'small-seq2seq'"):
        read_observations(path, spaces.create("hat-wmt14-en-de"))
    path.write_text(path.read_text().replace("small-seq2seq", "small-seqseq"))
    with pytest.raises(InputError, match="line 1: unknown search space 'small-seqseq'; did you mean 'small-seq2seq'"):
        read_observations(path)


def test_a_writer_says_what_was_written_even_if_a_crash_came_before_the_first_line(path: Path):
    path.parent.mkdir()
    path.touch()
    with ObservationWriter(path) as writer:
        assert writer.written(SMALL) == []
        writer.write(ONE)
        assert writer.written(SMALL) == [ONE]
    path.write_bytes(path.read_bytes()[:40])
    with pytest.warns(TornLineWarning), ObservationWriter(path) as writer:
        assert writer.written(SMALL) == []


def test_a_file_has_one_writer(path: Path):
    with (
        ObservationWriter(path),
        pytest.raises(RunBusyError, match=rf"in use by process {os.getpid()};"),
        ObservationWriter(path),
    ):
        pass
