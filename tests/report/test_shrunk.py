"""The page of a pretrained model that was made to fit."""

import json

import pytest

from foretell.errors import InputError, IntegrityError
from foretell.report import read_run, render, run_plots
from tests.report.conftest import HOSTILE
from tests.report.test_page import without_scripts


def candidate(layers, parameters, before, after=None, about="what the search found"):
    return {
        "about": about,
        "architecture": {},
        "layers": [{"layer": place, "heads": 4, "kv_heads": 2, "ffn": width} for place, width in layers],
        "uniform": False,
        "costs": {"parameters": parameters, "decode_latency_ms@512": 3.25},
        "metrics": {"before": {"bits_per_byte": before}, "after": None if after is None else {"bits_per_byte": after}},
    }


def write(folder, **changes):
    told = {
        "format": 1,
        "kind": "shrunk",
        "name": "small",
        "task": "language_model",
        "model": "local:smollm2-135m",
        "constraints": ["params<=70%"],
        "limits": ["parameters <= 700"],
        "winner": candidate([(0, 96), (2, 48)], 690.0, 1.25, 0.9),
        "baselines": {
            "uniform-width": candidate([(0, 64), (1, 64), (2, 64)], 680.0, 1.5, 1.0),
            "parent": candidate([(0, 96), (1, 96), (2, 96)], 1000.0, 0.75),
        },
        "references": {"majority": {"bits_per_byte": 5.0}},
        "learning": {},
        "importance": {},
        "search": {},
        "healing": 30,
        "exported": {"hf": ["exported/hf/model.safetensors"]},
        "seconds": {"search": 61.0, "healing": 3.0},
        "software": {"foretell": "0.1.0"},
        **changes,
    }
    (folder / "result.json").write_text(json.dumps(told))
    (folder / "study.yaml").write_text("shrink: {name: small}\n")
    return folder


def test_it_says_what_is_left_and_what_that_was_worth(tmp_path):
    record = read_run(write(tmp_path))
    page = without_scripts(render([record]))
    for said in ("ahead of the best plain choice: 0.9000 bits a byte against 1.0000", "69% of 1 k", "1 min 4 s"):
        assert said in page
    assert "3.25" in page
    by_layer = next(plot for plot in run_plots(record) if plot.name == "by-layer")
    assert by_layer.rows == [["0", "100", "100"], ["1", "0", "0"], ["2", "100", "50"]]


def test_a_winner_that_is_worse_is_said_to_be(tmp_path):
    page = render([read_run(write(tmp_path, winner=candidate([(0, 96)], 690.0, 1.25, 1.1)))])
    assert "NOT ahead of the best plain choice: 1.1000" in page


def test_what_a_file_says_is_text(tmp_path):
    told = candidate([(0, 96)], 690.0, 1.25, 1.1, about=HOSTILE)
    page = render([read_run(write(tmp_path, winner=told, model=HOSTILE, software={HOSTILE: HOSTILE}))])
    assert HOSTILE not in page


def test_it_stands_alone_and_a_damaged_one_is_named(tmp_path):
    record = read_run(write(tmp_path))
    with pytest.raises(InputError, match="has a page of its own; give it alone"):
        render([record, record])
    write(tmp_path, seconds={"search": "long"})
    with pytest.raises(IntegrityError, match=r"seconds\.search"):
        read_run(tmp_path)
