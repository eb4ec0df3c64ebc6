"""The `foretell` command: its groups, and how every error becomes one sentence and an exit code."""

from __future__ import annotations

import gc
import logging
import sys
import warnings
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.main import get_command

from foretell.cli.interrupt import how_to_go_on, interruptible
from foretell.display import plain
from foretell.errors import ForetellError, InputError, InterruptedRunError, sentence
from foretell.machine import keep_to_share
from foretell.records import refused_path

__all__ = ["app", "commands", "main"]

app = typer.Typer(
    name="foretell",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Tell how good a neural architecture will be before it is trained, and find the best one that fits a device.",
    epilog="**Begin here:** `foretell search` runs the whole job on a small task, in minutes; `foretell search "
    "STUDY.yaml` runs yours; `foretell corpus show files --path A --path B` looks at your own text first.",
    context_settings={"help_option_names": ["-h", "--help"]},
)

# One module a command group; each has a function `register(app)`. In the order of `foretell --help`.
_GROUPS = (
    "search",
    "check",
    "report",
    "train",
    "generate",
    "classify",
    "export",
    "shrink",
    "observations",
    "evaluate",
    "reproduce",
    "predict",
    "label",
    "distill",
    "propose",
    "llm",
    "supernet",
    "latency",
    "corpus",
    "spaces",
    "imports",
)


def _version(value: bool) -> None:
    if value:
        from foretell import __version__

        typer.echo(f"foretell {__version__}")
        raise typer.Exit


@app.callback()
def _global(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on standard error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    from foretell.progress import show_progress

    context.obj = {"debug": debug}
    if not debug:  # what it logs, with a traceback, is raised as well, and told in one sentence
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    style = "quiet" if quiet else "bar" if sys.stderr.isatty() else "lines"
    context.with_resource(show_progress(style))  # type: ignore[arg-type]


def _one_line_warnings() -> Callable[..., None]:
    """Shows each warning in one line, and once: a file that is read twice has one torn line."""
    shown: set[str] = set()

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        text = plain(str(message))
        if text not in shown:
            shown.add(text)
            print(f"foretell: note: {text}", file=sys.stderr)

    return show


def main(arguments: list[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: What follows the program's name; None takes the process's own.

    Returns:
        The exit code: 0 done, 1 the machine refused, 2 the input is wrong, 3 nothing feasible, 4 budget
        reached, 130 interrupted.
    """
    keep_to_share()
    arguments = _global_first(sys.argv[1:] if arguments is None else arguments)
    with warnings.catch_warnings():
        code = _run(arguments)
        if code == InterruptedRunError.exit_code:
            gc.collect()  # what was cut off would complain when it is cleared away: now, while nobody listens
    return code


def _run(arguments: list[str]) -> int:
    try:
        with interruptible(lambda: how_to_go_on(get_command(commands()), arguments)):
            warnings.showwarning = _one_line_warnings()
            code = commands()(arguments, standalone_mode=False)
            return code if isinstance(code, int) else 0
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except InterruptedRunError as error:  # told already
        return error.exit_code
    except Exception as failure:
        if "--debug" in arguments:
            raise
        if hasattr(failure, "format_message"):  # of a command line that cannot be read; the class's place has moved
            return _misread(failure)
        told = refused_path(failure) or failure
        print(f"foretell: {plain(sentence(told))}", file=sys.stderr)
        return told.exit_code if isinstance(told, ForetellError) else 1


def _misread(failure: Any) -> int:
    """Say in one sentence what is wrong with a command line; the exit code."""
    if type(failure).__name__ != "NoArgsIsHelpError":  # the help has been shown
        text = failure.format_message().replace("Value error, ", "").replace(": Input ", ": input ").strip(" .")
        words: list[str] = []
        context = getattr(failure, "ctx", None)
        while context is not None and context.parent is not None:
            words.insert(0, str(context.info_name))
            context = context.parent
        help_of = " ".join(["foretell", *words, "--help"])
        hint = "" if text.endswith("?") else f"; `{help_of}` says what there is."
        print(f"foretell: {plain(text[:1].lower() + text[1:])}{hint}", file=sys.stderr)
    return InputError.exit_code


def _global_first(arguments: list[str]) -> list[str]:
    """The arguments with the options of all commands at the front, wherever they were written."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    found = [word for word in arguments[:end] if word in ("--quiet", "-q", "--debug")]
    return found + [word for word in arguments[:end] if word not in found] + arguments[end:]


@cache
def commands() -> typer.Typer:
    """The whole command line; its parts are imported when it is first asked for."""
    for group in _GROUPS:
        import_module(f"foretell.cli.{group}").register(app)
    return app
