"""How much each search loses against the best there is, judged by all reference labels; CSV on stdout.

Run: .venv/bin/python benchmarks/regret.py [--seeds 20] [--observations reference:en-de] [--only llm | --without llm]

The judge is the default regression fitted to every label of the reference benchmark, on the test split: it stands
for the truth where nothing was trained. A search's regret is the judge's best under the limit minus the judge's
opinion of what the search returned, in BLEU. Searches that learn from labels see ten of them, drawn anew for each
seed, on the validation split.

The supernet's part is played by a student of its scores (3,000 architectures, the error is printed), as the tabular
benchmarks do: twenty seeds of every search would otherwise cost hours.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from foretell import spaces
from foretell.costs import Constraints, CostModel
from foretell.evaluation.splits import first
from foretell.observations import Observation, load
from foretell.predictors import Context, create
from foretell.predictors.base import Predictor
from foretell.predictors.distilled import Distilled
from foretell.search import Evolution, Schedule, Scorer, evolve, open_journal, search_by_schedule
from foretell.spaces import Population
from foretell.study import load_study, split_source, train_study_supernet
from foretell.study.limits import resolve_limits
from foretell.study.scorers import supernet_predictor
from foretell.tasks.translation import Task, cache_folder

SAMPLE = 3000
LABELS = 10
LLM = "calibrated:llm(model=local:gemma-3-270m, demonstrations=10, orders=2)"
ASKED, LLM_SEEDS = 60, 5
"""Architectures that the language model labels for each seed, and seeds: it is slower than all else here together."""


@dataclass(frozen=True, eq=False)
class Setting:
    """What all searches share."""

    costs: CostModel
    limits: Constraints
    supernet: Distilled
    records: Sequence[Observation]
    judge: Predictor

    def opinion(self, rows: Population) -> npt.NDArray[np.float64]:
        """The judge's BLEU of some rows, `[n]`."""
        return self.judge.predict(rows).mean


def distilled(teacher: Predictor, context: Context, sample: Population, seed: int) -> Predictor:
    """A student of the teacher's opinions of a sample; a teacher that thinks the same of all has none."""
    assert context.space is not None
    values = teacher.predict(sample).mean
    if np.ptp(values) == 0:
        return teacher
    labels = [
        Observation(a, {context.metric: float(value)})
        for a, value in zip(context.space.architectures(sample), values, strict=True)
    ]
    return Distilled(Context(space=context.space, metric=context.metric, seed=seed)).fit(labels)


def prepare(source: str, limit: str) -> tuple[Setting, float]:
    """The judge, the limit and the supernet's student; its mean error in standard deviations of the scores."""
    study = load_study(split_source(source)[2])
    space = spaces.create(study.space)
    task = Task.prepare(study.corpus, study.vocabulary)
    costs = CostModel(space, vocabulary=len(task.vocabulary))
    records = load(source).observations
    context = Context(space=space, metric="test_bleu", vocabulary=len(task.vocabulary))
    judge = create("regression", context=context).fit(records)

    train_study_supernet(study)
    supernet, key = supernet_predictor(study, space, task)
    sample = space.canonical(space.sample(SAMPLE, np.random.default_rng(0)))
    # Scores are kept as they come: a second run, or one that was interrupted, computes none twice.
    with open_journal(cache_folder() / "benchmarks" / f"regret-{key}.jsonl", space) as journal:
        scores = Scorer(supernet, key, journal).scores(sample)
    labels = [
        Observation(a, {"valid_loss": float(s)}) for a, s in zip(space.architectures(sample), scores, strict=True)
    ]
    cut = len(labels) * 9 // 10
    student = Distilled(Context(space=space, metric="valid_loss", seed=0)).fit(labels[:cut])
    error = np.abs(student.predict(sample[cut:]).mean - scores[cut:]).mean() / scores.std()
    return Setting(costs, resolve_limits((limit,), costs), student, records, judge), float(error)


@cache
def student_of(name: str, setting: Setting, seed: int) -> Predictor:
    """The distilled predictor of a teacher that learnt from ten labels drawn for this seed."""
    space = setting.costs.space
    rng = np.random.default_rng(seed)
    context = Context(space=space, metric="valid_bleu", seed=seed)
    order = rng.permutation(len(setting.records))
    chosen = first([setting.records[i] for i in order], LABELS)
    teacher = create(name, context=context).fit(chosen)
    sample = space.canonical(space.sample(ASKED if name == LLM else SAMPLE, rng))
    return distilled(teacher, context, sample, seed)


def hybrid(teacher: str, schedule: str) -> Callable[[Setting, int], Population]:
    """HAT, HS-NAS and everything between: a schedule over the student and the supernet."""

    def search(setting: Setting, seed: int) -> Population:
        scorers = {"supernet": Scorer(setting.supernet, "supernet")}
        if teacher:
            scorers["distilled"] = Scorer(student_of(teacher, setting, seed), "distilled")
        found = evolve(setting.costs, setting.limits, Schedule.parse(schedule), scorers, Evolution(), seed=seed)
        return found.finalists[:1]

    return search


