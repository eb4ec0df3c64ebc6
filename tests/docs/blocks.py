"""The code blocks of a page, and what a page says of how they are to be tested.

A block runs as it stands, unless the line before it says otherwise:

    <!-- no-run: why -->     its commands and options are checked against the command line instead
    <!-- exit: 2 -->         it must end with this exit code

A block with a title is saved under it.
"""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from typer.main import get_command

from foretell.cli.app import commands

DOCS = Path(__file__).parents[2] / "docs"
_BLOCK = re.compile(
    r"^(?:<!-- (?P<mark>no-run|exit): (?P<value>[^\n]+?) -->\n)?"
    r"```(?P<language>[a-z]*)(?: title=\"(?P<title>[^\"]+)\")?\n(?P<body>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True)
class Block:
    page: str
    line: int
    language: str
    body: str
    title: str = ""
    reason: str = ""
    exit: int = 0

    def __str__(self):
        return f"{self.page}:{self.line}"

    @property
    def runs(self):
        return self.language in ("sh", "python") and not self.reason

    @property
    def commands(self):
        """The lines of a shell block, continued ones joined, comments and empty ones left out."""
        lines = self.body.replace("\\\n", " ").splitlines()
        return [words for line in lines if (words := shlex.split(line, comments=True))]


def blocks_of(path):
    text = path.read_text(encoding="utf-8")
    return [
        Block(
            page=path.relative_to(DOCS).as_posix(),
            line=text.count("\n", 0, match.start()) + 1,
            language=match["language"],
            body=match["body"],
            title=match["title"] or "",
            reason=match["value"] if match["mark"] == "no-run" else "",
            exit=int(match["value"]) if match["mark"] == "exit" else 0,
        )
        for match in _BLOCK.finditer(text)
    ]


def pages():
    return sorted(DOCS.rglob("*.md"))


def check_command(words):
    """Parse the words of one `foretell ...` line with the real command line, and run nothing.

    `a | b` after a group stands for either of its commands.
    """
    command, context, rest = get_command(commands()), None, list(words[1:])
    while rest and rest[0] in getattr(command, "commands", {}):
        group, alternatives = command, [rest.pop(0)]
        while rest[:1] == ["|"] and rest[1] in group.commands:
            alternatives.append(rest[1])
            rest = rest[2:]
        for name in alternatives[1:]:
            group.commands[name].make_context(name, rest.copy(), parent=context)
        command = group.commands[alternatives[0]]
    if hasattr(command, "commands") and not (rest and rest[0].startswith("-")):
        raise ValueError(f"{' '.join(words)}: no command {rest[:1]}")
    rest = rest[: rest.index("|")] if "|" in rest else rest
    command.make_context(command.name, rest.copy(), parent=context)
