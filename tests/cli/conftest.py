"""What a user has who runs the commands."""

import pytest

from tests.toy import pairs


@pytest.fixture
def user_folder(tmp_path, monkeypatch):
    """The folder that commands are run in, with a little text, and nothing kept or configured elsewhere."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FORETELL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("FORETELL_LEDGER", str(tmp_path / "ledger.sqlite"))
    monkeypatch.setenv("FORETELL_LLM", "")
    (tmp_path / "pairs.tsv").write_text("".join(f"{a}\t{b}\n" for a, b in pairs(300)), encoding="utf-8")
    return tmp_path
