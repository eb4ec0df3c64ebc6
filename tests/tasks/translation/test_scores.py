import pytest
import sacrebleu

from foretell.errors import InputError
from foretell.tasks.translation import all_scores, bleu, chrf, ter
from tests.tasks.sentences import made_up

REFERENCES = [target for _, target in made_up(20)]
HYPOTHESES = [target.replace("bei", "nahe") for target in REFERENCES]


def test_values_are_sacrebleus_and_carry_its_signature():
    score = bleu(HYPOTHESES, REFERENCES, "de")
    assert score.value == sacrebleu.corpus_bleu(HYPOTHESES, [REFERENCES]).score
    assert f"version:{sacrebleu.__version__}" in score.signature
    assert "tok:13a" in score.signature
    assert chrf(HYPOTHESES, REFERENCES).value == sacrebleu.corpus_chrf(HYPOTHESES, [REFERENCES]).score
    assert ter(HYPOTHESES, REFERENCES).value == sacrebleu.corpus_ter(HYPOTHESES, [REFERENCES]).score


def test_perfect_translations_and_which_way_is_better():
    scores = {score.name: score for score in all_scores(REFERENCES, REFERENCES)}
    assert {name: round(score.value, 6) for name, score in scores.items()} == {"bleu": 100, "chrf": 100, "ter": 0}
    assert [name for name, score in scores.items() if not score.higher_is_better] == ["ter"]


def test_chinese_is_not_one_word_a_sentence():
    assert bleu(["打开客厅的灯光"], ["打开卧室的灯光"], "zh-Hans").value > 5
    assert "tok:zh" in bleu(["灯"], ["灯"], "zh-Hans").signature


@pytest.mark.parametrize(("hypotheses", "references"), [([], []), (["a"], ["a", "b"])])
def test_nothing_and_misaligned_lists_are_refused(hypotheses, references):
    with pytest.raises(InputError, match=r"\d translations and \d references were given"):
        bleu(hypotheses, references)
