"""The number grammar: what is read, what is refused, and that nothing at all is guessed."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foretell.llm import parse_number, parse_numbers
from foretell.metrics import Metric, metric_named

BLEU = metric_named("valid_bleu")


@pytest.mark.parametrize(
    "text",
    [
        "25.31",
        " 25.31\n",
        "BLEU: 25.31",
        "bleu = 25.31",
        "**25.31**",
        "`25.31`",
        "25.31.",
        "25.31 BLEU",
        "25.31%",
        "Predicted BLEU: 25.31",
        "\n\nBLEU score: 25.31\n\nBecause the decoder has 3 layers of 2048.",
    ],
)
def test_one_number_is_read(text):
    assert parse_number(text, BLEU).value == 25.31


@pytest.mark.parametrize(
    "text",
    [
        "25,31",
        "<think>It was 24.1, or 24.9.\nPerhaps</think>\n\n25.31",
        "24.1, or 24.9.</thinking>BLEU: 25.31",
        "Three layers are few, so\nAnswer: 25.31",
        "Because of its width.\n**Final answer:** 25.31",
        "answer = 25.31 BLEU\nbecause",
        '{"bleu": 25.31}',
        '{"prediction": "25.31", "why": "3 layers"}',
        '```json\n{"value": 25.31}\n```',
        "```\n25.31\n```",
        "Here it is:\n```text\nBLEU: 25.31\n```",
        "**BLEU:** 25.31",
        "The BLEU is 25.31.",
        "The answer is **25.31**.",
        "Valid BLEU = 25.31",
        "valid_bleu: 25.31",
        "The predicted validation BLEU score is 25.31",
        "[THINK]24.1[/THINK]25.31",
        "◁think▷24.1◁/think▷25.31",
        "<|channel|>analysis<|message|>24.1<|end|><|start|>assistant<|channel|>final<|message|>25.31",
        r"Final answer: \boxed{25.31}",
        r"With three layers of 64 I come to $\boxed{25.31}$.",
        "Few layers. <answer>25.31</answer>",
        "25.31</s>",
        "25.31<|im_end|>",
        '{"prediction": "25.31", "confidence": 0.8}',
        '{"layers": 3, "bleu": 25.31}',
        '{"score": "25,31"}',
        '{"result": {"bleu": 25.31}}',
        '[{"bleu": 25.31}]',
        "**BLEU**: 25.31",
        '"25.31"',
        "“25.31”",
        "$25.31$",
        "- 25.31",
        "> BLEU: 25.31",
        "# 25.31",
        "Answer:\n25.31",
        "### Final answer\n\n**25.31**",
        "The final answer is 25.31.",
        "Estimate: 25.31 points",
        "My prediction is 25.31 BLEU points.",
        "I would estimate a BLEU of 25.31.",
        "Sure, here is my prediction: 25.31",
        "Sure! 25.31",
        "Here it is:\n25.31",
        "Reasoning: it has 3 layers of 512.\nBLEU: 25.31",
        "It has 3 layers.\n\nThe predicted BLEU is **25.31**.\n\nMore layers help.",
        "<score>25.31</score>",
        "<bleu>25.31</bleu> because of 3 layers",
        "２５.３１",
        "BLEU：25.31",
        "<s>25.31",
        "assistant\n25.31",
    ],
)
def test_one_clear_number_in_a_clear_place_is_read(text):
    assert parse_number(text, BLEU).value == 25.31


@pytest.mark.parametrize(
    "text",
    [
        "<think>25.31",
        "Answer: 25.31\nAnswer: 26.31",
        '{"layers": 25.31, "chrf": 50.1}',
        '{"bleu": true}',
        "[25.31]",
        "[THINK]25.31",
        "◁think▷25.31",
        "<|channel|>analysis<|message|>25.31",
        r"\boxed{25.31} or \boxed{26.31}",
        r"\boxed{about 25}",
        '{"answer": 25.31, "score": 3}',
        "The layers are 3.",
        "Three of 512.\nBLEU: 25.31\nBLEU: 26.31",
        "It has 3 layers.\n25.31",
        "Answer:\n3 layers",
        "Answer\n",
        "<score>25.31</score> or <score>26.31</score>",
        '[{"bleu": 25.31}, {"bleu": 26.31}]',
        '{"a": {"bleu": 25.31}, "b": {"bleu": 26.31}}',
        "25.31²",
        "BLEU is 25.31 or 26",
        "the test is 25.31",
        "```\n25.31\n```\n```\n26.31\n```",
        "",
        "   \n ",
        "NaN",
        "inf",
        "-inf",
        "1e2",
        "25,310",
        "25.31 26.31",
        "25.31 or so",
        "between 24 and 25",
        "about 25.31",
        "I cannot tell.",
        "25.31/100",
        "0x19",
        "٢٥",
        "1234567",
        "--5",
        "25..3",
    ],
)
def test_anything_else_is_an_abstention_with_a_reason(text):
    parsed = parse_number(text, BLEU)
    assert parsed.value is None
    assert parsed.reason


@pytest.mark.parametrize("text", ["-3.0", "100.01", "2531"])
def test_numbers_out_of_range_are_refused(text):
    parsed = parse_number(text, BLEU)
    assert parsed.value is None
    assert "lies between 0 and 100" in parsed.reason


@given(st.text(max_size=60))
def test_whatever_comes_the_result_is_a_number_in_range_or_a_reason(text):
    parsed = parse_number(text, BLEU)
    if parsed.value is None:
        assert parsed.reason
    else:
        assert 0 <= parsed.value <= 100
        assert math.isfinite(parsed.value)


@given(st.floats(0, 100).map(lambda value: f"{value:.2f}"))
def test_every_label_that_prompts_show_can_be_read_back(text):
    assert parse_number(text, BLEU).value == float(text)


def test_several_answers_are_read_by_their_number():
    found = parse_numbers("2: 24.10\n1: 25.31\n\n3: 26.00", 3, BLEU)
    assert [parsed.value for parsed in found] == [25.31, 24.10, 26.0]


@pytest.mark.parametrize(
    "text",
    [
        "<think>1: 20.0\n2: 21.0\nor so</think>\n1: 25.31\n2: 24.10",
        "```text\n1: 25.31\n2: 24.10\n```",
        "Here they are:\n```\n1: 25.31\n2: 24.10\n```\nMore layers help.",
        "<|channel|>analysis<|message|>1: 20<|end|><|channel|>final<|message|>1: 25.31\n2: 24.10<|end|>",
        "1: 25.31\n2: 24.10<|im_end|>",
    ],
)
def test_several_answers_are_read_without_what_is_around_them(text):
    assert [parsed.value for parsed in parse_numbers(text, 2, BLEU)] == [25.31, 24.10]


def test_several_answers_that_are_only_thought_of_are_none():
    for parsed in parse_numbers("<think>1: 25.31\n2: 24.10", 2, BLEU):
        assert (parsed.value, parsed.reason) == (None, "the reply ends in the middle of its thinking")


@pytest.mark.parametrize(
    "text",
    [
        "```\n1: 25.3\n2: 24.1\n```\n3: 24.2",
        "1: 25.3\n2: 24.1",
        "1: 25.3\n2: 24.1\n2: 24.2",
        "1: 25.3\n2: 24.1\n4: 24.2",
        "25.3\n24.1\n24.2",
        "1: 25.3\n2: 24.1\n3: 24.2\n4: 24.3",
        "",
        "Here they are:\n1: 25.3\n2: 24.1\n3: 24.2",
    ],
)
def test_a_wrong_count_says_nothing_of_anybody(text):
    found = parse_numbers(text, 3, BLEU)
    assert len(found) == 3
    assert all(parsed.value is None and parsed.reason for parsed in found)


def test_one_bad_line_of_several_only_silences_its_own_question():
    found = parse_numbers("1: 25.3\n2: NaN\n3: 24.2", 3, BLEU)
    assert [parsed.value for parsed in found] == [25.3, None, 24.2]


@pytest.mark.parametrize(
    ("key", "labels", "label", "shown"),
    [
        ("valid_bleu", [24.0, 26.0], "BLEU", "25.31"),
        ("test_chrf", [51.0, 51.1], "chrF", "25.31"),
        ("valid_comet", [0.82, 0.91], "COMET", "25.3100"),
        ("valid_loss", [3.1, 5.4], "loss", "25.31"),
        ("my_score", [12.0], "my score", "25.31"),
    ],
)
def test_metrics_have_their_words_and_decimals(key, labels, label, shown):
    metric = metric_named(key).for_labels(labels)
    assert (metric.word, metric.format(25.31)) == (label, shown)


def test_the_plausible_window_holds_the_labels_and_the_bounds():
    low, high = BLEU.plausible([24.0, 26.0])
    assert low < 21 < 24 < 26 < 29 < high
    assert BLEU.plausible([1.0, 99.0]) == (0.0, 100.0)
    assert BLEU.plausible([]) == (0.0, 100.0)


def test_negative_numbers_are_read_where_the_metric_has_them():
    own = Metric.declare("own_loss", higher_is_better=False, label="loss")
    assert parse_number("loss: -2.75", own).value == -2.75
    assert parse_number("- 2.75", own).value is None  # the mark of a list, or a sign
    assert "no BLEU" in parse_number("-2.75", BLEU).reason
