"""The embedded models, for real: numbers, prefix reuse, slots, scores."""

import numpy as np
import pytest

from foretell.llm import Decoding, Estimator, Ledger, Request, TaskCard, compact_prompt
from foretell.llm.asking import Asker
from foretell.llm.budget import Budget
from foretell.llm.embedding import Embedder
from foretell.llm.local import LocalModel, start_server
from foretell.llm.model import LanguageModel, LanguageModelError
from foretell.llm.prices import FREE
from foretell.metrics import metric_named

pytestmark = pytest.mark.network

METRIC = metric_named("valid_bleu").for_labels([24.0, 26.0])
LABELS = [24.0 + 0.25 * i for i in range(8)]


@pytest.fixture(scope="module")
def model(smollm):
    return LocalModel("smollm2-135m", context=1024, slots=2, threads=1)


def prompts(orders=1):
    shown = [(f"decoder layers: {1 + i // 3}, parameters: {20 + i}M", label) for i, label in enumerate(LABELS)]
    asked = [f"decoder layers: {1 + i}, parameters: {22 + 2 * i}M" for i in range(3)]
    turned = [[*shown[k:], *shown[:k]] for k in range(orders)]
    return [compact_prompt(TaskCard("a task", METRIC), each, asked) for each in turned]


def estimates(model, ledger, rows=3, orders=2, **options):
    asker = Asker(model, ledger, Budget(model, FREE), 1)
    found = {}
    estimator = Estimator(asker, METRIC, LABELS, **options)
    estimator.estimate(prompts(orders), range(rows), lambda row, e: found.update({row: e}))
    return asker, [found[row] for row in range(rows)]


def test_expected_values_come_with_a_spread_and_from_the_ledger_again(model, ledger):
    _, first = estimates(model, ledger)
    low, high = METRIC.plausible(LABELS)
    assert all(low < each.mean < high and each.std > 0 and len(each.values) == 2 for each in first)
    calls = ledger.totals().calls
    offline = LocalModel("smollm2-135m")
    asker, second = estimates(offline, ledger)
    assert second == first
    assert offline._server is None
    assert ledger.totals().calls == calls == asker.answered_by_ledger
    assert ledger.totals().dollars == 0.0


def test_reusing_prefixes_changes_no_number(model, ledger, tmp_path):
    plain = LocalModel("smollm2-135m", context=1024, slots=2, threads=1, reuse=False)
    plain._server = model.load()
    _, reused = estimates(model, ledger, 2, 1)
    fresh = Ledger(tmp_path / "other.sqlite")
    _, whole = estimates(plain, fresh, 2, 1)
    assert ledger.totals().cached_tokens > 0.5 * ledger.totals().prompt_tokens
    assert fresh.totals().cached_tokens == 0
    fresh.close()
    assert reused == whole


def test_median_and_text_are_other_ways_to_read_it(model, ledger):
    _, median = estimates(model, ledger, how="median")
    _, greedy = estimates(model, ledger, how="greedy")
    low, high = METRIC.plausible(LABELS)
    assert all(low < each.mean < high for each in median)
    assert all(each.reason or 0 <= each.mean <= 100 for each in greedy)


def test_a_slot_belongs_to_a_prefix_until_another_needs_it(model):
    assert isinstance(model, LanguageModel)
    slots = [model._slot(prefix) for prefix in ("a", "b", "a", "c", "a", "b")]
    assert slots == [slots[0], slots[1], slots[0], slots[1], slots[0], slots[1]]


def test_continuations_are_scored(model):
    scores = model.score("The capital of France is", [" Paris", " Paris.", " zzqj"])
    assert scores[0] > scores[1] > scores[2]
    assert scores[2] == -np.inf


def test_tokens_are_counted_exactly_once_loaded(model):
    text = "decoder layers: 3, BLEU: 25.31"
    model.load()
    (reply,) = model.complete([Request("", text, Decoding(1))])
    assert model.count_tokens(text) in (reply.usage.prompt, reply.usage.prompt - 1)
    assert LocalModel("smollm2-135m").count_tokens(text) >= model.count_tokens(text) / 2


class Refusing:
    """The runtime when a prompt is too long for it: it raises nothing."""

    def handle_completions(self, body):
        return {
            "error": {"code": 400, "message": "request (900 tokens) exceeds the available context size (512 tokens)"}
        }

    handle_embeddings = handle_completions


class Raising:
    def handle_completions(self, body):
        raise ValueError("no such thing")

    handle_embeddings = handle_completions


@pytest.mark.parametrize(
    ("server", "said"), [(Refusing(), "exceeds the available context"), (Raising(), "no such thing")]
)
def test_what_the_runtime_refuses_is_told(server, said):
    model, embedder = LocalModel("smollm2-135m", context=512), Embedder("smollm2-135m")
    model._server = embedder._server = server
    with pytest.raises(LanguageModelError, match=said) as caught:
        model.complete([Request("a long prompt", "", Decoding(1))])
    assert "--demonstrations" in str(caught.value) or isinstance(server, Raising)
    with pytest.raises(LanguageModelError, match=said):
        embedder.embed(["a long text"])


def test_what_is_no_model_is_refused(tmp_path):
    path = tmp_path / "no.gguf"
    path.write_bytes(b"GGUF but not really")
    with pytest.raises(LanguageModelError, match="must be a GGUF model"):
        start_server(str(path), context=256)
