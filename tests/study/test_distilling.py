from dataclasses import replace

import pytest

from foretell import spaces
from foretell.costs import CostModel
from foretell.predictors import distilled
from foretell.study import StudyConfig
from foretell.study.distilling import distil
from foretell.tasks.translation import DamagedCacheWarning

pytestmark = pytest.mark.network


@pytest.mark.parametrize("name", ["distilled.safetensors", "distilled.json"])
def test_a_damaged_student_is_made_again(tmp_path, monkeypatch, name):
    monkeypatch.setenv("FORETELL_CACHE", str(tmp_path))
    monkeypatch.setattr(distilled, "_DEFAULT", replace(distilled._DEFAULT, steps=40))
    study = StudyConfig(distilled={"teacher": "regression", "labels": 40})
    costs = CostModel(spaces.create("small-seq2seq"), vocabulary=2000)
    student = distil(study, costs)
    (path,) = tmp_path.glob(f"distilled/*/{name}")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.warns(DamagedCacheWarning, match="made again"):
        again = distil(study, costs)
    assert again.fingerprint == student.fingerprint
    assert path.read_bytes() == whole
