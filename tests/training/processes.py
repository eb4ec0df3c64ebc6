"""What a process of its own trains in a test: tiny supernets, one after the other."""

import json
import sys
from pathlib import Path
from unittest.mock import patch

import torch

from foretell.errors import ForetellError
from foretell.tasks.translation import ParallelCorpus, Task
from foretell.training import Recipe, SinglePath, SupernetOptions, train_supernet
from tests.families.encoder_decoder.cases import SPACES
from tests.toy import pairs

SPACE = SPACES["pre-shared"]
RECIPE = Recipe(updates=12, warmup=2, validate_every=3, max_tokens=128, tokens_per_update=256, dropout=0.0)


def tiny_task(cache):
    found = pairs(300)
    corpus = ParallelCorpus("en", "de", found[:250], found[250:280], found[280:], {"name": "reversed words"})
    return Task.of(corpus, 64, cache)


def run(root, kinds):
    """Train each kind in a folder of its name; the histories, and the architectures of every update."""
    torch.set_num_threads(1)
    drawn = []
    original = SinglePath.at

    def at(self, update):
        found = original(self, update)
        drawn.append([update, found[0].key])
        return found

    task, options = tiny_task(root / "cache"), SupernetOptions(router_width=8)
    with patch.object(SinglePath, "at", at):
        trained = {k: train_supernet(SPACE, task, RECIPE, root / k, kind=k, options=options)[1] for k in kinds}
    return {"histories": {kind: result.history for kind, result in trained.items()}, "drawn": drawn}


def main(arguments):
    """The exit code of a process that is given its folder, its rank and kinds."""
    root, rank, *kinds = arguments
    try:
        (Path(root) / f"result-{rank}.json").write_text(json.dumps(run(Path(root), kinds)))
    except ForetellError as error:
        print(error, file=sys.stderr)
        return 1
    return 0
