"""What benchmarks and examples take from foretell is there: they run rarely, and a move must not break them unseen."""

import ast
import importlib
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[1]
_SCRIPTS = sorted([*_ROOT.glob("benchmarks/*.py"), *_ROOT.glob("examples/**/*.py")])


@pytest.mark.parametrize("path", _SCRIPTS, ids=lambda path: path.name)
def test_imports(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("foretell"):
            if node.module.startswith("foretell.integrations"):
                continue  # needs packages that are extras
            module = importlib.import_module(node.module)
            missing = [each.name for each in node.names if not hasattr(module, each.name)]
            for name in missing:  # modules that nothing has imported yet
                importlib.import_module(f"{node.module}.{name}")
