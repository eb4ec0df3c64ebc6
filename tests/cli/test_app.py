import ast
import json
import re
import resource
import subprocess
import sys
from pathlib import Path
from typing import Literal, get_args, get_origin, get_type_hints

import pytest
from typer.main import get_command

import foretell
from foretell.cli import main
from foretell.cli.app import commands


def test_help_lists_every_command(capsys):
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    for command in ("search", "check", "train", "translate", "supernet", "corpus", "spaces", "import"):
        assert command in out


@pytest.mark.parametrize(
    "command", ["search", "check", "train", "translate", "supernet train", "corpus show", "import llmas"]
)
def test_every_help_has_an_example(capsys, command):
    assert main([*command.split(), "--help"]) == 0
    assert "foretell " + command.split()[0] in capsys.readouterr().out.split("Example", 1)[1]


def test_an_error_is_one_sentence_and_an_exit_code(capsys):
    assert main(["spaces", "show", "small-seqseq"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "foretell: unknown search space 'small-seqseq'; did you mean 'small-seq2seq'?\n"


def test_a_mistyped_command_and_option_are_refused(capsys):
    assert main(["serch"]) == 2
    assert "search" in capsys.readouterr().err
    assert main(["spaces", "list", "--jsn"]) == 2
    assert "--json" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "supernet train --kind spoz",
            "invalid value for '--kind': 'spoz' is not one of 'spos', 'sandwich', 'layerwise-mos', 'neuronwise-mos'; "
            "`foretell supernet train --help` says what there is.",
        ),
        ("supernet train --updates many", "invalid value for '--updates': input should be a valid integer"),
        ("evaluate --nothing", "no such option: --nothing; `foretell evaluate --help` says what there is."),
        ("supernet trian", "no such command 'trian'. Did you mean 'train'?"),
        ("translate", "missing argument 'run'; `foretell translate --help` says what there is."),
    ],
)
def test_a_command_line_that_cannot_be_read_gets_one_sentence(capsys, line, said):
    assert main(line.split()) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"foretell: {said}")
    assert captured.err.count("\n") == 1


def options_with_choices(app, path=()):
    for command in app.registered_commands:
        for hint in get_type_hints(command.callback, include_extras=True).values():
            kinds, about = get_args(hint)[:1], getattr(hint, "__metadata__", ())
            if any(get_origin(each) is Literal for kind in kinds for each in (kind, *get_args(kind))):
                yield " ".join([*path, command.name or ""]), about[0]
    for group in app.registered_groups:
        yield from options_with_choices(group.typer_instance, (*path, group.name))


def test_options_with_fixed_words_take_them_in_any_case():
    found = list(options_with_choices(commands()))
    assert len(found) > 8
    assert [f"{path} {option.param_decls[0]}" for path, option in found if option.case_sensitive] == []


def test_debug_shows_the_traceback():
    from foretell.errors import UnknownNameError

    with pytest.raises(UnknownNameError):
        main(["--debug", "spaces", "show", "nothing"])


def test_an_unexpected_fault_is_still_one_sentence(capsys, monkeypatch):
    import foretell.spaces

    monkeypatch.setattr(foretell.spaces, "names", lambda: 1 / 0)
    assert main(["spaces", "list"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("foretell: unexpected ZeroDivisionError")
    assert "Traceback" not in err


def test_json_is_one_object_on_standard_output(capsys):
    assert main(["spaces", "list", "--json"]) == 0
    found = {space["name"]: space["size"] for space in json.loads(capsys.readouterr().out)["spaces"]}
    assert found["hat-wmt14-en-de"] == 417_846_678_672_384


def test_both_an_architecture_and_observe_are_refused(capsys):
    assert main(["train"]) == 2
    assert "either an architecture file or --observe" in capsys.readouterr().err


def test_starting_imports_nothing_heavy():
    code = (
        "import sys, foretell.cli, foretell; foretell.cli.main(['--help']);"
        "print([m for m in ('torch', 'sklearn', 'scipy', 'numpy', 'sentencepiece') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.splitlines()[-1] == "[]"


def test_help_is_quick_enough_to_be_used():
    """A loose bound, of processor time: other work takes none of it; benchmarks/start.py has the figures."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "foretell", "--help"], capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 3


def test_options_of_all_commands_may_stand_anywhere(capsys):
    from foretell.errors import UnknownNameError

    assert main(["spaces", "list", "--quiet", "--json"]) == 0
    assert main(["spaces", "-q", "list", "--json"]) == 0
    with pytest.raises(UnknownNameError):
        main(["spaces", "show", "nothing", "--debug"])


def test_what_follows_a_double_dash_is_left_alone(capsys):
    assert main(["spaces", "show", "--", "--quiet"]) == 2
    assert "'--quiet'" in capsys.readouterr().err


ELSEWHERE = {"--head", "--nproc-per-node", "--object-store-memory"}  # of ray and torchrun
PIP = {"--dest", "--disable-pip-version-check", "--ignore-requires-python", "--no-deps", "--no-input", "--only-binary"}


def test_messages_name_options_that_there_are():
    def walk(command):
        for each in getattr(command, "commands", {}).values():
            yield from walk(each)
        yield command

    parameters = [each for command in walk(get_command(commands())) for each in command.params]
    known = {option for each in parameters for option in [*each.opts, *each.secondary_opts]}
    said = set()
    for path in Path(foretell.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                said |= set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", node.value))
    assert said <= known | ELSEWHERE | PIP | {"--help"}


def test_a_value_that_is_refused_is_quoted_as_it_was_written(tmp_path, capsys):
    (tmp_path / "study.yaml").write_text("name: -Mine\n", encoding="utf-8")
    assert main(["check", str(tmp_path / "study.yaml")]) == 2
    said = capsys.readouterr().err
    assert "name is '-Mine'" in said
    assert "expected a name that begins with a letter" in said
