"""The race itself: who goes on, what is trained, and what a killed one repeats."""

import json
import warnings

import numpy as np
import pytest
from pydantic import ValidationError

from foretell.costs import Constraints, CostModel
from foretell.errors import ForetellError, InputError, IntegrityError
from foretell.metrics import Metric
from foretell.objectives import Completed, Fidelities, FunctionObjective, Handle, InlineExecutor, Job
from foretell.search.entrants import candidates_under, draw_entrants
from foretell.search.race import run_race, warn_of_cost
from foretell.search.race_settings import Race
from foretell.search.rung_model import Belief
from foretell.search.runner import ObjectiveRunner
from foretell.spaces import SearchSpace

SPACE = SearchSpace({"layers": [1, 2, 3, 4, 5, 6], "width": [8, 16, 32, 64], "mixer": ["attention", "gru"]})
TARGET = Metric.declare("val_loss", higher_is_better=False)
UPDATES = Fidelities(unit="updates", full=800, continued=True)


def quality(architecture):
    return 5 - np.log(architecture["layers"] * architecture["width"]) + (architecture["mixer"] == "gru")


def loss(architecture, fidelity):
    """Falls with training, for all alike but for a little of their own."""
    own = 0.3 * np.sin(7 * architecture["layers"] + architecture["width"])
    return quality(architecture) + (1 + own) * 400 / (fidelity + 100)


class Trainer:
    """Remembers every training that it was asked for."""

    def __init__(self, function=loss, fidelities=UPDATES):
        self.asked = []

        def train(architecture, fidelity):
            self.asked.append((architecture.key, fidelity))
            return function(architecture, fidelity)

        self.objective = FunctionObjective(train, ("val_loss",), fidelities=fidelities)


TWELVE = Race(entrants=12, finishers=2)
"""Enough of them for every rung to have several."""


def entrants(count=12, seed=0):
    def draw():
        rng = np.random.default_rng(seed)
        return draw_entrants(SPACE, candidates_under(CostModel(SPACE), Constraints(), None, rng), count, rng)

    return draw


def race(folder, trainer=None, settings=None, executor=None, draw=None, **more):
    trainer, settings = trainer or Trainer(), settings or TWELVE
    runner = ObjectiveRunner(trainer.objective, 1, folder / "labels")
    with executor or InlineExecutor() as running:
        return run_race(
            settings, SPACE, TARGET, runner, running, folder / "race.jsonl", draw or entrants(settings.entrants), **more
        )


class Uneven(InlineExecutor):
    """Several workers whose jobs take as long as is said, by a clock of its own; says how often one idled."""

    def __init__(self, slots, seconds):
        super().__init__()
        self.slots, self.seconds, self.now, self.idle = slots, seconds, 0.0, 0.0
        self.running = []

    def submit(self, job):
        handle = Handle(self._submitted, job)
        self._submitted += 1
        self.running.append((self.now + self.seconds(job), handle.number, handle))
        return handle

    def completed(self):
        while self.running:
            end, _, handle = min(self.running)
            self.running.remove(min(self.running))
            self.idle += (self.slots - len(self.running) - 1) * (end - self.now)
            self.now = end
            yield Completed(handle, handle.job.function(**handle.job.arguments))


def test_the_better_part_goes_on_and_nothing_is_trained_twice(tmp_path):
    trainer = Trainer()
    found = race(tmp_path, trainer)
    assert [rung.trained for rung in found.rungs] == [rung.places for rung in found.rungs] == [12, 7, 4, 2]
    assert len(trainer.asked) == len(set(trainer.asked)) == 25
    assert [amount for _, amount in trainer.asked] == sorted(amount for _, amount in trainer.asked)
    assert {amount for _, amount in trainer.asked} == {100, 200, 400, 800}
    last = [each.metric("val_loss") for each in (found.seen[e][3] for e in found.finishers)]
    assert found.best.metric("val_loss") == min(last)
    assert found.best.fidelity == 1


def test_what_is_to_be_done_beside_fills_the_worker_that_would_idle_and_changes_nothing(tmp_path):
    def seconds(job):
        return 3.0 if job.title == "beside" else 8.0 if "100" in job.title else 1.0

    done = []
    beside = [Job("beside", lambda number: done.append(number), {"number": number}) for number in range(2)]
    alone = Uneven(2, lambda job: seconds(job) if job.title != "entrant 1, 100%" else 2.0)
    with_others = Uneven(2, alone.seconds)
    (tmp_path / "alone").mkdir()
    (tmp_path / "with").mkdir()
    found = race(tmp_path / "alone", executor=alone)
    again = race(tmp_path / "with", executor=with_others, beside=beside)
    assert sorted(done) == [0, 1]
    assert len(beside) == 2  # the caller's list is its own
    assert again.winner == found.winner
    assert [rung.trained for rung in again.rungs] == [rung.trained for rung in found.rungs]


