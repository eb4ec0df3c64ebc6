"""`foretell corpus`: the parallel text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foretell.cli.options import StudyOption
from foretell.cli.output import JsonOption, next_step, print_json, print_table, say

if TYPE_CHECKING:
    from foretell.tasks.language_model import TextConfig
    from foretell.tasks.translation import CorpusConfig, ParallelCorpus

__all__ = ["register"]

_group = typer.Typer(no_args_is_help=True, help="List, fetch, look at and write parallel corpora.")


_Name = Annotated[str | None, typer.Argument(help="home-assistant, files or hub.")]
_Source = Annotated[str | None, typer.Option("--source", help="Language translated from.")]
_Target = Annotated[str | None, typer.Option("--target", help="Language translated to.")]
_Path = Annotated[list[Path] | None, typer.Option("--path", help="For files: two text files or one TSV.")]
_ValidPath = Annotated[list[Path] | None, typer.Option("--valid-path", help="For files: validation text, like --path.")]
_TestPath = Annotated[list[Path] | None, typer.Option("--test-path", help="For files: test text, like --path.")]
_Dataset = Annotated[str | None, typer.Option("--dataset", help="For hub: the data set (wmt14).")]
_Subset = Annotated[str | None, typer.Option("--subset", help="For hub: its configuration (de-en).")]
_MinWords = Annotated[int | None, typer.Option("--min-words", help="Shortest side kept, in words.")]
_MaxWords = Annotated[str | None, typer.Option("--max-words", help="Longest side, in words; fit, or null for all.")]
_Train = Annotated[int | None, typer.Option("--train-sentences", help="At most so many training pairs.")]
_Valid = Annotated[int | None, typer.Option("--valid-sentences", help="Validation pairs.")]
_Test = Annotated[int | None, typer.Option("--test-sentences", help="Test pairs.")]
_Seed = Annotated[int | None, typer.Option("--seed", help="Of the split.", min=0)]


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
        next_step("A look at one", "corpus", "show", "home-assistant")


@_group.command("fetch")
def _fetch(
    name: _Name = None,
    study: StudyOption = None,
    source: _Source = None,
    target: _Target = None,
    path: _Path = None,
    valid_path: _ValidPath = None,
    test_path: _TestPath = None,
    dataset: _Dataset = None,
    subset: _Subset = None,
    min_words: _MinWords = None,
    max_words: _MaxWords = None,
    train_sentences: _Train = None,
    valid_sentences: _Valid = None,
    test_sentences: _Test = None,
    seed: _Seed = None,
    as_json: JsonOption = False,
) -> None:
    """Get a corpus, clean and split it, and keep it in the cache folder.

    Examples:
    `foretell corpus fetch home-assistant --target ga`

    `foretell corpus fetch files --path train.en --path train.de`
    """
    config = _config(locals())
    _describe(config, as_json, examples=0)
    if not as_json:
        _next(config, study)


@_group.command("show")
def _show(
    name: _Name = None,
    study: StudyOption = None,
    source: _Source = None,
    target: _Target = None,
    path: _Path = None,
    valid_path: _ValidPath = None,
    test_path: _TestPath = None,
    dataset: _Dataset = None,
    subset: _Subset = None,
    min_words: _MinWords = None,
    max_words: _MaxWords = None,
    train_sentences: _Train = None,
    valid_sentences: _Valid = None,
    test_sentences: _Test = None,
    seed: _Seed = None,
    examples: Annotated[int, typer.Option("--examples", "-n", min=0, help="Training pairs to print.")] = 5,
    as_json: JsonOption = False,
) -> None:
    """Show sizes, what was dropped and why, and some pairs of a corpus: of a study's, or of the one that options name.

    Examples:
    `foretell corpus show home-assistant --target ga -n 3`

    `foretell corpus show --study study.yaml --max-words 30`
    """
    config = _config(locals())
    _describe(config, as_json, examples)
    if not as_json:
        _next(config, study)


@_group.command("write")
def _write(
    name: _Name = None,
    study: StudyOption = None,
    source: _Source = None,
    target: _Target = None,
    path: _Path = None,
    valid_path: _ValidPath = None,
    test_path: _TestPath = None,
    dataset: _Dataset = None,
    subset: _Subset = None,
    min_words: _MinWords = None,
    max_words: _MaxWords = None,
    train_sentences: _Train = None,
    valid_sentences: _Valid = None,
    test_sentences: _Test = None,
    seed: _Seed = None,
    out: Annotated[Path, typer.Option("--out", help="Folder of the text files.")] = Path("text"),
    as_json: JsonOption = False,
) -> None:
    """Write the splits of a corpus as text files, one sentence a line: train.en, train.de, valid.en, ...

    Example: `foretell corpus write home-assistant --target ga --out text`
    """
    corpus = _load(_config(locals()))
    files = [str(file) for file in corpus.write_text(out)]
    if as_json:
        print_json({"files": files, "fingerprint": corpus.fingerprint, "provenance": corpus.provenance})
        return
    say(f"Written: {', '.join(files)}")
    if corpus.provenance.get("attribution"):
        say(corpus.provenance["attribution"])
    languages = ["--source", corpus.source_language, "--target", corpus.target_language]
    next_step("A look at them", "corpus", "show", "files", *languages, "--path", files[0], "--path", files[1])


def _next(config: CorpusConfig | TextConfig, study: Path | None) -> None:
    """A study of the text comes next: the user's, or what it has to say."""
    told = config.model_dump(mode="json", exclude_defaults=True)
    if told and study is None:
        import yaml

        said = yaml.safe_dump(told, default_flow_style=True, allow_unicode=True, width=10**6, sort_keys=False)
        say(f"For a study of it, save this line as study.yaml:\ncorpus: {said.strip()}")
    next_step("What a study would do with it", "check", *([study or "study.yaml"] if told or study else []))


