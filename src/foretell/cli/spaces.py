"""`foretell spaces`: what can be searched."""

from __future__ import annotations

from typing import Annotated

import typer

from foretell.cli.output import JsonOption, next_step, print_json, print_table

__all__ = ["register"]

_group = typer.Typer(no_args_is_help=True, help="List and describe search spaces.")


def register(app: typer.Typer) -> None:
    """Add the group to the command line."""
    app.add_typer(_group, name="spaces")


@_group.command("list")
def _list(as_json: JsonOption = False) -> None:
    """List the spaces that come with foretell.

    Example: `foretell spaces list`
    """
    from foretell import spaces

    known = [spaces.create(name) for name in spaces.names()]
    if as_json:
        print_json({"spaces": [{"name": s.name, "size": s.size(), "description": s.description} for s in known]})
    else:
        rows = [[space.name, f"{space.size():.2e}", space.description] for space in known]
        print_table("Search spaces", ["name", "architectures", "what"], rows)
        next_step("The genes of one", "spaces", "show", known[0].name)


@_group.command("show")
def _show(
    name: Annotated[str, typer.Argument(help="A space's name, or the path of a YAML file that describes one.")],
    as_json: JsonOption = False,
) -> None:
    """Show the genes of a space: choices and meaning.

    Example: `foretell spaces show small-seq2seq`
    """
    from foretell import spaces
    from foretell.tasks import task_kind

    space = spaces.create(name)
    if as_json:
        genes = [
            {"name": gene.name, "choices": list(gene.choices), "description": gene.description, "depth": gene.depth}
            for gene in space.genes
        ]
        print_json({**space.to_dict(), "size": space.size(), "genes": genes})
    else:
        rows = [
            [gene.name, ", ".join(map(str, gene.choices)), "each layer" if gene.depth else ""] for gene in space.genes
        ]
        print_table(f"{space.name}: {space.size():,} architectures", ["gene", "choices", ""], rows)
        if space.family is not None and space.family.name in task_kind("translation").families:
            next_step("A search of it", "search", "--space", name)
