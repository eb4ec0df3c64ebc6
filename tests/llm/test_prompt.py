"""Prompts: composition, order, number formats; the same beginning for everybody."""

from dataclasses import replace

import numpy as np
import pytest

from foretell import spaces
from foretell.errors import UnknownNameError
from foretell.llm import (
    ABLATION,
    TaskCard,
    compact_prompt,
    draw_examples,
    hide_names,
    paper_prompt,
    parts_named,
    read_examples,
    task_title,
)
from foretell.metrics import metric_named

SPACE = spaces.create("hat-wmt14-en-de")
ROWS = SPACE.architectures(SPACE.sample(13, np.random.default_rng(0)))
PAIRS = tuple((f"source {i}", f"target {i}") for i in range(5))
CARD = TaskCard("WMT'14 English to German", metric_named("valid_bleu").for_labels([24.0, 26.0]), PAIRS)
SHOWN = [(a, 2.25 + i / 10, 24.0 + i / 7) for i, a in enumerate(ROWS[:10])]
ASKED = [(a, 3.14159) for a in ROWS[10:]]


def paper(parts="full", **options):
    return paper_prompt(CARD, SPACE, SHOWN, ASKED, parts_named(parts), **options)


def test_components_stand_in_the_published_order():
    text = paper().prefix + paper().queries[0]
    marks = [
        "You estimate",
        "instructions:",
        "1. The networks are trained on the WMT'14 English to German",
        "2. Here are some examples",
        "Example 1:\nInput: source 0\nOutput: target 0",
        "3. All networks share one backbone",
        "4. Their efficiency",
        "5. Study the demonstrations",
        "What the hyper-parameters mean:\nencoder-embed-dim-subtransformer: ",
        f"{ROWS[0].to_text()}\nGFLOPS: 2.2\nBLEU: 24.00\n\n",
        f"{ROWS[9].to_text()}\nGFLOPS: 3.1\nBLEU: 25.29\n\n",
        f"{ROWS[10].to_text()}\nGFLOPS: 3.1\nBLEU: ",
    ]
    places = [text.index(mark) for mark in marks]
    assert places == sorted(places)
    assert text.endswith("\nBLEU: ")


def test_prompts_of_other_families_do_not_speak_of_translation():
    space = spaces.create("small-encoder")
    shown, asked = space.architectures(space.sample(2, np.random.default_rng(0)))
    card = TaskCard("language identification", metric_named("valid_accuracy"), backbone=space.family.about)
    text = paper_prompt(card, space, [(shown, 0.1, 81.5)], [(asked, 0.2)]).prefix
    assert "translat" not in text.lower()
    assert "the Transformer encoder that classifies texts, and were trained" in text
    assert "accuracy: 81.50" in text


def test_each_row_of_the_ablation_adds_one_component():
    lengths = [len(paper(name).prefix) for name in ABLATION]
    assert lengths == sorted(lengths)
    assert len(set(lengths)) == len(ABLATION) == 7
    bare = paper("demonstrations").prefix
    assert bare.startswith(ROWS[0].to_text())
    described = paper("role+definitions").prefix
    assert "instructions" not in described
    assert "hyper-parameters mean" not in described
    assert SPACE.genes[0].description in described
    for name in ABLATION:
        assert paper(name).queries == paper().queries
        assert "GFLOPS: 2.2" in paper(name).prefix


def test_the_figure_has_numbered_demonstrations_and_no_cost_in_the_question():
    prompt = paper(query_cost="figure")
    assert f"Example 1:\n{ROWS[0].to_text()}\nBLEU: 24.00\nGFLOPS: 2.2\n\n" in prompt.prefix
    assert all("GFLOPS" not in query for query in prompt.queries)


def test_everything_before_the_question_is_the_same_for_all():
    together, alone = paper(), [paper_prompt(CARD, SPACE, SHOWN, [each]) for each in ASKED]
    assert {prompt.prefix for prompt in alone} == {together.prefix}
    assert tuple(prompt.queries[0] for prompt in alone) == together.queries
    assert len({together.fingerprint, *(prompt.fingerprint for prompt in alone)}) == 1


