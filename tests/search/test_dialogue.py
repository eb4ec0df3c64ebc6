"""Algorithms and those who train for them: nothing twice, and replayed to where it was."""

import numpy as np
import pytest

from foretell.costs import CostModel
from foretell.errors import IntegrityError
from foretell.objectives import Fidelities
from foretell.search import Dialogue, Setting
from foretell.search.algorithms import describe, names, sizes_for
from foretell.spaces import SearchSpace

SPACE = SearchSpace({"a": [1, 2, 3, 4], "b": [1, 2, 3, 4], "c": [1, 2, 3]}, costs={"params": "a * b"})
# What a language model proposes is tested beside it (tests/study/test_proposing.py): a real one takes minutes here.
OWN = [name for name in names() if not describe(name).kind and name != "llm"]
QUICK = [*OWN, "tpe", "asha"]  # Optuna's samplers go through one door: one that decides by rungs, one that does not


def setting(seed=0, **more):
    fidelities = Fidelities(unit="epochs", full=16, continued=True)
    return Setting(CostModel(SPACE), settings=sizes_for(16), seed=seed, evaluations=16, fidelities=fidelities, **more)


def goodness(training):
    return float(SPACE.numbers(training.row).prod() + training.fidelity)


def go_on(dialogue, steps, ahead=2):
    """Drive with `ahead` trainings beside each other; what happened, in order."""
    events, running = [], []
    for _ in range(steps):
        training = dialogue.ask()
        if training is not None:
            running.append(training)
            events.append(("asked", training))
        if len(running) == ahead or (training is None and running):
            done = running.pop(0)
            dialogue.tell(done, goodness(done))
            events.append(("told", done))
    return events


@pytest.mark.parametrize("name", QUICK)
def test_nothing_is_trained_twice_even_where_the_space_ends(name):
    events = go_on(Dialogue(name, setting()), 30 if describe(name).kind or describe(name).labels else 120)
    asked = [(each.row.tobytes(), each.fidelity) for what, each in events if what == "asked"]
    assert len(asked) == len(set(asked))
    assert len(asked) >= 25
    assert [each.number for what, each in events if what == "asked"] == list(range(len(asked)))


@pytest.mark.parametrize("name", QUICK)
def test_replayed_to_any_point_it_goes_on_as_if_nothing_had_been(name):
    whole = go_on(Dialogue(name, setting()), 30)
    for cut in (5, 20) if name in OWN else (20,):
        dialogue, again = Dialogue(name, setting()), []
        for what, each in whole[:cut]:
            if what == "asked":
                again.append(dialogue.replay(each.row, each.fidelity))
            else:
                dialogue.tell(again[each.number], goodness(each))
        for what, each in whole[cut:]:
            if what == "told":
                dialogue.tell(again[each.number], goodness(each))
                continue
            training = dialogue.ask()
            assert (training.row == each.row).all()
            assert training.fidelity == each.fidelity
            again.append(training)


def test_a_record_of_another_algorithm_is_refused():
    (_, first), *_ = go_on(Dialogue("random", setting()), 3)
    other = SPACE.canonical((first.row + 1) % 3)
    with pytest.raises(IntegrityError, match="trial 0 on record is not what this algorithm asks for"):
        Dialogue("random", setting()).replay(other, 1.0)


@pytest.mark.parametrize("name", [*OWN, "asha"])
def test_only_what_is_on_record_is_asked_where_labels_are_a_table(name):
    pool = SPACE.sample(20, np.random.default_rng(0))
    known = {row.tobytes() for row in SPACE.canonical(pool)}
    events = go_on(Dialogue(name, setting(pool=pool)), 40)
    asked = [each for what, each in events if what == "asked"]
    assert len(asked) >= 8
    assert {each.row.tobytes() for each in asked} <= known


@pytest.mark.parametrize("name", [*OWN, "tpe"])
def test_to_begin_with_what_is_not_on_record_changes_nothing_and_it_is_replayed(name):
    pool = SPACE.canonical(SPACE.sample(30, np.random.default_rng(0)))
    known = {row.tobytes() for row in pool}
    rows = SPACE.sample(60, np.random.default_rng(1))
    inside = np.array([row.tobytes() in known for row in SPACE.canonical(rows)])
    first = rows[inside][:1]
    begun = setting(pool=pool, initial=np.concatenate([rows[~inside][:2], first, rows[~inside][2:3]]))
    whole = go_on(Dialogue(name, begun), 16)
    assert (whole[0][1].row == SPACE.canonical(first)).all()
    alone = go_on(Dialogue(name, setting(pool=pool, initial=first)), 16)
    assert [(what, each.row.tobytes()) for what, each in whole] == [(what, each.row.tobytes()) for what, each in alone]
    dialogue, again = Dialogue(name, begun), []
    for number, (what, each) in enumerate(whole):
        if what == "told":
            dialogue.tell(again[each.number], goodness(each))
            continue
        training = dialogue.replay(each.row, each.fidelity) if number < 10 else dialogue.ask()
        assert (training.row == each.row).all()
        again.append(training)


def test_failures_are_told_and_not_tried_again():
    dialogue = Dialogue("evolution", setting())
    seen = set()
    for _ in range(20):
        training = dialogue.ask()
        assert training.row.tobytes() not in seen
        seen.add(training.row.tobytes())
        dialogue.tell(training, float("nan") if training.number % 2 else goodness(training))
