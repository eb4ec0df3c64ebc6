import pytest

from foretell.errors import ForetellError, InputError
from foretell.objectives import Executor, InlineExecutor, Job


def refuse():
    raise InputError("no.")


def test_jobs_run_one_after_the_other_when_their_turn_comes():
    begun = []
    with InlineExecutor() as executor:
        one, two, three = (executor.submit(Job(name, lambda n=name: begun.append(n))) for name in "abc")
        executor.cancel(two)
        assert not begun
        ended = [each.handle for each in executor.completed()]
    assert begun == ["a", "c"]
    assert ended == [one, three]
    assert isinstance(executor, Executor)


def test_a_failure_is_told_and_disturbs_nobody():
    with InlineExecutor() as executor:
        for function in (refuse, lambda: 1 // 0, lambda: 3):
            executor.submit(Job("job", function))
        refused, failed, good = executor.completed()
    assert isinstance(refused.error, InputError)
    assert isinstance(failed.error, ForetellError)
    assert "unexpected ZeroDivisionError" in str(failed.error)
    assert "in refuse" in refused.error.__notes__[0]
    assert (good.value, good.error) == (3, None)


def test_an_interrupt_passes_through():
    def interrupted():
        raise KeyboardInterrupt

    with InlineExecutor() as executor:
        executor.submit(Job("job", interrupted))
        with pytest.raises(KeyboardInterrupt):
            list(executor.completed())
