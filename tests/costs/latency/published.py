"""Files in the published layout, on paper devices."""

from pathlib import Path

import numpy as np

from foretell.published.hat_latency import HAT_LATENCY_COLUMNS


def rows(n: int, seed: int = 0) -> np.ndarray:
    """The ten averages, decoder time 10 ms + 40 ms a layer and something for its widths, [n, 14]."""
    rng = np.random.default_rng(seed)
    depth = rng.integers(1, 7, n)
    columns = [
        rng.choice([512, 640], n),
        np.full(n, 6),
        rng.uniform(512, 3072, n),
        rng.uniform(2, 8, n),
        rng.choice([512, 640], n),
        depth,
        rng.uniform(512, 3072, n),
        rng.uniform(2, 8, n),
        rng.uniform(2, 8, n),
        rng.uniform(1, 3, n),
    ]
    x = np.stack(columns, axis=1)
    decoder = (10 + 40 * depth + x[:, 4] * x[:, 6] * depth / 512**2 * 2) * rng.lognormal(0, 0.02, n)
    return np.column_stack([x, np.full(n, 6.0), decoder, np.zeros((n, 2))])


def write_csv(
    path: Path, n: int, seed: int = 0, *, slow: slice | None = None, values: np.ndarray | None = None
) -> Path:
    table = rows(n, seed) if values is None else values
    if slow is not None:
        table[slow, 10:12] *= 1.3
    lines = [",".join(map(repr, line)) for line in table.tolist()]
    path.write_text("\n".join([",".join(HAT_LATENCY_COLUMNS), *lines]) + "\n")
    return path
