import pytest

from foretell.errors import InputError, UnknownNameError
from foretell.objectives import ExecutorSettings, ProcessExecutor, Resources, make_executor
from foretell.objectives.executors.choice import shared_devices


def test_a_word_is_a_name():
    assert ExecutorSettings.model_validate("ray") == ExecutorSettings(name="ray")


@pytest.mark.parametrize(("text", "amount"), [("8GB", 8 << 30), ("1.5 gb", 3 << 29), ("512M", 512 << 20), ("7", 7)])
def test_memory_is_read_as_slurm_reads_it(text, amount):
    assert Resources(memory=text).memory == amount


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"name": "rey"}, "did you mean 'ray'"),
        ({"name": "ray", "partition": "gpu"}, "partition means nothing to the executor ray"),
        ({"name": "slurm", "address": "head:6379"}, "address means nothing to the executor slurm"),
        ({"resources": {"memory": "much"}}, "'much' is no amount of memory"),
        ({"resources": {"gpu": 1.5}}, "a job cannot have 1.5 GPUs"),
        ({"name": "slurm", "time_limit": "soon"}, "'soon' is not a time"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(values, told):
    with pytest.raises(ValueError, match=told):
        ExecutorSettings.model_validate(values)


def test_another_executor_keeps_what_means_something_to_it():
    settings = ExecutorSettings(name="slurm", partition="gpu", slots=4, resources=Resources(cpu=2))
    assert settings.named(None) is settings
    assert settings.named("ray") == ExecutorSettings(name="ray", slots=4, resources=Resources(cpu=2))
    with pytest.raises(UnknownNameError, match="did you mean 'slurm'"):
        settings.named("slum")


def test_devices_are_shared_out():
    assert shared_devices(["0", "1", "2", "3", "4"], 2) == ["0,1", "2,3"]
    assert shared_devices(["0", "1"], 0.5) == ["0", "1", "0", "1"]
    assert shared_devices(["0"], 2) == []


def test_processes_get_the_devices_and_threads_that_the_study_says(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    settings = ExecutorSettings(resources=Resources(cpu=2, gpu=1))
    with make_executor(settings, tmp_path) as executor:
        assert isinstance(executor, ProcessExecutor)
        assert executor.slots == 2
    with make_executor(settings, tmp_path, slots=1) as executor:
        assert executor.slots == 1
    with pytest.raises(InputError, match="is to have 4 GPUs and this machine has 2 to give"):
        make_executor(ExecutorSettings(resources=Resources(gpu=4)), tmp_path)
