"""What a student's name depends on: everything that its teacher's scores depend on."""

from pathlib import Path

import pytest
import torch

from foretell import spaces
from foretell.costs import CostModel
from foretell.errors import InputError
from foretell.study import StudyConfig
from foretell.study.distilling import _folder
from foretell.study.teacher_inputs import teacher_inputs
from foretell.training import save_tensors

COSTS = CostModel(spaces.create("small-seq2seq"), vocabulary=2000)


def student(**distilled) -> Path:
    return _folder(StudyConfig(distilled=distilled), COSTS, [])


def test_another_corpus_title_is_another_student():
    there = StudyConfig(distilled={"teacher": "regression"})
    here = there.model_copy(update={"corpus": there.corpus.model_copy(update={"target": "ga"})})
    assert _folder(there, COSTS, []) != _folder(here, COSTS, [])


@pytest.mark.network
def test_a_retrained_supernet_in_the_same_folder_is_another_teacher(tmp_path):
    teacher = f"calibrated:sandwich:{tmp_path}"
    with pytest.raises(InputError, match="does not exist; give the folder that `foretell supernet train` names"):
        student(teacher=teacher)
    found = set()
    for value in (1.0, 2.0):
        save_tensors(tmp_path / "model.safetensors", {"a": torch.full((2,), value)}, {})
        found.add(student(teacher=teacher))
    assert len(found) == 2
    assert student(teacher=teacher) in found


def test_the_environments_language_model_is_told_apart(monkeypatch):
    study = StudyConfig(distilled={"teacher": "mean(regression,llm)"})
    found = []
    for model in ("openai:gpt-a", "openai:gpt-b"):
        monkeypatch.setenv("FORETELL_LLM", model)
        found.append(teacher_inputs(study))
    assert found[0] != found[1]