def _config(given: Mapping[str, Any]) -> CorpusConfig | TextConfig:
    """A study's corpus with what the command line says instead; without a study the defaults with it."""
    from foretell.cli.options import study_from
    from foretell.errors import InputError

    study, said = given["study"], dict(given)
    for name in ("path", "valid_path", "test_path"):
        said[f"{name}s"] = [str(each.absolute()) for each in said.pop(name)] if said[name] else None
    if said["max_words"] is not None:
        said["max_words"] = {"null": None, "none": None}.get(said["max_words"], said["max_words"])
    known = {name: said[name] for name in _KEYS if said[name] is not None}
    if given["max_words"] is not None:
        known["max_words"] = said["max_words"]
    before = study_from(study)
    if known and before.task != "translation":
        raise InputError(
            f"{study} is a study of a {before.task}, whose text has none of these options; leave them out."
        )
    old = {} if study is None else before.corpus.model_dump(mode="json")
    found: CorpusConfig | TextConfig = study_from(study, corpus={**old, **known}).corpus
    return found


def _load(config: CorpusConfig | TextConfig) -> ParallelCorpus:
    from foretell.errors import InputError
    from foretell.tasks.translation import CorpusConfig, load_corpus

    if not isinstance(config, CorpusConfig):
        raise InputError("the text of a language model has no pairs to write; its files are as you gave them.")
    return load_corpus(config)


def _describe(config: CorpusConfig | TextConfig, as_json: bool, examples: int) -> None:
    from foretell.tasks.translation import SPLITS, CorpusConfig

    if not isinstance(config, CorpusConfig):
        _describe_text(config, as_json, examples)
        return
    corpus = _load(config)
    sizes = {split: len(corpus.split(split)) for split in SPLITS}
    if as_json:
        pairs = corpus.train[:examples]
        print_json({"sizes": sizes, "fingerprint": corpus.fingerprint, "provenance": corpus.provenance, "pairs": pairs})
        return
    languages = f"{corpus.source_language}-{corpus.target_language}"
    print_table(f"{config.name}, {languages}", ["split", "pairs"], [[k, f"{v:,}"] for k, v in sizes.items()])
    say(_cleaned(corpus))
    for text in corpus.shortfalls:
        say(text)
    for left, right in corpus.train[:examples]:
        say(f"{left}\n    {right}")


def _cleaned(corpus: ParallelCorpus) -> str:
    """How many pairs were found, and how many dropped for which reason."""
    cleaning, asked = corpus.provenance.get("cleaning", {}), corpus.provenance.get("config", {})
    dropped, most = cleaning.get("dropped", {}), cleaning.get("max_words")
    reasons = [
        f"{count:,} {reason}{f' (over {most} words)' if reason == 'too long' and most else ''}"
        for reason, count in dropped.items()
    ]
    found = cleaning.get("found", 0)
    own = bool(asked.get("valid_paths")) or asked.get("name") == "hub"  # only the training pairs were counted
    used = len(corpus.train) + (0 if own else len(corpus.valid) + len(corpus.test))
    rest = found - sum(dropped.values()) - used
    if rest > 0:
        limited = ", or more than were asked for" if asked.get("train_sentences") is not None else ""
        reasons.append(f"{rest:,} repeated or like one of another split{limited}")
    return f"{found:,} pairs found; dropped: {', '.join(reasons) or 'none'}."


def _describe_text(config: TextConfig, as_json: bool, examples: int) -> None:
    from foretell.tasks.language_model.task import read_texts
    from foretell.tasks.task import SPLITS

    splits = dict(zip(SPLITS, read_texts(config), strict=True))
    sizes = {name: sum(len(text.encode("utf-8", "replace")) for text in texts) for name, texts in splits.items()}
    shown = [text[:200] for text in splits["train"][:examples]]
    if as_json:
        counts = {name: len(texts) for name, texts in splits.items()}
        print_json({"bytes": sizes, "documents": counts, "examples": shown})
        return
    rows = [[name, f"{len(texts):,}", f"{sizes[name]:,}"] for name, texts in splits.items()]
    print_table(config.name, ["split", "documents", "bytes"], rows)
    for text in shown:
        say(text)


_KEYS = (
    "name",
    "source",
    "target",
    "paths",
    "valid_paths",
    "test_paths",
    "dataset",
    "subset",
    "min_words",
    "max_words",
    "train_sentences",
    "valid_sentences",
    "test_sentences",
    "seed",
)
"""What the command line may say of a corpus, as studies spell it."""
