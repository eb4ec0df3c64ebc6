import inspect
import subprocess
import sys

import pytest

from foretell import errors


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("InputError", 2),
        ("UnknownNameError", 2),
        ("IntegrityError", 2),
        ("RunBusyError", 2),
        ("InfeasibleError", 3),
        ("BudgetReachedError", 4),
        ("InterruptedRunError", 130),
    ],
)
def test_exit_codes_of_the_design(name: str, code: int):
    assert getattr(errors, name).exit_code == code


def test_one_tree():
    classes = [item for _, item in inspect.getmembers(errors, inspect.isclass) if item.__module__ == errors.__name__]
    assert {item.__name__ for item in classes} == {name for name in errors.__all__ if name[0].isupper()}
    assert all(issubclass(item, errors.ForetellError) for item in classes)
    assert issubclass(errors.InputError, ValueError)


def test_the_nearest_name_is_offered():
    error = errors.UnknownNameError("key", "constrait", ["constraint", "schedule"], "study.yaml")
    assert str(error) == "unknown key 'constrait' in study.yaml; did you mean 'constraint'?"
    assert error.nearest == "constraint"
    assert errors.UnknownNameError("target", "GGUF", ["hf", "gguf"]).nearest == "gguf"
    assert errors.UnknownNameError("benchmark", "en-DE", ["en-tr", "en-de"]).nearest == "en-de"


def test_all_names_are_listed_where_none_is_near():
    error = errors.UnknownNameError("cost", "zzz", ["latency", "flops"])
    assert str(error) == "unknown cost 'zzz'; known are: latency, flops."
    assert error.nearest is None


def test_names_need_not_be_text():
    assert errors.UnknownNameError("key", 7, [70, 8]).nearest == "70"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (errors.InputError("the file is empty; fill it."), "the file is empty; fill it."),
        (MemoryError(), "there is not enough memory; "),
        (
            RuntimeError("[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory"),
            "memory; close",
        ),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), "memory; close"),
        (RuntimeError("can't start new thread"), "memory; close"),
        (RuntimeError("std::bad_alloc"), "memory; close"),
        (KeyError("x"), "unexpected KeyError: 'x'; this is a fault of foretell: please report it"),
    ],
)
def test_every_error_is_told_in_one_sentence(error, told):
    assert told in errors.sentence(error)
    assert "\n" not in errors.sentence(error)


def test_whatever_fails_while_memory_is_wanting_is_told_as_that():
    """C libraries that get no memory fail in any way they like."""
    script = (
        "import resource\n"
        "from pathlib import Path\n"
        "from foretell.errors import sentence\n"
        "error = SystemError('error return without exception set')\n"
        "print(sentence(error))\n"
        "used = int(Path('/proc/self/statm').read_text().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + (16 << 20), -1))\n"
        "print(sentence(error))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    before, after = done.stdout.splitlines()
    assert before.startswith("unexpected SystemError: error return without exception set")
    assert after.startswith("there is not enough memory")


@pytest.mark.parametrize("word", ["hs-nas", "HS-NAS", "hs_nas", "Hs_Nas"])
def test_a_name_is_known_in_any_case(word):
    assert errors.known_name("method", word, ["race", "hs-nas"]) == "hs-nas"


def test_of_names_that_differ_by_case_alone_each_is_itself():
    assert [errors.spelt(word, ["HAT", "hat"]) for word in ("HAT", "hat", "Hat", "hut")] == ["HAT", "hat", "HAT", "hut"]
