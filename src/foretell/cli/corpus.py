"""`foretell corpus`: the parallel text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foretell.cli.output import JsonOption, print_json, print_table, say

if TYPE_CHECKING:
    from foretell.tasks.translation import ParallelCorpus

__all__ = ["register"]

_group = typer.Typer(no_args_is_help=True, help="List, fetch, look at and write parallel corpora.")

_Source = Annotated[str, typer.Option("--source", help="Language translated from.")]
_Target = Annotated[str, typer.Option("--target", help="Language translated to.")]
_Paths = Annotated[list[Path] | None, typer.Option("--path", help="For files: two text files or one TSV.")]
_Name = Annotated[str, typer.Argument(help="home-assistant, files or hub.")]
_Dataset = Annotated[str | None, typer.Option("--dataset", help="For hub: the data set (wmt14).")]
_Subset = Annotated[str | None, typer.Option("--subset", help="For hub: its configuration (de-en).")]


def register(app: typer.Typer) -> None:
    """Add the group to the command line."""
    app.add_typer(_group, name="corpus")


@_group.command("list")
def _list(as_json: JsonOption = False) -> None:
    """List the kinds of corpora.

    Example: `foretell corpus list`
    """
    from foretell.tasks.translation import CORPORA

    if as_json:
        print_json({"corpora": CORPORA})
    else:
        print_table("Corpora", ["name", "what"], [[name, text] for name, text in CORPORA.items()])


@_group.command("fetch")
def _fetch(
    name: _Name = "home-assistant",
    source: _Source = "en",
    target: _Target = "de",
    path: _Paths = None,
    dataset: _Dataset = None,
    subset: _Subset = None,
    as_json: JsonOption = False,
) -> None:
    """Get a corpus, clean and split it, and keep it in the cache folder.

    Examples:
    `foretell corpus fetch home-assistant --target ga`

    `foretell corpus fetch files --path train.en --path train.de`
    """
    _describe(name, _load(name, source, target, path, dataset, subset), as_json, examples=0)


@_group.command("show")
def _show(
    name: _Name = "home-assistant",
    source: _Source = "en",
    target: _Target = "de",
    path: _Paths = None,
    dataset: _Dataset = None,
    subset: _Subset = None,
    examples: Annotated[int, typer.Option("--examples", "-n", min=0, help="Training pairs to print.")] = 5,
    as_json: JsonOption = False,
) -> None:
    """Show sizes, provenance and some pairs of a corpus.

    Example: `foretell corpus show home-assistant --target ga -n 3`
    """
    _describe(name, _load(name, source, target, path, dataset, subset), as_json, examples)


@_group.command("write")
def _write(
    name: _Name = "home-assistant",
    source: _Source = "en",
    target: _Target = "de",
    path: _Paths = None,
    dataset: _Dataset = None,
    subset: _Subset = None,
    out: Annotated[Path, typer.Option("--out", help="Folder of the text files.")] = Path("text"),
    as_json: JsonOption = False,
) -> None:
    """Write the splits of a corpus as text files, one sentence a line: train.en, train.de, valid.en, ...

    Example: `foretell corpus write home-assistant --target ga --out text`
    """
    corpus = _load(name, source, target, path, dataset, subset)
    files = [str(file) for file in corpus.write_text(out)]
    if as_json:
        print_json({"files": files, "fingerprint": corpus.fingerprint, "provenance": corpus.provenance})
        return
    say(f"Written: {', '.join(files)}")
    if corpus.provenance.get("attribution"):
        say(corpus.provenance["attribution"])


def _load(
    name: str, source: str, target: str, path: list[Path] | None, dataset: str | None, subset: str | None
) -> ParallelCorpus:
    from foretell.cli.options import study_from
    from foretell.tasks.translation import load_corpus

    values = {"name": name, "source": source, "target": target, "dataset": dataset, "subset": subset}
    study = study_from(None, corpus={**values, "paths": [str(p) for p in path or []]})
    return load_corpus(study.corpus)


def _describe(name: str, corpus: ParallelCorpus, as_json: bool, examples: int) -> None:
    from foretell.tasks.translation import SPLITS

    sizes = {split: len(corpus.split(split)) for split in SPLITS}
    if as_json:
        pairs = corpus.train[:examples]
        print_json({"sizes": sizes, "fingerprint": corpus.fingerprint, "provenance": corpus.provenance, "pairs": pairs})
        return
    languages = f"{corpus.source_language}-{corpus.target_language}"
    print_table(f"{name}, {languages}", ["split", "pairs"], [[k, f"{v:,}"] for k, v in sizes.items()])
    say(_cleaned(corpus.provenance.get("cleaning", {})))
    asked = corpus.provenance.get("config", {})
    for split in ("train", "valid", "test"):
        wanted = asked.get(f"{split}_sentences")
        if wanted is not None and sizes[split] < wanted:
            say(f"{wanted:,} {split} pairs were asked for, the corpus allows {sizes[split]:,}.")
    for left, right in corpus.train[:examples]:
        say(f"{left}\n    {right}")


def _cleaned(cleaning: Mapping[str, Any]) -> str:
    """How many pairs were found, and how many dropped for which reason."""
    dropped, most = cleaning.get("dropped", {}), cleaning.get("max_words")
    reasons = [
        f"{count:,} {reason}{f' (over {most} words)' if reason == 'too long' and most else ''}"
        for reason, count in dropped.items()
    ]
    return f"{cleaning.get('found', 0):,} pairs found; dropped: {', '.join(reasons) or 'none'}."