def test_the_winner_is_nearly_always_the_best_that_raced_and_the_race_knows_how_sure_that_is(tmp_path):
    right, chances = [], []
    for seed in range(12):
        found = race(tmp_path / str(seed), draw=entrants(seed=seed))
        truth = [quality(each) for each in SPACE.architectures(found.entrants.rows)]
        right.append(int(np.argmin(truth)) == found.winner)
        chances.append(found.probability)
        assert found.chances.sum() == pytest.approx(1)
        assert found.chances.argmax() == found.winner
    assert np.mean(right) >= 0.75
    assert 0.4 < np.mean(chances) < 1


def test_a_race_cut_off_after_any_line_ends_as_the_whole_one_and_trains_nothing_again(tmp_path):
    whole = race(tmp_path / "whole")
    lines = (tmp_path / "whole" / "race.jsonl").read_text().splitlines(keepends=True)
    for kept in range(0, len(lines), 5):
        folder = tmp_path / str(kept)
        folder.mkdir()
        (folder / "race.jsonl").write_text("".join(lines[:kept]) + (lines[kept][:20] if kept % 2 else ""))
        trainer = Trainer()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            again = race(folder, trainer)
        assert without_seconds(again) == without_seconds(whole)
        done = sum("ended" in json.loads(line) for line in lines[:kept])
        assert len(trainer.asked) == 25 - done


def without_seconds(result):
    told = result.to_dict()
    return {**told, "rungs": [{**rung, "seconds": 0} for rung in told["rungs"]]}


def test_with_workers_of_different_speed_none_idles_before_the_last_rung_and_the_better_part_goes_on(tmp_path):
    def seconds(job: Job) -> float:
        return 1.0 + (hash_of(job.title) % 7) / 3

    settings = Race(entrants=16, finishers=2)
    executor = Uneven(3, seconds)
    found = race(tmp_path, settings=settings, executor=executor)
    assert [rung.trained for rung in found.rungs] == [16, 8, 4, 2]
    assert sum(rung.early for rung in found.rungs) > 0
    # Two are trained in full by three workers: one must idle then, and only then.
    assert executor.idle < 2 * max(map(seconds, [Job(f"entrant {e}, 100%", print) for e in range(1, 17)])) + 2
    best = np.argsort([quality(each) for each in SPACE.architectures(found.entrants.rows)])
    assert found.winner in best[:3]


def hash_of(text):
    return sum(text.encode())


def test_what_was_decided_with_several_workers_is_repeated_by_a_resumed_race(tmp_path):
    race(tmp_path / "whole", executor=Uneven(3, lambda job: 1 + hash_of(job.title) % 5))
    lines = (tmp_path / "whole" / "race.jsonl").read_text().splitlines(keepends=True)
    kept = lines[:21]
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / "race.jsonl").write_text("".join(kept))
    trainer = Trainer()
    race(tmp_path / "again", trainer, executor=Uneven(3, lambda job: 1.0))
    begun = [json.loads(line)["begun"] for line in kept if "begun" in json.loads(line)]
    ended = [json.loads(line)["ended"] for line in kept if "ended" in json.loads(line)]
    amounts = [
        int(800 * share) for _, rung in begun if [_, rung] not in ended for share in [(0.125, 0.25, 0.5, 1)[rung]]
    ]
    assert amounts
    assert sorted(amount for _, amount in trainer.asked[: len(amounts)]) == sorted(amounts)


def test_a_training_that_fails_in_the_middle_of_a_rung_leaves_the_race_to_the_others(tmp_path):
    def train(architecture, fidelity):
        if fidelity >= 200 and architecture["mixer"] == "attention" and architecture["width"] == 64:
            raise MemoryError("out of memory")
        return loss(architecture, fidelity)

    found = race(tmp_path, Trainer(train))
    assert found.rungs[1].failed > 0
    assert [rung.trained - rung.failed for rung in found.rungs[1:]] == [rung.places for rung in found.rungs[1:]]
    failed = [each for each in found.to_dict()["standings"] if "failed" in each]
    assert all("out of memory" in each["failed"] and each["chance"] == 0 for each in failed)
    assert found.best.architecture["width"] < 64 or found.best.architecture["mixer"] == "gru"


def test_finishers_that_fail_are_replaced_by_the_next_best(tmp_path):
    best = race(tmp_path / "whole").finishers

    def train(architecture, fidelity):
        return float("nan") if fidelity == 800 and architecture.key in lost else loss(architecture, fidelity)

    draw = entrants()
    lost = {SPACE.architecture(draw().rows[entrant]).key for entrant in best}
    found = race(tmp_path / "failing", Trainer(train))
    assert found.rungs[-1].failed == 2
    assert len(found.finishers) == 2
    assert not set(found.finishers) & set(best)