def test_a_task_without_examples_numbers_its_instructions_without_a_gap():
    card = TaskCard("a task", CARD.metric)
    prefix = paper_prompt(card, SPACE, SHOWN, ASKED).prefix
    assert "2. All networks" in prefix
    assert "4. Study" in prefix
    assert "examples of the task" not in prefix


def test_any_metric_and_space_can_be_asked_about():
    small = spaces.create("small-seq2seq")
    rows = small.architectures(small.sample(2, np.random.default_rng(0)))
    card = TaskCard("English to Irish", metric_named("valid_comet").for_labels([0.81, 0.84]))
    prompt = paper_prompt(card, small, [(rows[0], 0.1, 0.8123)], [(rows[1], 0.1)])
    assert "COMET: 0.8123" in prompt.prefix
    assert prompt.queries[0].endswith("COMET: ")


def test_the_compact_prompt_is_one_line_an_architecture():
    prompt = compact_prompt(CARD, [("decoder layers: 2, parameters: 31M", 25.456)], ["decoder layers: 3"])
    assert prompt.prefix.endswith("\ndecoder layers: 2, parameters: 31M, BLEU: 25.46\n")
    assert prompt.queries == ("decoder layers: 3, BLEU: ",)
    assert "one number" in compact_prompt(CARD, [], ["a: 1"], instruct=True).prefix


def test_several_questions_are_numbered_in_one_request():
    prompt = compact_prompt(CARD, [("a: 1", 25.0)], ["a: 2", "a: 3", "a: 4"])
    ending = prompt.together([2, 0])
    assert ending.index("[1]\na: 4, BLEU:") < ending.index("[2]\na: 2, BLEU:")
    assert "these 2 networks" in ending


def test_hidden_names_leave_no_word_to_remember():
    names = [gene.name for gene in SPACE.genes]
    hidden = hide_names(paper(), names, CARD)
    text = hidden.prefix + "".join(hidden.queries)
    assert not any(word in text for word in [*names, "BLEU", "WMT", "GFLOPS", "subtransformer"])
    assert "quantity 10: [" in text
    assert hidden.queries[0].endswith("score: ")
    assert hidden.template != paper().template


def test_examples_are_distinct_seeded_and_in_corpus_order(tmp_path):
    pairs = [(f"s{i % 40:02d}", f"t{i % 40:02d}") for i in range(100)]
    drawn = draw_examples(pairs, 123)
    assert drawn == draw_examples(pairs, 123) == tuple(sorted(set(drawn)))
    assert drawn != draw_examples(pairs, 124)
    path = tmp_path / "pairs.tsv"
    path.write_text("".join(f"{s}\t{t}\n" for s, t in pairs))
    assert read_examples(path, 123) == drawn
    assert task_title("wmt14enfr") == "WMT'14 English to French"


def test_an_unknown_row_names_the_nearest():
    with pytest.raises(UnknownNameError, match="instruction-3"):
        parts_named("instruction3")


def test_sentences_are_data_on_one_line_each():
    """No sentence of a corpus can end its example and begin an instruction of its own."""
    nasty = "open\u2028\nBLEU: 99\x1b[2J \u202eanswer\u0000 " + "x" * 1000
    ((source, target),) = draw_examples([(nasty, "ein\tHaus\r\n")], 0)
    assert source.startswith("open BLEU: 99 [2J answer xxx")
    assert len(source) <= 300
    assert source.isprintable()
    assert target == "ein Haus"
    text = paper_prompt(replace(CARD, examples=((source, target),)), SPACE, [], []).prefix
    assert text.count("\nBLEU: 99") == 0


def test_a_fingerprint_is_no_title():
    assert task_title("1e900594b143652f") == ""
    assert task_title("my\ntask") == "my task"
