"""`foretell train` and `foretell translate`: networks trained from scratch, and what they say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import typer

from foretell.cli.network import next_of_network
from foretell.cli.options import OutOption, ResumeOption, SpaceOption, StudyOption, study_from
from foretell.cli.output import JsonOption, next_step, plain, print_json
from foretell.metrics import REPORTED

__all__ = ["register"]

_JUDGED, _SHOWN = 5, 10
"""Labels from which on predictors can be judged at all; those that `foretell evaluate` shows them by default."""


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command("train")(_train)
    app.command("translate")(_translate)


def _train(
    architecture: Annotated[
        str | None,
        typer.Argument(
            metavar="ARCHITECTURE.yaml", help="Gene names and values; FILE:KEY of several; a run: its winner."
        ),
    ] = None,
    observe: Annotated[
        int | None, typer.Option("--observe", min=1, help="Instead of one: pick so many architectures and train each.")
    ] = None,
    repeat: Annotated[
        str, typer.Option("--repeat", metavar="OBSERVATIONS[:KEY]", help="Instead: train what is on record again.")
    ] = "",
    design: Annotated[
        Literal["d-optimal", "maximin", "random"] | None,
        typer.Option(
            "--design",
            case_sensitive=False,
            help="With --observe: d-optimal (default), maximin, or random (to judge predictors on).",
        ),
    ] = None,
    noise: Annotated[
        int | None,
        typer.Option("--noise", min=0, help="With --observe: train so many of them twice more, other seeds."),
    ] = None,
    draw: Annotated[
        int | None, typer.Option("--draw", min=0, help="With --observe: seed of the choice; else that of training.")
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option("--without", metavar="OBSERVATIONS", help="With --design random: draw none that stands there."),
    ] = None,
    inherit: Annotated[
        Path | None, typer.Option("--inherit", metavar="CHECKPOINT", help="With one: start from a supernet's weights.")
    ] = None,
    study: StudyOption = None,
    space: SpaceOption = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Of weights, data order and dropout.")] = None,
    out: OutOption = None,
    resume: ResumeOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train an architecture from scratch, label several of them, or check a published label.

    Corpus, recipe and space are those of the study. One architecture leaves its weights, its vocabulary and
    `observation.json` in the folder; several leave `observations.jsonl`, one line each as they finish. What
    was trained before under the same settings is not trained again, except with --repeat, which shows what
    the same training gives now beside what is on record.

    Examples:
    `foretell train architecture.yaml --out runs/mine`

    `foretell train architecture.yaml --inherit ~/.cache/foretell/supernets/a0cfdc68db5fadff`

    `foretell train proposals.jsonl:1d38f2282a8e`

    `foretell train --observe 10 --out runs/labels --resume`

    `foretell train --repeat reference:en-de:1d38f2282a8e`
    """
    from foretell.errors import InputError
    from foretell.observations import load
    from foretell.study import train_observations, train_one
    from foretell.study.architectures import parted_key

    if sum([architecture is not None, observe is not None, bool(repeat)]) != 1:
        raise InputError("give either an architecture file or --observe N or --repeat OBSERVATIONS, and only one.")
    if inherit is not None and architecture is None:
        raise InputError("--inherit starts one architecture from a supernet's weights; give its file, too.")
    if observe is None and any(each is not None for each in (design, noise, draw, without)):
        raise InputError(
            "--design, --noise, --draw and --without say what --observe N trains; leave them out without it."
        )
    if without and design != "random":
        raise InputError("--without leaves architectures out of random draws; add --design random.")
    if repeat and seed is not None:
        raise InputError("--repeat trains with the seeds on record; leave --seed out.")
    if repeat:
        _repeat(repeat, study, out, resume, as_json)
        return
    chosen = study_from(study, space=space, train__seed=seed)
    folder = out or Path("runs/observations")
    if observe is not None:
        found = train_observations(
            chosen,
            observe,
            folder,
            design=design or "d-optimal",
            noise=noise or 0,
            draw=draw,
            without=[item for source in without or () for item in load(source).observations],
            resume=resume,
        )
    else:
        assert architecture is not None  # noqa: S101 - the exclusive choice above, for the type checker
        folder = out or Path("runs") / (parted_key(architecture)[1] or Path(architecture).stem)
        found = [train_one(chosen, architecture, folder, resume=resume, inherit=inherit)]
    if as_json:
        print_json({"observations": [item.to_dict() for item in found]})
        return
    for item in found:
        judged = map(chosen.metric, [*_reported(item.metrics), *(f"valid_{name}" for name in chosen.metrics)])
        typer.echo(
            f"{item.architecture.key}  "
            + "".join(f"{metric.label} {metric.format(item.metrics[metric.key])}  " for metric in judged)
            + f"valid loss {item.metrics['valid_loss']:.3f} bits"
        )
    if observe is not None:
        _next_of_labels(folder, len({item.architecture for item in found}))
    else:
        next_of_network(chosen.task, folder)