def test_a_race_that_everybody_fails_says_why(tmp_path):
    def train(architecture, fidelity):
        raise RuntimeError("no such data")

    with pytest.raises(InputError, match=r"all 12 entrants of the race failed, the last one because .*no such data"):
        race(tmp_path, Trainer(train))


def test_entrants_with_equal_values_race_on_in_the_order_in_which_they_were_drawn(tmp_path):
    found = race(tmp_path, Trainer(lambda architecture, fidelity: 1.0))
    assert [rung.trained for rung in found.rungs] == [12, 7, 4, 2]
    assert found.winner == 0


def test_a_broken_executor_ends_the_race_with_its_error(tmp_path):
    class Broken(Uneven):
        def completed(self):
            for each in super().completed():
                yield Completed(each.handle, error=ForetellError("the process was killed"))

    with pytest.raises(ForetellError, match="was killed"):
        race(tmp_path, executor=Broken(1, lambda job: 1.0))


def test_a_predictor_that_learns_from_parts_decides_where_it_is_given(tmp_path):
    seen = []

    def refit(drawn, observations):
        assert len(drawn) == 12
        seen.append(len(observations))
        assert all(each.fidelity <= 1 for each in observations)
        return Belief(np.arange(12.0), np.full(12, 0.1))

    found = race(tmp_path, refit=refit)
    assert found.winner == 11
    assert sorted(found.finishers) == [10, 11]
    assert max(seen) == 25


def test_the_record_is_of_one_race(tmp_path):
    race(tmp_path)
    with pytest.raises(IntegrityError, match="is of another race"):
        race(tmp_path, settings=Race(entrants=12, finishers=2, rungs=(0.5, 1.0)))
    (tmp_path / "race.jsonl").write_text('{"format": 1}\n')
    with pytest.raises(IntegrityError, match="is of another race"):
        race(tmp_path)


# ---- settings and costs


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"rungs": ["50%", "25%", "100%"]}, "the rungs 50%, 25%, 100% are not in order"),
        ({"rungs": ["50%", "50%", "100%"]}, "are not in order"),
        ({"rungs": ["50%", "150%"]}, "the rung 150% is above 100 %"),
        ({"rungs": [12.5, 25]}, "the rung 2500% is above 100 %"),
        ({"rungs": ["12.5%", "50%"]}, "the rungs 12.5%, 50% do not end in the full training"),
        ({"rungs": ["0%", "100%"]}, "the rung 0% is no training at all"),
        ({"rungs": []}, "the race has no rungs"),
        ({"rungs": ["a quarter", "100%"]}, "'a quarter' is no share of a training"),
        ({"entrants": 1}, "greater than or equal to 2"),
        ({"entrants": 3, "finishers": 4}, "4 finishers but only 3 entrants"),
    ],
)
def test_settings_that_make_no_sense_are_refused(given, sentence):
    with pytest.raises(ValidationError, match=sentence):
        Race(**given)


def test_rungs_are_written_in_percent_or_as_shares():
    assert Race(rungs=["12.5%", "25 %", 0.5, 1]).rungs == (0.125, 0.25, 0.5, 1.0)
    assert Race().places(Race().rungs) == (8, 4, 2, 1)
    assert TWELVE.places(TWELVE.rungs) == (12, 7, 4, 2)
    assert Race(rungs=["100%"]).places((1.0,)) == (8,)


def test_an_objective_that_cannot_go_on_is_trained_anew_and_that_is_said_before(tmp_path):
    anew = Fidelities(unit="updates", full=800)
    assert TWELVE.cost(UPDATES) == pytest.approx(12 / 8 + 7 / 8 + 4 / 4 + 2 / 2)
    assert TWELVE.cost(anew) == pytest.approx(12 / 8 + 7 / 4 + 4 / 2 + 2)
    with pytest.warns(UserWarning, match=r"trains every rung anew: that is 7.2 full trainings instead of 4.4"):
        warn_of_cost(TWELVE, anew)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_cost(Race(), UPDATES)
        warn_of_cost(Race(rungs=["100%"]), Fidelities())
    found = race(tmp_path, Trainer(fidelities=anew))
    assert found.anew
    assert found.to_dict()["planned_trainings"] == 7.25


def test_an_objective_with_the_full_training_only_is_refused_unless_all_train_in_full():
    with pytest.raises(InputError, match=r"are parts of a training, but this objective has only the full one"):
        Race().cost(Fidelities())
    assert Race(rungs=["100%"]).cost(Fidelities()) == 8


def test_rungs_that_come_to_the_same_amount_are_one():
    assert Race().resolved(Fidelities(unit="epochs", full=4)) == (0.25, 0.5, 1.0)
