"""Measured latency: the wall-clock time of translating one sentence, as its user waits for it.

The encoder runs once, then the decoder token by token with cached keys and values, the beam's bookkeeping
and the output layer included. Every sentence gets the same number of tokens: an end mark stops nothing.
Machines drift: neighbours, clocks and heat make whole minutes slow (REFERENCE 6.4). So every timed
translation is paired with one of a probe, the space's smallest architecture, made just before. What is
kept is their ratio, times what the probe takes when the machine is undisturbed: the fastest tenth of all
probes under the same setting.

HAT timed with dropout and autograd on, and without the beam's bookkeeping (REFERENCE 6.1); users have it
the other way round.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from foretell.errors import InputError
from foretell.progress import track
from foretell.records import append_jsonl, fingerprint, read_jsonl, storage
from foretell.spaces import Architecture, Population, SearchSpace, TransformerShape

if TYPE_CHECKING:
    import torch

__all__ = ["LatencySetting", "measure_latency", "measured_latency"]

_FORMAT = 1
_LEAST_REPEATS = 3
_FIRST_WORD = 4
"""The token ids below are marks (foretell.nn.tokens)."""


@dataclass(frozen=True)
class LatencySetting:
    """All that a latency depends on beside the architecture.

    Attributes:
        space: The space.
        vocabulary: Size of the task's vocabulary, which sets the cost of the output layer.
        sentence_length: Tokens of the source, and of the translation.
        beam: Hypotheses of the beam search.
        device: "cpu", "cuda" or "cuda:1".
        threads: Threads of the CPU that one translation may use.
    """

    space: SearchSpace
    vocabulary: int
    sentence_length: int
    beam: int = 4
    device: str = "cpu"
    threads: int = 1

    def describe(self) -> dict[str, Any]:
        """The setting as JSON values, with the name of the device and the software."""
        import torch

        gpu = self.device.startswith("cuda")
        values = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "space"}
        return {
            "space": self.space.name,
            "space_fingerprint": self.space.fingerprint,
            **values,
            "device_name": torch.cuda.get_device_name(self.device) if gpu else _processor(),
            "torch": torch.__version__,
        }

    @property
    def key(self) -> str:
        """Equal for measurements that may be mixed."""
        return fingerprint(self.describe())


def measure_latency(
    setting: LatencySetting,
    population: Population,
    path: Path | str | None = None,
    *,
    repeats: int = 15,
    warm_up: int = 3,
    seconds: float = 0.4,
    again: bool = False,
) -> list[dict[str, Any]]:
    """Measure each distinct architecture of a population, in the order given.

    Args:
        setting: On what, and how.
        population: `int16 [n, columns]`.
        path: A JSON-lines file to which every record is appended (with fsync) as soon as it is measured;
            architectures that it holds under the same setting are not measured again.
        repeats: Timed translations of each architecture; their median is its latency.
        warm_up: Translations before them that are not timed.
        seconds: Most time for the repeats of one architecture; three are made in any case.
        again: Measure also what the file holds already, as one does with the winner of a search; the file's
            probes still say what an undisturbed machine takes.

    Returns:
        One record for each distinct architecture, in the order given: `architecture`, `latency_ms`
        (corrected for drift), `measured_ms` (as the clock had it), `probe_ms`, `ratio`, `ratio_spread`
        (from the first to the third quartile), `repeats`, `measured_at`, `setting`, `key`.

    Raises:
        InputError: The device is not there.
        StorageError: The disk refused; the records before are kept.
    """
    _check_device(setting.device)
    key, described = setting.key, setting.describe()
    architectures = list(dict.fromkeys(setting.space.architectures(population)))
    known = _read_records(Path(path), key) if path is not None else {}
    todo = [item for item in architectures if again or item.key not in known]
    with track("latency", len(todo)) as meter, _threads(setting.threads):
        probe = _translation(setting, setting.space.smallest())
        for done, architecture in enumerate(todo):
            timing = _time(setting, _translation(setting, architecture), probe, repeats, warm_up, seconds)
            record = {
                "format": _FORMAT,
                "key": key,
                "architecture_key": architecture.key,
                "architecture": architecture.to_dict(),
                **timing,
                "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
                "setting": described,
            }
            if path is not None:
                _append(Path(path), record)
            known[architecture.key] = record
            meter.update(done + 1, f"{timing['measured_ms']:.1f} ms")
    undisturbed = float(np.quantile([record["probe_ms"] for record in known.values()], 0.1)) if known else 0.0
    return [{**known[item.key], "latency_ms": known[item.key]["ratio"] * undisturbed} for item in architectures]


def measured_latency(space: SearchSpace, records: list[dict[str, Any]]) -> tuple[Population, npt.NDArray[np.float64]]:
    """Records as a population `int16 [n, columns]` and its milliseconds `float64 [n]`."""
    architectures = [Architecture.from_dict(space, record["architecture"]) for record in records]
    return space.population(architectures), np.array([record["latency_ms"] for record in records], dtype=np.float64)


def _read_records(path: Path, key: str) -> dict[str, dict[str, Any]]:
    rows = read_jsonl(path, repair=True)
    return {row["architecture_key"]: row for row in rows if row.get("key") == key}


def _append(path: Path, record: dict[str, Any]) -> None:
    with storage(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a", encoding="utf-8")
    with file:
        append_jsonl(file, [record])


def _time(
    setting: LatencySetting,
    translate: Callable[[], None],
    probe: Callable[[], None],
    repeats: int,
    warm_up: int,
    seconds: float,
) -> dict[str, float]:
    """Milliseconds of one architecture and of the probe at the same moments."""
    for _ in range(warm_up):
        translate()
    pairs: list[tuple[float, float]] = []
    end = time.perf_counter() + seconds
    while len(pairs) < _LEAST_REPEATS or (len(pairs) < repeats and time.perf_counter() < end):
        pairs.append((_clock(setting, probe), _clock(setting, translate)))
    probed, timed = np.array(pairs).T
    low, ratio, high = np.quantile(timed / probed, [0.25, 0.5, 0.75])
    return {
        "measured_ms": float(np.median(timed)),
        "probe_ms": float(np.median(probed)),
        "ratio": float(ratio),
        "ratio_spread": float(high - low),
        "repeats": len(pairs),
    }


def _translation(setting: LatencySetting, architecture: Architecture) -> Callable[[], None]:
    """A call that translates one sentence with a network of that architecture and random weights."""
    import torch

    from foretell.nn import EOS, Seq2SeqTransformer

    shape = TransformerShape.of(architecture)
    with torch.random.fork_rng(devices=[]), torch.device(setting.device):
        torch.manual_seed(0)
        network = Seq2SeqTransformer(shape, setting.space.backbone, setting.vocabulary).eval()
        source = torch.randint(_FIRST_WORD, setting.vocabulary, (1, setting.sentence_length))
        first = torch.full((setting.beam,), EOS)
        nothing = torch.zeros(setting.beam)

    @torch.inference_mode()
    def translate() -> None:
        state = network.start(network.encode(source))
        tokens, scores = first, nothing
        for _ in range(setting.sentence_length):
            gains = network.logits(network.step(tokens, state)).log_softmax(-1)
            scores, parents, tokens = _best(scores, gains)
            state.select(parents)

    return translate


def _best(scores: torch.Tensor, gains: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The beam's bookkeeping: scores, rows and tokens of the best continuations, each `[beam]`."""
    beam, vocabulary = gains.shape
    best, flat = (scores[:, None] + gains).flatten().topk(2 * beam)
    best, flat = best[:beam], flat[:beam]
    return best, flat.div(vocabulary, rounding_mode="floor"), flat.remainder(vocabulary)


def _clock(setting: LatencySetting, call: Callable[[], None]) -> float:
    """Milliseconds of a call."""
    if setting.device.startswith("cuda"):
        return _gpu_clock(call)
    # The time of a single thread leaves out when other processes had the processor. Several threads have
    # no such clock.
    clock = time.thread_time if setting.threads == 1 else time.perf_counter
    start = clock()
    call()
    return (clock() - start) * 1000


def _gpu_clock(call: Callable[[], None]) -> float:
    import torch

    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
    start.record()
    call()
    end.record()
    torch.cuda.synchronize()
    return float(start.elapsed_time(end))


@contextmanager
def _threads(count: int) -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _check_device(name: str) -> None:
    import torch

    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InputError(f"{name!r} is not a device; give cpu, cuda or cuda:N.") from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise InputError(f"the device {name} is not there; this machine has {torch.cuda.device_count()} GPUs.")


def _processor() -> str:
    """The CPU's name, as far as the system tells."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