def _next_of_labels(folder: Path, labels: int) -> None:
    """What predictors are worth on so many labels, once there are enough to judge any."""
    if labels < _JUDGED:
        next_step("What they say of others", "predict", "--observations", folder, "--architectures", folder)
        return
    shown = min(_SHOWN, labels - 2)
    given = ["--demonstrations", shown] if shown < _SHOWN else []
    next_step("Which predictor to trust with them", "evaluate", "--observations", folder, *given)


def _reported(metrics: Mapping[str, float]) -> list[str]:
    """What is said of a trained network: the first metric of both splits, the loss apart."""
    if all(name in metrics for name in REPORTED):
        return list(REPORTED)
    return [name for name in metrics if name.endswith("bits_per_byte")] or [
        name for name in metrics if name.endswith("accuracy")
    ]


def _repeat(text: str, study: Path | None, out: Path | None, resume: bool, as_json: bool) -> None:
    """Records trained again: the number then, the number now, and how far apart seeds alone put them."""
    from foretell.observations import load
    from foretell.study import load_study, repeat_observations, split_source

    source, key, shipped = split_source(text)
    records = load(source).observations
    folder = out or Path("runs") / f"repeat-{key or 'all'}"
    found = repeat_observations(load_study(study or shipped), records, key, folder, resume=resume)
    if as_json:
        rows = [
            {
                "key": each.stored.architecture.key,
                "seed": each.stored.provenance["seed"],
                "metric": each.metric,
                "stored": each.stored.metric(each.metric),
                "again": each.again.metric(each.metric),
                "noise": each.noise,
                "within_three_deviations": each.agrees,
            }
            for each in found
        ]
        print_json({"repeated": rows})
        return
    for each in found:
        typer.echo(f"{each.stored.architecture.key}  {each}")
    next_step("What the labels there are worth", "observations", "show", source)


def _translate(
    run: Annotated[Path, typer.Argument(help="A run of `foretell search`, or a folder of `foretell train`.")],
    texts: Annotated[list[str] | None, typer.Argument(metavar="TEXT", help="What to translate.")] = None,
    beam: Annotated[
        int | None, typer.Option("--beam", min=1, help="Hypotheses kept; 1 is greedy. Without it, the study's.")
    ] = None,
    length_penalty: Annotated[
        float | None,
        typer.Option("--length-penalty", min=0, help="Exponent of the length. Without it, the study's."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Translate sentences with a trained network; without texts, the lines of standard input.

    The beam search is the one that gave the network's scores, unless options say otherwise.

    Example: `foretell translate runs/home-assistant-en-de "No devices found on the network"`
    """
    import sys

    from foretell.errors import InputError
    from foretell.study import translate_texts

    try:
        sources = texts or [line.rstrip("\n") for line in sys.stdin]
    except UnicodeDecodeError as error:
        raise InputError("standard input is not UTF-8 text; convert it to UTF-8.") from error
    found = translate_texts(run, sources, beam=beam, length_penalty=length_penalty)
    if as_json:
        print_json({"translations": found})
    else:
        for line in found:
            typer.echo(plain(line))
