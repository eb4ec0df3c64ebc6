import pytest

from foretell.errors import InputError, UnknownNameError
from foretell.search import Schedule
from foretell.search.algorithms import describe
from foretell.study import PRESETS, StudyConfig
from foretell.study.compare import preset, taught_as


@pytest.mark.parametrize(
    ("name", "schedule"),
    [
        ("hs-nas-1-30", "distilled:1-30"),
        ("hs-nas-1-5", "distilled:1-5,supernet:6-30"),
        ("hs-nas-25-30", "supernet:1-24,distilled:25-30"),
        ("hs-nas-1-15", PRESETS["hs-nas"].schedule),
        ("hs-nas-16-30", "supernet:1-15,distilled:16-30"),
        ("hs-nas-1-25", "distilled:1-25,supernet:26-30"),
    ],
)
def test_the_windows_of_table_4(name, schedule):
    assert preset(name).schedule == schedule
    assert Schedule.parse(schedule).iterations == 30


def test_every_preset_has_a_schedule_that_can_be_read():
    for item in PRESETS.values():
        assert Schedule.parse(item.schedule).iterations in ((10,) if describe(item.algorithm).asks else (15, 30))
        assert preset(item.name) is item


def test_presets_that_make_no_sense_are_refused():
    with pytest.raises(UnknownNameError, match="did you mean 'hat-as-published'"):
        preset("hat-as-publishd")
    with pytest.raises(InputError, match="not inside iterations 1 to 30"):
        preset("hs-nas-20-31")


def test_what_presets_need_is_made_ready_whatever_the_study_s_own_schedule_is():
    assert StudyConfig().predictors == ()
    taught = taught_as(StudyConfig(), [preset("hat"), preset("hs-nas")])
    assert taught.predictors == ("distilled", "supernet")
    assert taught_as(StudyConfig(), [preset("hat"), preset("distilled-hat")]).predictors == ("supernet",)