def ageing(setting: Setting, seed: int) -> Population:
    """Regularised evolution on the supernet, as many iterations as HAT."""
    scorers = {"supernet": Scorer(setting.supernet, "supernet")}
    schedule = Schedule.parse("supernet:1-30")
    found = search_by_schedule(setting.costs, setting.limits, schedule, scorers, algorithm="regularised", seed=seed)
    return found.finalists[:1]


def draws(score: Callable[[Setting, int], Predictor | None], n: int) -> Callable[[Setting, int], Population]:
    """The best of `n` random architectures that keep the limit; without a predictor, a random one."""

    def search(setting: Setting, seed: int) -> Population:
        rng = np.random.default_rng([seed, 1])
        rows = setting.costs.space.sample(8 * n + 64, rng)
        rows = rows[setting.limits.satisfied(setting.costs, rows)][:n]
        predictor = score(setting, seed)
        if predictor is None:
            return rows[:1]
        return rows[np.argmax(predictor.predict(rows).mean)][None]

    return search


SEARCHES: dict[str, tuple[int, Callable[[Setting, int], Population]]] = {
    "a random architecture": (0, draws(lambda setting, seed: None, 1)),
    "random search, supernet, 700": (0, draws(lambda setting, seed: setting.supernet, 700)),
    "regularised evolution, supernet": (0, ageing),
    "HAT: supernet:1-30": (0, hybrid("", "supernet:1-30")),
    "random search, regression, 700": (
        LABELS,
        draws(lambda setting, seed: student_of("regression", setting, seed), 700),
    ),
    "HS-NAS, teacher flops": (LABELS, hybrid("flops", "distilled:1-15,supernet:16-30")),
    "HS-NAS, teacher regression": (LABELS, hybrid("regression", "distilled:1-15,supernet:16-30")),
    "HS-NAS, teacher auto": (LABELS, hybrid("auto", "distilled:1-15,supernet:16-30")),
    "distilled:1-30, teacher flops": (LABELS, hybrid("flops", "distilled:1-30")),
    "distilled:1-30, teacher regression": (LABELS, hybrid("regression", "distilled:1-30")),
    "distilled:1-30, teacher auto": (LABELS, hybrid("auto", "distilled:1-30")),
    "HS-NAS, teacher llm (gemma-3-270m)": (LABELS, hybrid(LLM, "distilled:1-15,supernet:16-30")),
    "distilled:1-30, teacher llm (gemma-3-270m)": (LABELS, hybrid(LLM, "distilled:1-30")),
}


def best(setting: Setting) -> float:
    """The judge's best under the limit: a search that may ask the judge itself, three times."""
    scorers = {"judge": Scorer(setting.judge, "judge")}
    schedule = Schedule.parse("judge:1-30")
    found = [
        evolve(setting.costs, setting.limits, schedule, scorers, Evolution(), seed=seed).finalists[:1]
        for seed in range(3)
    ]
    return float(setting.opinion(np.concatenate(found)).max())


def main() -> None:
    """Print one row a search: median, mean and quartiles of its regret."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--observations", default="reference:en-de")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--limit", default="flops<=50%")
    parser.add_argument("--only", metavar="TEXT", default="", help="searches with this in their name, such as llm")
    parser.add_argument("--without", metavar="TEXT", help="searches without this in their name")
    options = parser.parse_args()
    setting, error = prepare(options.observations, options.limit)
    top = best(setting)
    print(f"# .venv/bin/python {Path(sys.argv[0]).as_posix()} {' '.join(sys.argv[1:])}".rstrip())
    print(f"# judge: regression on {len(setting.records)} trainings of {options.observations}, test_bleu")
    print(f"# best that keeps {setting.limits}: {top:.2f}")
    print(f"# the supernet's student errs by {error:.3f} standard deviations of the scores")
    table = csv.writer(sys.stdout, lineterminator="\n")
    table.writerow(["search", "labels", "seeds", "regret_median", "regret_mean", "regret_q25", "regret_q75"])
    for name, (labels, search) in SEARCHES.items():
        if options.only not in name or (options.without and options.without in name):
            continue
        seeds = min(options.seeds, LLM_SEEDS) if "llm" in name else options.seeds
        found = np.array([top - setting.opinion(search(setting, seed))[0] for seed in range(seeds)])
        low, middle, high = np.quantile(found, [0.25, 0.5, 0.75])
        values = [f"{value:.3f}" for value in (middle, found.mean(), low, high)]
        table.writerow([name, labels, seeds, *values])
        sys.stdout.flush()


if __name__ == "__main__":
    main()
