"""What the site takes from the code when it is built: the help of every command, and the default study.

And what it cannot take along: files of the repository outside this folder.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

_DOCS = Path(__file__).parent
_LINK = re.compile(r"\[([^\]]+)\]\(([^)#:]+)\)")
_MARKERS = {"<!-- commands -->": "_commands", "<!-- default study -->": "_default_study"}


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Put generated text in the place of its marker, and name what a site cannot link to (for each page)."""
    for marker, maker in _MARKERS.items():
        if marker in markdown:
            markdown = markdown.replace(marker, globals()[maker]())
    folder = (_DOCS / page.file.src_uri).parent
    return _LINK.sub(lambda match: _reachable(match, folder), markdown)


def _reachable(link: re.Match[str], folder: Path) -> str:
    """A link as it is, or, to a file of the repository that is not part of the site, its path."""
    path = (folder / link[2]).resolve()
    if path.is_relative_to(_DOCS) or not path.is_relative_to(_DOCS.parent) or not path.exists():
        return link[0]
    named = f"`{path.relative_to(_DOCS.parent)}`"
    return named if link[1].strip("`") == named.strip("`") else f"{link[1]} ({named})"


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
