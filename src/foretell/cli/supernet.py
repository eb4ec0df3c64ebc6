"""`foretell supernet`: train a weight-sharing network, score architectures with it, compare the kinds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from foretell.cli.options import ExecutorOption, SpaceOption, StudyOption, study_from
from foretell.cli.output import WIDE, JsonOption, figure, given_options, interval, next_step, print_json, print_table

if TYPE_CHECKING:
    from foretell.study import StudyConfig

__all__ = ["register"]

# What tells supernets apart: a command that is to find the one that another has trained needs the same.
_OF_TRAINING = ("study", "space", "updates", "sampler", "distillation", "experts", "router_width", "router_input")
_group = typer.Typer(no_args_is_help=True, help="Train a supernet and score architectures with it.")
_Kind = Annotated[
    Literal["spos", "sandwich", "layerwise-mos", "neuronwise-mos"] | None,
    typer.Option(
        "--kind",
        case_sensitive=False,
        help="spos (HAT), sandwich, or a mixture of supernets; the study's if not given.",
    ),
]
_Updates = Annotated[int | None, typer.Option("--updates", min=1, help="Optimiser steps.")]
_Sampler = Annotated[
    Literal["genes", "architectures"] | None,
    typer.Option(
        "--sampler", case_sensitive=False, help="Uniform over genes (so over depths, HAT's way), or over architectures."
    ),
]
_Distillation = Annotated[
    float | None, typer.Option("--distillation", min=0, max=1, help="Share of the largest network's word; not spos.")
]
_Experts = Annotated[int | None, typer.Option("--experts", help="Of a mixture, at least 2.")]
_Width = Annotated[int | None, typer.Option("--router-width", min=1, help="Hidden units of a mixture's routers.")]
_Input = Annotated[
    Literal["averages", "per-layer", "constant"] | None,
    typer.Option("--router-input", case_sensitive=False, help="What a mixture's routers read of an architecture."),
]


def register(app: typer.Typer) -> None:
    """Add the group to the command line."""
    app.add_typer(_group, name="supernet")


def _study(study: Path | None, space: str | None, updates: int | None, **options: Any) -> StudyConfig:
    changes = {f"supernet__{name}": value for name, value in options.items()}
    return study_from(study, space=space, supernet__recipe__updates=updates, **changes)


@_group.command("train")
def _train(
    context: typer.Context,
    study: StudyOption = None,
    space: SpaceOption = None,
    kind: _Kind = None,
    updates: _Updates = None,
    sampler: _Sampler = None,
    distillation: _Distillation = None,
    experts: _Experts = None,
    router_width: _Width = None,
    router_input: _Input = None,
    executor: ExecutorOption = None,
    processes: Annotated[
        int | None,
        typer.Option("--processes", min=1, help="On Ray: so many train it together, a GPU each if asked for."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Train the study's supernet; it is kept for all runs with the same settings, and resumes by itself.

    A published space brings its published recipe. Several processes, or GPUs, train it under `torchrun` or on Ray.

    Examples:
    `foretell supernet train --kind neuronwise-mos`

    `torchrun --nproc-per-node 8 -m foretell supernet train --study wmt14.yaml`

    `foretell supernet train --study wmt14.yaml --executor ray --processes 8`, which may be on several machines
    """
    from foretell.errors import InputError
    from foretell.study import train_study_supernet
    from foretell.training import is_first

    chosen = _study(
        study,
        space,
        updates,
        kind=kind,
        sampler=sampler,
        distillation=distillation,
        experts=experts,
        router_width=router_width,
        router_input=router_input,
    )
    where = chosen.executor.named(executor)
    if processes is not None:
        if where.name != "ray":
            raise InputError("--processes is of the executor ray; add --executor ray, or start them by torchrun.")
        where = where.model_copy(update={"supernet_processes": processes})
    folder, result = train_study_supernet(chosen.model_copy(update={"executor": where}))
    if not is_first():
        return
    if as_json:
        print_json({"folder": str(folder), "kind": chosen.supernet.kind, **result})
    else:
        typer.echo(f"validation loss {result['best_loss']:.3f} bits after {result['updates']:,} updates; {folder}")
        if study is not None:
            next_step("A search that it scores", "search", study)
        elif chosen.space == "small-seq2seq":
            given = given_options(context, "kind", *_OF_TRAINING)
            next_step("What it says of trained architectures", "supernet", "score", "reference:en-de", *given)


