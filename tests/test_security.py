"""What the source must not contain: ways from data to code, from text to a shell, from an archive to the disk."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "src").rglob("*.py"))

FORBIDDEN_CALLS = {
    "eval": "runs text",
    "exec": "runs text",
    "compile": "compiles text",
    "__import__": "imports what text names",
    "os.system": "a shell",
    "os.popen": "a shell",
    "subprocess.getoutput": "a shell",
    "subprocess.getstatusoutput": "a shell",
    "yaml.load_all": "not bounded; foretell.parsing reads YAML",
    "yaml.safe_load": "not bounded; foretell.parsing reads YAML",
    "yaml.full_load": "makes objects",
    "yaml.unsafe_load": "makes objects",
    "torch.save": "is pickle; weights are safetensors",
    "shutil.unpack_archive": "writes where the archive says",
    "tempfile.mktemp": "a name that another process may take",
}
FORBIDDEN_METHODS = {"extractall": "writes where the archive says"}
FORBIDDEN_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "xml", "telnetlib"}
ONLY_IN = {
    "yaml.load": {"foretell/parsing.py"},
    "yaml": {"foretell/parsing.py", "foretell/study"},  # studies and architectures are written with safe_dump
    "zipfile.ZipFile": {"foretell/archives.py"},
    "importlib.import_module": {
        "foretell/__init__.py",
        "foretell/cli/app.py",
        "foretell/costs/latency/form.py",
        "foretell/observations/loading.py",
        "foretell/predictors/registry.py",
        "foretell/search/algorithms.py",
        "foretell/spaces/family.py",
        "foretell/spaces/registry.py",
        "foretell/study/trials.py",
        "foretell/tasks/registry.py",
    },
}


def trees() -> Iterator[tuple[str, ast.Module]]:
    for path in SOURCES:
        yield str(path.relative_to(ROOT / "src")), ast.parse(path.read_text())


def names(tree: ast.Module) -> dict[str, str]:
    """What each imported name stands for, in full."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.asname or alias.name.partition(".")[0]: alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return found


def called(node: ast.Call, known: dict[str, str]) -> str:
    """The full name of what is called: "subprocess.run"; of a method of a value ".method"."""
    match node.func:
        case ast.Name(id=name):
            return known.get(name, name)
        case ast.Attribute(value=ast.Name(id=name), attr=attribute) if name in known:
            return f"{known[name]}.{attribute}"
        case ast.Attribute(attr=attribute):
            return f".{attribute}"
    return ""


def faults(place: str, tree: ast.Module) -> Iterator[str]:
    known = names(tree)
    for name in known.values():
        if name == "pickle.PicklingError":
            continue  # what processes say of a job that cannot be handed to them: it reads nothing
        if name.partition(".")[0] in FORBIDDEN_MODULES or name.startswith("multiprocessing.shared"):
            yield f"{place} imports {name}"
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name, where = called(node, known), f"{place}:{node.lineno}"
        options = {option.arg: option.value for option in node.keywords}
        if name in FORBIDDEN_CALLS:
            yield f"{where} calls {name}: {FORBIDDEN_CALLS[name]}"
        if name.startswith(".") and name[1:] in FORBIDDEN_METHODS:
            yield f"{where} calls {name}: {FORBIDDEN_METHODS[name[1:]]}"
        if not any(place.startswith(allowed) for allowed in ONLY_IN.get(name, {""})):
            yield f"{where} calls {name}, which only {', '.join(sorted(ONLY_IN[name]))} may"
        if "shell" in options:
            yield f"{where} gives a command to a shell"
        if name.startswith("subprocess.") and node.args and not isinstance(node.args[0], (ast.List, ast.Name)):
            yield f"{where} starts a process from something that is no list"
        if name == "torch.load" and not _is(options.get("weights_only"), True):
            yield f"{where} loads a pickle"
        if name == "numpy.load" and not _is(options.get("allow_pickle"), False):
            yield f"{where} may load a pickle"
        if name.endswith("load_dataset") and "trust_remote_code" in options:
            yield f"{where} runs a stranger's code"


def _is(node: ast.expr | None, value: object) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def test_the_source_has_no_way_from_data_to_code():
    assert len(SOURCES) > 100
    assert [fault for place, tree in trees() for fault in faults(place, tree)] == []


@pytest.mark.parametrize(
    "code",
    # Text for the check to find, parsed and never run.
    [
        "eval('1')",
        "import os\nos.system('x')",
        "from os import popen as p\np('x')",
        "import pickle",
        "from pickle import loads",
        "import subprocess\nsubprocess.run('x', shell=True)",
        "import subprocess\nsubprocess.run(f'rm {x}')",
        "import torch\ntorch.load('x')",
        "import torch as t\nt.load('x', weights_only=False)",
        "import numpy as np\nnp.load('x')",
        "import yaml\nyaml.load(x, Loader=L)",
        "import zipfile\nzipfile.ZipFile('x')",
        "archive.extractall('.')",
    ],
)
def test_the_check_finds_what_it_looks_for(code: str):
    assert list(faults("foretell/somewhere.py", ast.parse(code)))


def test_what_is_imported_by_name_is_named_in_the_source():
    """`import_module` gets names out of tables in the source, never out of a file: only entry points add to them."""
    for place in ONLY_IN["importlib.import_module"]:
        tree = ast.parse((ROOT / "src" / place).read_text())
        known = names(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and called(node, known) == "importlib.import_module":
                (argument,) = node.args
                fixed = isinstance(argument, ast.JoinedStr) and isinstance(argument.values[0], ast.Constant)
                assert fixed or isinstance(argument, ast.Name), f"{place}:{node.lineno}"


# ---- supply chain


def pins(name: str) -> dict[str, str]:
    """Normalised names and exact versions of a file of requirements."""
    found = re.findall(r"(?m)^([A-Za-z0-9._-]+)==(\S+)", (ROOT / name).read_text())
    return {re.sub(r"[-_.]+", "-", package).lower(): version for package, version in found}


@pytest.mark.parametrize(
    ("constraints", "lock", "without_hash"),
    # torch: its build differs from machine to machine
    [("constraints.txt", "requirements.lock", {"torch"}), ("constraints-dev.txt", "requirements-dev.lock", set())],
)
def test_a_lock_has_every_pin_with_hashes(constraints: str, lock: str, without_hash: set[str]):
    """`make lock` writes both anew from the constraints."""
    expected = pins(constraints)
    assert without_hash <= expected.keys()
    assert pins(lock) == {name: version for name, version in expected.items() if name not in without_hash}
    entries = re.split(r"(?m)^(?=[A-Za-z0-9])", (ROOT / lock).read_text())
    bare = [entry.split("==")[0] for entry in entries if "==" in entry and "--hash=sha256:" not in entry]
    assert bare == []


def test_what_running_needs_is_pinned_once():
    """`make setup-dev` installs on top of `make setup`: a second pin would change what running was tested with."""
    running, developing = pins("constraints.txt").keys(), pins("constraints-dev.txt").keys()
    assert not running & developing
    assert {"pytest", "ruff", "mypy", "mkdocs", "matplotlib", "playwright", "onnx"} <= developing


@pytest.mark.parametrize("pattern", ["constraints*.txt", "requirements*.lock", "Makefile"])
def test_no_file_names_a_package_index(pattern: str):
    text = "".join(path.read_text() for path in ROOT.glob(pattern))
    assert text
    assert not re.search(r"https?://|(?<!emit-)(index-url|find-links)|trusted-host", text)
