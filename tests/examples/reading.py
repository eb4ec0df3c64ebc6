"""What the tests of the examples share: their programs as modules, their studies, arithmetic of costs."""

import ast
import importlib.util
import operator
import sys
from pathlib import Path

import yaml

EXAMPLES = Path(__file__).parents[2] / "examples"
_OPERATIONS = {ast.Add: operator.add, ast.Mult: operator.mul, ast.Pow: operator.pow}


def program(path):
    """A program as a module; each example has a `train`, so they are not imported by name."""
    spec = importlib.util.spec_from_file_location(path.parent.name.replace("-", "_") + path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def study(name):
    return yaml.safe_load((EXAMPLES / name / "study.yaml").read_text(encoding="utf-8"))


def space_in_python(name):
    """Genes and costs that `search.py` gives to `foretell.SearchSpace`, read and not run."""
    tree = ast.parse((EXAMPLES / name / "search.py").read_text(encoding="utf-8"))
    (call,) = (n for n in ast.walk(tree) if isinstance(n, ast.Call) and ast.unparse(n.func) == "foretell.SearchSpace")
    costs = [ast.literal_eval(keyword.value) for keyword in call.keywords if keyword.arg == "costs"]
    return ast.literal_eval(call.args[0]), costs[0] if costs else {}


def number(text, genes):
    """The value of a cost for one architecture: `+ * **`, `==` and `A if B else C`, no more."""

    def value(node):
        match node:
            case ast.BinOp(left, op, right):
                return _OPERATIONS[type(op)](value(left), value(right))
            case ast.IfExp(test, body, orelse):
                return value(body) if value(test) else value(orelse)
            case ast.Compare(left, [ast.Eq()], [right]):
                return value(left) == value(right)
            case ast.Constant():
                return node.value
            case ast.Name():
                return genes[node.id]
        raise ValueError(ast.unparse(node))

    return value(ast.parse(text.strip(), mode="eval").body)


def filled(name, **values):
    """The words of the study's command for one architecture."""
    return [word.format(python=sys.executable, **values) for word in study(name)["objective"]["command"].split()]
