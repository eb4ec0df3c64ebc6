"""The virtual clock: jobs end in the order of what they cost on record, whoever runs them."""

import pytest

from foretell.errors import ForetellError
from foretell.objectives import Executor, InlineExecutor, Job, ProcessExecutor, VirtualExecutor


def costing(seconds):
    if seconds < 0:
        raise ForetellError("it failed")
    return {"seconds": seconds}


def job(seconds):
    return Job(f"{seconds}", costing, {"seconds": seconds})


def clock(slots=2, inner=None, **more):
    return VirtualExecutor(inner or InlineExecutor(), slots, seconds=lambda value: value["seconds"], **more)


def ends(executor, costs):
    """When jobs that are submitted together end, by their numbers."""
    for cost in costs:
        executor.submit(job(cost))
    return {each.handle.number: executor.now for each in executor.completed()}


def test_it_is_an_executor():
    assert isinstance(clock(), Executor)


def test_as_many_run_beside_each_other_as_there_are_workers():
    executor = clock(2)
    assert ends(executor, [3.0, 1.0, 1.0, 4.0]) == {1: 1.0, 2: 2.0, 0: 3.0, 3: 6.0}
    assert executor.worked == 9.0


def test_one_worker_does_one_after_the_other():
    assert ends(clock(1), [3.0, 1.0, 2.0]) == {0: 3.0, 1: 4.0, 2: 6.0}


def test_the_order_is_that_of_the_clock_and_not_of_the_processes():
    with clock(3, ProcessExecutor(2)) as executor:
        assert list(ends(executor, [5.0, 3.0, 4.0])) == [1, 2, 0]


def test_what_is_submitted_later_begins_later():
    executor = clock(2)
    executor.submit(job(2.0))
    executor.submit(job(5.0))
    assert next(executor.completed()).handle.number == 0
    executor.charge(1.0)
    executor.submit(job(1.5))
    assert [(each.handle.number, executor.now) for each in executor.completed()] == [(2, 4.5), (1, 5.0)]


def test_nothing_ends_after_the_limit():
    executor = clock(2, limit=3.0)
    assert ends(executor, [2.0, 4.0, 0.5, 2.0]) == {0: 2.0, 2: 2.5}
    assert executor.expired
    assert executor.now == 3.0
    assert executor.worked == 2.0 + 0.5 + 3.0 + 0.5
    executor.submit(job(0.1))
    assert list(executor.completed()) == []


def test_what_is_known_starts_nothing_and_is_charged_all_the_same():
    inner = InlineExecutor()
    executor = clock(2, inner, known=lambda job: {"seconds": 7.0})
    executor.submit(job(1.0))
    assert list(inner.completed()) == []
    assert [each.value for each in executor.completed()] == [{"seconds": 7.0}]
    assert executor.now == 7.0


def test_a_failure_costs_nothing_and_disturbs_nobody():
    executor = clock(2)
    executor.submit(job(-1.0))
    executor.submit(job(2.0))
    first, second = executor.completed()
    assert "it failed" in str(first.error)
    assert second.value == {"seconds": 2.0}
    assert executor.now == 2.0


@pytest.mark.parametrize("slots", [1, 2])
def test_what_is_cancelled_does_not_come_out(slots):
    executor = clock(slots)
    handles = [executor.submit(job(cost)) for cost in (1.0, 2.0, 3.0)]
    executor.cancel(handles[1])
    assert [each.handle.number for each in executor.completed()] == [0, 2]
