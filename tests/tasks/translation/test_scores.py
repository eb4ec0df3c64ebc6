import re

import pytest
import sacrebleu

from foretell.errors import InputError
from foretell.tasks.translation import all_scores, bleu, chrf, ter
from foretell.tasks.translation.languages import tokenizer_was_changed
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


@pytest.mark.parametrize(
    ("tags", "tokenizer", "said", "meant"),
    [
        (
            "zh ZH zh_CN zh-Hans zho zho_Hans chi cmn cmn_Hani yue zh-hant-TW ZHO_HANT zh_CN.GB18030 zh_TW.UTF-8",
            "zh",
            "打开客厅的灯光",
            "打开卧室的灯光",
        ),
        ("ja jpn ja_JP JA-jp jpn_Jpan", "char", "居間の照明をつける", "寝室の照明をつける"),
        ("ko kor ko_KR kor_Hang", "char", "거실의 조명을 켭니다", "침실의 조명을 켭니다"),
        ("km khm km_KH khm_Khmr", "char", "បើកភ្លើងបន្ទប់ទទួលភ្ញៀវ", "បើកភ្លើងបន្ទប់គេង"),
        ("my mya bur my_MM mya_Mymr", "char", "မီးကိုဖွင့်ပါအခု", "မီးကိုဖွင့်ပါနော်"),
        ("th tha lo lao_Laoo bo bod_Tibt dz", "char", "เปิดไฟห้องนั่งเล่น", "เปิดไฟห้องนอน"),
        ("de deu ger DE_de de-AT ga gle tr tur_Latn sr-Latn hi zh-Latn eng_Latn", "13a", "a b c d e", "a b c d f"),
        ("x-formal qaa", "13a", "a b c d e", "a b c d f"),
    ],
)
def test_the_tokenizer_follows_the_language_whatever_its_spelling(tags, tokenizer, said, meant):
    scores = {tag: bleu([said], [meant], tag) for tag in tags.split()}
    assert {tag: f"tok:{tokenizer}|" in score.signature for tag, score in scores.items()} == dict.fromkeys(scores, True)
    assert len({score.value for score in scores.values()}) == 1
    assert min(score.value for score in scores.values()) > 5


@pytest.mark.parametrize("tag", ["german", "zz", "de!", "xx_YY", "e", "deutsch-DE", "12", "C.UTF-8", "de.", "é"])
def test_an_unknown_language_is_one_sentence(tag):
    with pytest.raises(InputError, match=f"unknown language '{re.escape(tag)}', expected a BCP 47 tag"):
        bleu(["a"], ["a"], tag)


@pytest.mark.parametrize(
    ("tag", "changed"),
    [("de", False), ("ga", False), ("tr", False), ("zh-Hans", False), ("ja", False), ("zh_CN", True), ("ko", True)],
)
def test_records_are_orphaned_only_where_the_score_is_another(tag, changed):
    assert tokenizer_was_changed(tag) == changed
