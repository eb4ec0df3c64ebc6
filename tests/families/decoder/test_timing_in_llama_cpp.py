"""What is timed in llama.cpp is what is timed in torch; what it cannot run is said."""

import sys

import pytest

from foretell import spaces
from foretell.costs import LatencySetting, Repeats, fit_latency, measure_latency, random_and_extreme
from foretell.costs.latency import check_setting, read_samples
from foretell.errors import InputError
from foretell.families.decoder.genes import Backbone
from foretell.families.decoder.spaces import decoder_space
from foretell.study import StudyConfig
from foretell.study.device import latency_setting, quick_check

pytestmark = pytest.mark.network

GENES = {"width": (64, 32), "layers": (3, 2, 1), "heads": (2, 0), "kv-heads": (2, 1), "ffn": (64, 32, 0)}
SPACE = decoder_space("tiny-lm", GENES, Backbone(head_size=16, context=48, vocabulary=50))
STUDY = StudyConfig(space="small-lm", task="language_model", latency={"runtime": "llama.cpp"})


def setting(cost="latency_ms", tokens=48, **values):
    return LatencySetting(SPACE, 50, {"tokens": tokens}, cost, runtime="llama.cpp", **values)


@pytest.fixture(autouse=True)
def _installed():
    pytest.importorskip("xllamacpp", reason="needs the extra local")
    pytest.importorskip("gguf", reason="needs the extra hf")


class Heard:
    """A server whose replies are looked at."""

    def __init__(self, server):
        self.server, self.timings = server, []

    def handle_completions(self, body):
        reply = self.server.handle_completions(body)
        self.timings.append(reply["timings"])
        return reply


@pytest.mark.parametrize(
    ("cost", "tokens", "read", "kept", "written"),
    [
        ("prefill_latency_ms", 48, 48, 0, 1),
        ("prefill_latency_ms", 70, 70, 0, 1),  # longer than the space's context
        ("latency_ms", 48, 1, 32, 16),  # the last of them ends the context
        ("latency_ms", 5, 1, 0, 5),
    ],
)
def test_a_prompt_is_read_whole_and_a_token_more_with_what_is_kept(cost, tokens, read, kept, written):
    where = setting(cost, tokens)
    server = Heard(SPACE.family.timed_network(where, SPACE.largest()))
    step = SPACE.family.timed_step(where, server)
    for _ in range(2):
        inside, wall = step()
    assert 0 < inside < wall
    told = server.timings[-1]
    assert (told["prompt_n"], told["cache_n"], told["predicted_n"]) == (read, kept, written)
    assert wall > (told["prompt_ms"] + told["predicted_ms"]) / written


def test_measured_fitted_and_kept_apart_from_torch(tmp_path):
    path = tmp_path / "samples.jsonl"
    where = setting(precision="q8_0")
    records = measure_latency(where, random_and_extreme(SPACE, 24), path, repeats=Repeats(seconds=0.02))
    described = records[0]["setting"]
    assert (described["runtime"], described["precision"], "torch" in described) == ("llama.cpp", "q8_0", False)
    assert described["xllamacpp"]
    assert where.key != LatencySetting(SPACE, 50, {"tokens": 48}).key
    predictor = fit_latency(read_samples(path, SPACE), ["physical"]).predictor
    assert predictor.setting["runtime"] == "llama.cpp"


def test_a_study_says_where_its_latencies_are_measured():
    space = spaces.create("small-lm")
    found = latency_setting(space, STUDY, 1000, "prefill_latency@512")
    assert (found.runtime, found.device, found.sizes) == ("llama.cpp", "cpu", {"tokens": 512})
    assert found.cost == "prefill_latency_ms"
    assert STUDY.model_dump()["latency"]["runtime"] == "llama.cpp"
    assert "runtime" not in StudyConfig().model_dump()["latency"]  # names of what came before do not change


def test_what_llama_cpp_does_not_run_is_said():
    gelu = decoder_space("tiny-gelu", GENES, Backbone(head_size=16, context=48, feed_forward="gelu"))
    with pytest.raises(InputError, match="gated feed-forward networks, and tiny-gelu is a space of others"):
        check_setting(LatencySetting(gelu, 50, {"tokens": 48}, runtime="llama.cpp"))
    seq2seq = spaces.create("small-seq2seq")
    with pytest.raises(InputError, match="and small-seq2seq is a space of others; leave the latency's runtime out"):
        quick_check(seq2seq, STUDY.model_copy(update={"space": "small-seq2seq"}), 1000)
    with pytest.raises(InputError, match="one text is timed on the CPU, not 2 on cpu; give batch 1"):
        check_setting(setting(batch=2))
    with pytest.raises(InputError, match="energy and memory are measured in torch"):
        measure_latency(setting(), SPACE.population([SPACE.smallest()]), resources=True)
    with pytest.raises(InputError, match="or another precision"):
        check_setting(LatencySetting(SPACE, 50, {"tokens": 48}, precision="q8_0"))


def test_one_sentence_where_it_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(InputError) as raised:
        quick_check(spaces.create("small-lm"), STUDY, 1000)
    assert str(raised.value) == (
        "this needs the runtime xllamacpp, which is not installed: pip install 'foretell[local]', or leave the "
        "latency's runtime out, and it is measured in torch."
    )
