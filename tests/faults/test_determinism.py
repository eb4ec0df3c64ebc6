"""What docs/determinism.md promises: the same seed gives the same result, in another process, with 1 and 2 threads.

A whole search is compared in tests/study/test_pipeline.py.
"""

import json

import pytest

from foretell.records import file_sha256
from tests.faults.commands import prepare, timeless
from tests.llm.fault_server import FaultServer

pytestmark = pytest.mark.network

STUDY = ("--study", "study.yaml")
# In this order: each may use what the ones before it have left.
COMMANDS = {
    "supernet train, sandwich": ("supernet", "train", *STUDY),
    "supernet train, spos": ("supernet", "train", *STUDY, "--kind", "spos"),
    "supernet score": ("supernet", "score", "arch.yaml", *STUDY),
    "train": ("train", "arch.yaml", *STUDY, "--out", "one"),
    "translate": ("translate", "one", "red old door", "small blue", "--beam", "2"),
    "train --observe": ("train", "--observe", "2", *STUDY, "--out", "observed"),
    "label, a language model": ("label", "--n", "30", "--observations", "shown.jsonl", "--out", "said.jsonl"),
    "label, a predictor": (
        *("label", "--teacher", "regression", "--n", "200", "--observations", "shown.jsonl", "--out", "labels.jsonl"),
    ),
    "distill": ("distill", "labels.jsonl", "--out", "student"),
    "predict": ("predict", "--observations", "shown.jsonl", "--architectures", "arch.yaml"),
    "evaluate": (
        *("evaluate", "--observations", "reference:en-de", "--predictor", "regression,auto"),
        *("--demonstrations", "5", "--splits", "random:2"),
    ),
}
FILES = {
    "supernet train, sandwich": "cache/supernets/*/model.safetensors",
    "supernet train, spos": "cache/supernets/*/model.safetensors",
    "train": "one/model.safetensors",
    "train --observe": "cache/trained/*/model.safetensors",
    "label, a predictor": "labels.jsonl",
    "distill": "student/*.safetensors",
}
"""What a command leaves that is promised to the last byte."""


@pytest.fixture(scope="module")
def results(tmp_path_factory, zygotes):
    """Everything that two processes said and left: one with one thread, one with two."""
    with FaultServer() as server:
        return [_all(zygotes, tmp_path_factory.mktemp("threads"), threads, server.url) for threads in (1, 2)]


def _all(zygotes, folder, threads, url):
    prepare(folder)
    (folder / "cache").mkdir()
    output = folder / "said"
    output.mkdir()
    found = {}
    for name, arguments in COMMANDS.items():
        asked = ("--llm", f"{url}#fake") if name == "label, a language model" else ()
        told = {"FORETELL_CACHE": str(folder / "cache"), "FORETELL_API_KEY": "none"}
        process = zygotes.started(["--quiet", *arguments, *asked, "--json"], folder, output, threads=threads, **told)
        out, err = process.communicate()
        assert process.returncode == 0, err
        files = {str(p.relative_to(folder)): file_sha256(p) for p in sorted(folder.glob(FILES.get(name, "-")))}
        found[name] = json.loads(json.dumps(timeless(json.loads(out))).replace(str(folder), "FOLDER")), files
    found["labels"] = sorted((folder / "said.jsonl").read_text().splitlines())
    return found


@pytest.mark.parametrize("name", COMMANDS)
def test_one_and_two_threads_give_the_same(results, name):
    one, two = results
    assert one[name] == two[name]
    assert one[name][1] or name not in FILES


def test_a_language_model_gives_the_same_labels_in_any_order(results):
    one, two = results
    assert one["labels"] == two["labels"]
    assert len(one["labels"]) == 30
