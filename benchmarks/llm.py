"""How fast language-model predictions are: the embedded model, prefix reuse, and an endpoint that takes 200 ms.

    .venv/bin/python benchmarks/llm.py local        gemma-3-270m: predictions/s, compact template, one order
    .venv/bin/python benchmarks/llm.py prefix       the paper's template with and without prefix reuse
    .venv/bin/python benchmarks/llm.py endpoint     3,000 calls, concurrency 32, and a second run from the ledger
    .venv/bin/python benchmarks/llm.py tokens       tokens billed with faults, and with ten architectures a request

Each prints one JSON object. The numbers in docs/llm.md come from here.
"""

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from foretell import spaces
from foretell.llm import Budget, Decoding, LanguageModel, Ledger, Request, Session
from foretell.llm.api import ApiModel
from foretell.llm.asking import Asker
from foretell.llm.local import LocalModel
from foretell.llm.prices import FREE
from foretell.predictors import Context
from foretell.predictors.labelling import draw_architectures
from foretell.predictors.llm import Llm
from foretell.spaces import Population
from foretell.testing import make_observations

sys.path.insert(0, str(Path(__file__).parents[1]))
SPACE = spaces.create("hat-wmt14-en-de")


def predictor(folder: str, model: LanguageModel, **options: Any) -> Llm:
    """A fitted predictor with a ledger of its own."""
    session = Session(model, Ledger(Path(folder) / f"{time.monotonic_ns()}.sqlite"), Budget(model, FREE), attempts=1)
    return Llm(Context(SPACE), session=session, **options).fit(make_observations(SPACE, 10))


def timed(model_predictor: Llm, rows: Population) -> tuple[float, np.ndarray]:
    """Seconds of a prediction, and its means."""
    start = time.perf_counter()
    found = model_predictor.predict(rows)
    return time.perf_counter() - start, found.mean


def local(folder: str) -> dict[str, float]:
    """Predictions a second, the time to read the demonstrations counted and not counted."""
    one = predictor(folder, LocalModel("gemma-3-270m"), orders=1)
    rows = draw_architectures(SPACE, 60, 0)
    one.session.model.load()
    first, _ = timed(one, rows[:1])
    seconds, _ = timed(one, rows[1:])
    distinct = len({query for prompt in one.prompts(rows[1:]) for query in prompt.queries})
    return {"first_seconds": first, "architectures": 59, "distinct_prompts": distinct, "per_second": distinct / seconds}


def prefix(folder: str) -> dict[str, float]:
    """Seconds for the paper's prompt, and the largest difference between the two ways' predictions."""
    rows = draw_architectures(SPACE, 4, 0)
    reused = predictor(folder, LocalModel("gemma-3-270m", slots=1), orders=1, template="paper")
    timed(reused, rows[:1])
    fast, with_reuse = timed(reused, rows[1:])
    whole = predictor(folder, LocalModel("gemma-3-270m", slots=1, reuse=False), orders=1, template="paper")
    whole.session.model._server = reused.session.model.load()
    slow, without = timed(whole, rows[1:])
    return {
        "with_reuse_seconds": fast / 3,
        "without_seconds": slow / 3,
        "times_faster": slow / fast,
        "largest_difference": float(np.abs(with_reuse - without).max()),
    }


def endpoint(folder: str) -> dict[str, float]:
    """3,000 calls to a local server that answers after 200 ms."""
    from tests.llm.fault_server import FaultServer

    asked = [Request("shared\n", f"parameters: {i}M, BLEU: ", Decoding(25)) for i in range(3000)]
    with FaultServer(delay=0.2) as server:
        model = ApiModel("fake", server.url)
        asker = Asker(model, Ledger(Path(folder) / "endpoint.sqlite"), Budget(model, FREE))
        seconds = []
        for _ in range(2):
            start = time.perf_counter()
            asker.ask(asked)
            seconds.append(time.perf_counter() - start)
        return {"seconds": seconds[0], "again_seconds": seconds[1], "calls": server.calls, "limit": 3000 / 32 * 0.2}


def tokens(folder: str) -> dict[str, float]:
    """Tokens billed for the paper's prompt: the least possible, with one request in five failing, and ten a request."""
    from tests.llm.fault_server import FaultServer

    rows = draw_architectures(SPACE, 300, 0)
    billed = []
    for rate, several in ((0.0, 1), (0.2, 1), (0.0, 10)):
        with FaultServer(rate=rate, faults=("429", "500", "reset", "empty", "not-json")) as server:
            model = ApiModel("fake", server.url, pauses=(0.005, 0.02))
            predictor(folder, model, template="paper", per_request=several).predict(rows)
            billed.append(server.tokens)
    least, faulty, together = billed
    return {"least": least, "overhead_with_faults": faulty / least - 1, "times_fewer_ten_a_request": least / together}


if __name__ == "__main__":
    parts = {"local": local, "prefix": prefix, "endpoint": endpoint, "tokens": tokens}
    if len(sys.argv) != 2 or sys.argv[1] not in parts:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as temporary:
        print(json.dumps(parts[sys.argv[1]](temporary)))
