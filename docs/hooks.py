"""What the site takes from the code when it is built: the help of every command, and the default study."""

from __future__ import annotations

from typing import Any

_MARKERS = {"<!-- commands -->": "_commands", "<!-- default study -->": "_default_study"}


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put generated text in the place of its marker (called by MkDocs for each page)."""
    for marker, maker in _MARKERS.items():
        if marker in markdown:
            markdown = markdown.replace(marker, globals()[maker]())
    return markdown


def _commands() -> str:
    from typer.cli import get_docs_for_click
    from typer.main import get_command

    from foretell.cli.app import commands

    whole = get_command(commands())
    context = whole.context_class(whole, info_name="foretell")
    parts = [
        get_docs_for_click(obj=command, ctx=context, indent=1, call_prefix="foretell")
        for command in whole.commands.values()
    ]
    return "\n".join(parts)


def _default_study() -> str:
    from foretell.study import StudyConfig

    return f"```yaml\n{StudyConfig().to_yaml()}```"
