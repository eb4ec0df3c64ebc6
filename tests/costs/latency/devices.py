"""Devices that exist on paper: deterministic times for architectures of the small space."""

import numpy as np

from foretell import spaces
from foretell.costs.latency.inputs import LatencyInputs
from foretell.spaces import Population

SMALL = spaces.create("small-seq2seq")


def paper_device(population: Population) -> np.ndarray:
    """1 ms, and a time for every layer and for what is in it."""
    values = SMALL.features(population, "hat")
    names = [gene.name for gene in SMALL.genes]
    depth, width, ffn = (
        values[:, names.index(f"decoder-{kind}")] for kind in ("layer-num", "embed-dim", "ffn-embed-dim-all")
    )
    return 1 + 0.1 * values[:, names.index("encoder-layer-num")] + depth * (1.2 + width / 200 + width * ffn / 30_000)


def noisy_inputs(n: int, seed: int, spread: float = 0.02) -> tuple[LatencyInputs, np.ndarray]:
    """Architectures and their times on that device, with log-normal noise."""
    rng = np.random.default_rng(seed)
    population = SMALL.sample(n, rng)
    return LatencyInputs.of(SMALL, population), paper_device(population) * rng.lognormal(0, spread, n)
