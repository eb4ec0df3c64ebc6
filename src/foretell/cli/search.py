"""`foretell search`: the main job."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foretell.cli.network import next_of_comparison, next_of_network, next_of_trials
from foretell.cli.options import ExecutorOption, OutOption, ResumeOption, SpaceOption, StudyArgument, study_from
from foretell.cli.output import JsonOption, print_json, say
from foretell.cli.report import draw_page
from foretell.errors import InputError

if TYPE_CHECKING:
    from foretell.study import StudyConfig, TrialStudyConfig

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("search")(_search)


def _search(
    study: StudyArgument = None,
    space: SpaceOption = None,
    constraint: Annotated[
        list[str] | None,
        typer.Option(
            "--constraint", "-c", help='A limit such as "latency<=20ms" or "params<=0.4M"; may be given several times.'
        ),
    ] = None,
    alternative: Annotated[
        list[str] | None,
        typer.Option("--alternative", help='Further limits, "latency<=5ms, params<=60%"; several: a winner for each.'),
    ] = None,
    schedule: Annotated[
        str | None, typer.Option("--schedule", help='Which predictor scores which iterations: "supernet:1-30".')
    ] = None,
    algorithm: Annotated[
        str | None,
        typer.Option(
            "--algorithm",
            help="evolution, random, regularised, nsga2, predictor, tpe, gp, cmaes, bohb, asha, llm or genius.",
        ),
    ] = None,
    llm: Annotated[
        str | None, typer.Option("--llm", help="The language model that proposes: local:NAME, openai:MODEL, URL#MODEL.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Seed of the search.")] = None,
    initial: Annotated[
        str | None,
        typer.Option("--initial", help="Architectures to begin with: YAML, JSON lines, or a run: its winner."),
    ] = None,
    trials: Annotated[
        int | None, typer.Option("--trials", min=0, help="For a study with an objective: how many to train.")
    ] = None,
    race: Annotated[
        int | None,
        typer.Option(
            "--race", min=2, help="Let so many architectures race before one is chosen (search: {race: ...})."
        ),
    ] = None,
    compare: Annotated[
        str | None,
        typer.Option("--compare", help="Instead of one search: presets such as hat-as-published,hat,hs-nas."),
    ] = None,
    seeds: Annotated[str | None, typer.Option("--seeds", help="With --compare: search seeds such as 1,2,3.")] = None,
    train: Annotated[bool, typer.Option("--train", help="With --compare: also train each winner.")] = False,
    seconds: Annotated[
        float | None,
        typer.Option("--seconds", min=1, help="With --compare --train: so many seconds for each method."),
    ] = None,
    executor: ExecutorOption = None,
    out: OutOption = None,
    resume: ResumeOption = False,
    as_json: JsonOption = False,
) -> None:
    """Find the best architecture that keeps the limits, train it and measure it.

    Without a study file this is the whole job on Home Assistant's English-German texts: five to ten minutes on
    two CPU cores. `experience` chooses eight architectures and their trainings decide. What is finished is kept:
    after an interruption the same command with `--resume` goes on.

    Examples:
    `foretell search`

    `foretell search --constraint "latency<=8ms" --constraint "params<=0.3M" --out runs/small`

    `foretell search study.yaml --resume --json`

    `foretell search --compare hat-as-published,hat,hs-nas --out runs/compare`

    `foretell search --compare race,hs-nas,asha --train --seconds 300`, against simple rules in equal time

    `foretell search --compare hs-nas,llm,genius --llm local:gemma-3-270m`, where a language model proposes

    `foretell search --race 24`, where more of them race

    `foretell search --schedule distilled:1-15,supernet:16-30`, the paper's HS-NAS; HAT is `supernet:1-30`

    `foretell search study.yaml --executor ray`, whose trainings run on a cluster

    `foretell search examples/char-lm/study.yaml`, where the study's objective is a program of your own

    Presets: hat-as-published, hat, hat-15, hat-distinct, distilled-hat, hs-nas, llm, genius, and hs-nas-A-B for any
    window of iterations that the distilled predictor scores.
    """
    from foretell.cli.alternatives import parse_alternatives, search_alternatives
    from foretell.cli.results import print_comparison, print_result
    from foretell.study import TrialStudyConfig, read_study, run_comparison, run_study

    chosen_study = read_study(study) if study is not None else None
    if isinstance(chosen_study, TrialStudyConfig):
        chosen_study = chosen_study.model_copy(update={"executor": chosen_study.executor.named(executor)})
        choices: dict[str, object] = {"seed": seed, "trials": trials, "algorithm": algorithm, "initial": initial}
        if llm is not None:
            before = chosen_study.search.propose
            choices["propose"] = {**({} if before is None else before.model_dump()), "llm": llm}
        given: dict[str, object] = {"--space": space, "--schedule": schedule, "--compare": compare, "--seeds": seeds}
        given |= {"--seconds": seconds, "--alternative": alternative or None}
        _search_by_trials(
            chosen_study,
            constraint,
            choices,
            race,
            out,
            resume,
            as_json,
            given,
        )
        return
    if trials is not None:
        raise InputError("--trials counts the trainings of an objective; this study has none: leave it out.")
    chosen = study_from(
        study,
        space=space,
        constraints=constraint or None,
        alternatives=parse_alternatives(alternative),
        search__schedule=schedule,
        search__seed=seed,
        search__initial=initial,
        search__algorithm=algorithm,
        search__propose__llm=llm,
        search__race__entrants=race,
    )
    chosen = chosen.model_copy(update={"executor": chosen.executor.named(executor)})
    if compare is not None:
        if chosen.alternatives:
            raise InputError("a comparison is made under one limit; leave the alternatives out.")
        names = [name.strip().lower().replace("_", "-") for name in compare.split(",") if name.strip()]
        if seconds is not None:
            found = _compare_in_equal_time(chosen, names, seconds, _integers(seeds), out, train, resume, as_json)
        else:
            result = run_comparison(chosen, names, out, seeds=_integers(seeds), train=train, resume=resume)
            print_json(result) if as_json else print_comparison(result)
            best = min(result["rows"], key=lambda row: row["rank"])
            folder = out or Path("runs") / f"{chosen.name}-compare"
            found = folder / "compare" / f"{best['preset']}-{best['seed']}.json"
        if not as_json:
            next_of_comparison(found, study, space)
        return
    if chosen.alternatives:
        if not search_alternatives(chosen, out, resume=resume, as_json=as_json):
            raise typer.Exit(3)
        return
    result = run_study(chosen, out, resume=resume)
    folder = out or Path("runs") / chosen.name
    page = draw_page(folder)  # before anything is printed: whoever reads may stop early
    if as_json:
        print_json(result)
    else:
        print_result(result)
    if page is not None and not as_json:
        say(f"\nThe page of this run: {page}")
    if not as_json:
        next_of_network(chosen.task, folder)
    if not result["constraint_met"]:
        raise typer.Exit(3)


def _search_by_trials(
    study: TrialStudyConfig,
    constraint: list[str] | None,
    choices: Mapping[str, object],
    race: int | None,
    out: Path | None,
    resume: bool,
    as_json: bool,
    others: Mapping[str, object],
) -> None:
    """A study whose labels come from the user's own program or table."""
    from foretell.cli.results import print_trials
    from foretell.study import run_trials
    from foretell.study.trial_config import trial_study_from

    for option, value in others.items():
        if value is not None:
            raise InputError(f"{option} means nothing for {study.name}, whose objective is the user's; leave it out.")
    search = {**study.search.model_dump(), **_given(**choices)}
    if race is not None:
        search["race"] = {**(search.get("race") or {}), "entrants": race}
    changed = {**study.model_dump(), **_given(constraints=constraint or None), "search": search}
    chosen = trial_study_from(changed, study.name)
    result = run_trials(chosen, out, resume=resume)
    folder = out or Path("runs") / chosen.name
    page = draw_page(folder)
    print_json(result) if as_json else print_trials(result)
    if page is not None and not as_json:
        say(f"\nThe page of this run: {page}")
    if not as_json:
        next_of_trials(folder)


def _compare_in_equal_time(
    study: StudyConfig,
    names: list[str],
    seconds: float,
    seeds: tuple[int, ...],
    out: Path | None,
    train: bool,
    resume: bool,
    as_json: bool,
) -> Path:
    """Methods with the same seconds; their winners trained anew. The file of the best."""
    from foretell.cli.equal_time import print_equal_time
    from foretell.study.equal_time import run_equal_time

    if not train:
        raise InputError("--seconds compares winners that are trained; add --train.")
    result = run_equal_time(study, names, out, seconds=seconds, seeds=seeds, resume=resume)
    print_json(result) if as_json else print_equal_time(result)
    best = result["rows"][0]
    folder = out or Path("runs") / f"{study.name}-equal"
    return folder / "equal-time" / f"{best['method']}-{best['seed']}.json"


def _given(**values: object) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}


def _integers(text: str | None) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in (text or "").split(",") if part.strip())
    except ValueError:
        raise InputError(f"the seeds {text!r} cannot be read; give whole numbers such as 1,2,3.") from None