@_group.command("score")
def _score(
    architectures: Annotated[Path, typer.Argument(help="An architecture YAML, or JSON lines of architectures.")],
    study: StudyOption = None,
    space: SpaceOption = None,
    kind: _Kind = None,
    updates: _Updates = None,
    sampler: _Sampler = None,
    distillation: _Distillation = None,
    experts: _Experts = None,
    router_width: _Width = None,
    router_input: _Input = None,
    as_json: JsonOption = False,
) -> None:
    """Score architectures by minus the supernet's validation loss (bits a token; higher is better).

    The supernet is the one that `foretell supernet train` keeps under the same options.

    Example: `foretell supernet score architectures.jsonl --kind neuronwise-mos --json`
    """
    from foretell.study import score_with_supernet

    chosen = _study(
        study,
        space,
        updates,
        kind=kind,
        sampler=sampler,
        distillation=distillation,
        experts=experts,
        router_width=router_width,
        router_input=router_input,
    )
    found = score_with_supernet(chosen, architectures)
    if as_json:
        print_json({"scores": [{"architecture": a.to_dict(), "score": score} for a, score in found]})
    else:
        print_table("Supernet scores", ["architecture", "score"], [[a.key, f"{score:.4f}"] for a, score in found])
        best = max(found, key=lambda pair: pair[1])[0].key
        given = [*(["--study", study] if study else []), *(["--space", space] if space else [])]
        next_step("The best of them is trained by", "train", f"{architectures}:{best}", *given)


@_group.command("compare")
def _compare(
    context: typer.Context,
    observations: Annotated[
        str,
        typer.Option("--observations", help="Architectures trained from scratch: a file, a folder, reference:NAME."),
    ] = "reference:en-de",
    kinds: Annotated[
        str, typer.Option("--kinds", help="Which, comma-separated.")
    ] = "spos,sandwich,layerwise-mos,neuronwise-mos",
    metric: Annotated[str | None, typer.Option("--metric", help="What is foretold.")] = None,
    demonstrations: Annotated[
        int | None, typer.Option("--demonstrations", min=3, help="Labels of a calibration; 10, or half of all.")
    ] = None,
    divisions: Annotated[int, typer.Option("--divisions", min=1, help="Random divisions of the observations.")] = 20,
    translate: Annotated[
        bool, typer.Option("--translate", help="Also translate with inherited weights: the raw error in BLEU.")
    ] = False,
    study: StudyOption = None,
    space: SpaceOption = None,
    updates: _Updates = None,
    sampler: _Sampler = None,
    distillation: _Distillation = None,
    experts: _Experts = None,
    router_width: _Width = None,
    router_input: _Input = None,
    as_json: JsonOption = False,
) -> None:
    """Train the kinds of supernet with equal budgets, and judge what they say of observed architectures.

    Raw figures are over all architectures; calibrated ones learn a line from some labels and are judged on the
    others. Supernets that were trained before under the same settings are not trained again.

    Example: `foretell supernet compare --updates 1500`
    """
    from foretell.errors import known_name
    from foretell.observations import load
    from foretell.study import compare_supernets
    from foretell.training import KINDS

    asked = [name.strip() for name in kinds.split(",") if name.strip()]
    names = list(dict.fromkeys(known_name("supernet kind", name, KINDS, "--kinds") for name in asked)) or list(KINDS)
    chosen = _study(
        study,
        space,
        updates,
        sampler=sampler,
        distillation=distillation,
        experts=experts,
        router_width=router_width,
        router_input=router_input,
    )
    result = compare_supernets(
        chosen,
        load(observations),
        names,
        metric=metric,
        demonstrations=demonstrations,
        divisions=divisions,
        translate=translate,
    )
    if as_json:
        print_json(result)
    else:
        _print(result)
        best = max(result["rows"], key=lambda row: -1.0 if row["raw"]["tau"] is None else row["raw"]["tau"])["kind"]
        given = ["--kind", best, *given_options(context, *_OF_TRAINING)]
        next_step(f"{best} orders them best; it scores others by", "supernet", "score", observations, *given)


def _print(result: dict[str, Any]) -> None:
    """Errors: "bits" of inherited losses, "raw" of translations, "MAE" of calibrated scores; "depth" is tau in it."""
    told = result["protocol"]
    title = (
        f"{told['architectures']} architectures, {told['metric']}; calibrated on {told['demonstrations']} labels, "
        f"{told['divisions']} divisions"
    )
    inherited = f"inherited_{told['metric']}"
    translated = all(inherited in row["raw"] for row in result["rows"])
    header = ["predictor", "min", "GB", "M", "bits", *(["raw"] if translated else [])]
    rows = []
    for row in result["rows"]:
        memory = row["peak_memory_mb"]
        costs = [
            f"{row['training_seconds'] / 60:.1f}",
            figure(memory and memory / 1000, 1),
            f"{row['parameters'] / 1e6:.2f}",
        ]
        wrong = [row["raw"]["mae_bits"], *([row["raw"][inherited]["mae"]] if translated else [])]
        errors = [figure(value, 2) for value in wrong]
        rows.append([row["kind"], *costs, *errors, *_judged(row)])
    blank = ["-"] * (len(header) - 1)
    rows += [[row["predictor"], *blank, *_judged(row)] for row in result["trivial"]]
    print_table(title, [*header, "tau", "95 %", "depth", "MAE", "95 %"], rows)


def _judged(row: dict[str, Any]) -> list[str]:
    raw, calibrated = row["raw"], row["calibrated"]
    order = [figure(raw["tau"], 2), interval(raw["tau_ci"]), figure(raw["tau_in_depth"], 2)]
    wrong = calibrated["mae"]
    return [*order, figure(wrong, 1 if wrong is not None and wrong >= WIDE else 2), interval(calibrated["mae_ci"])]
