"""Figures of the tables of arXiv 2310.16712, as printed there, beside which ours can be set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["SEARCH_TABLES", "TABLE_1", "TASKS", "PaperRow", "SearchTable"]

TASKS = {"wmt14ende": "WMT'14 En-De", "wmt14enfr": "WMT'14 En-Fr", "wmt19ende": "WMT'19 En-De"}
"""The tasks of TFS-Eval, in the order of the tables."""


@dataclass(frozen=True)
class PaperRow:
    """A row of Table 1: mean absolute error in BLEU and Kendall's tau of valid BLEU, by task in the order of `TASKS`.

    Attributes:
        name: As it is called there.
        mae: Over three divisions into ten demonstrations and twenty to predict.
        tau: The same.
        ours: The predictor that is the same thing here; empty where there is none.
    """

    name: str
    mae: tuple[float, float, float]
    tau: tuple[float, float, float]
    ours: str = ""


TABLE_1 = (
    PaperRow("HAT", (1.14, 1.59, 0.91), (0.71, 0.79, 0.72), "column:HAT"),
    PaperRow("Supernet (Sandwich)", (1.05, 1.27, 0.91), (0.81, 0.78, 0.72), "column:Supernet (Sandwich)"),
    PaperRow("Layer-wise MoS", (0.97, 1.16, 0.96), (0.56, 0.79, 0.74), "column:Layer-wise MoS"),
    PaperRow("Neuron-wise MoS", (0.87, 1.18, 0.87), (0.79, 0.87, 0.67), "column:Neuron-wise MoS"),
    PaperRow("LLM-PP ChatGPT", (0.42, 0.82, 0.72), (0.52, 0.61, 0.56), "llm"),
    PaperRow("LLM-PP GPT-4", (0.28, 0.28, 0.32), (0.65, 0.75, 0.65), "llm"),
    PaperRow("LLM-Distill-PP ChatGPT", (0.32, 1.01, 0.95), (0.60, 0.79, 0.65)),
    PaperRow("LLM-Distill-PP GPT-4", (0.22, 0.34, 0.38), (0.64, 0.76, 0.68)),
)


@dataclass(frozen=True)
class SearchTable:
    """A table of searches: by row test BLEU, latency in ms, GFLOPs, size in millions of parameters, hours of search.

    Attributes:
        about: What is compared.
        rows: By what stands in the first column.
    """

    about: str
    rows: Mapping[str, tuple[float, float, float, float, float]]


SEARCH_TABLES = {
    "table-2": SearchTable(
        "HS-NAS(GPT-4, HAT, 1, 15) and supernets alone at 100 ms",
        {
            "WMT'14 En-De, HAT": (27.9, 102.0, 3.0, 64.4, 1.09),
            "WMT'14 En-De, Layer-wise MoS": (27.8, 100.4, 3.08, 64.4, 1.45),
            "WMT'14 En-De, Neuron-wise MoS": (28.0, 99.0, 3.26, 72.2, 1.39),
            "WMT'14 En-De, HS-NAS": (27.9, 99.7, 2.96, 63.1, 0.56),
            "WMT'14 En-Fr, HAT": (40.8, 96.4, 2.61, 63.8, 6.33),
            "WMT'14 En-Fr, Layer-wise MoS": (40.5, 99.4, 2.96, 70.5, 6.81),
            "WMT'14 En-Fr, Neuron-wise MoS": (40.9, 97.6, 3.13, 70.5, 7.03),
            "WMT'14 En-Fr, HS-NAS": (40.7, 98.2, 2.54, 63.8, 3.15),
            "WMT'19 En-De, HAT": (44.7, 100.8, 3.0, 73.06, 1.11),
            "WMT'19 En-De, Layer-wise MoS": (44.9, 96.8, 3.26, 82.95, 1.13),
            "WMT'19 En-De, Neuron-wise MoS": (44.9, 122.4, 3.34, 82.95, 1.21),
            "WMT'19 En-De, HS-NAS": (44.4, 70.0, 2.51, 66.36, 0.46),
        },
    ),
    "table-3": SearchTable(
        "WMT'14 En-Fr at 150 and 200 ms",
        {
            "150 ms, HAT": (41.3, 176.4, 3.31, 74.3, 7.33),
            "150 ms, Layer-wise MoS": (41.4, 158.7, 4.3, 92.8, 8.39),
            "150 ms, Neuron-wise MoS": (41.4, 200.2, 4.26, 92.8, 8.35),
            "150 ms, HS-NAS": (41.4, 172.6, 3.31, 74.3, 3.69),
            "200 ms, HAT": (41.5, 187.5, 3.7, 79.5, 7.8),
            "200 ms, Layer-wise MoS": (41.4, 205.6, 4.49, 99.4, 8.63),
            "200 ms, Neuron-wise MoS": (41.6, 184.1, 4.53, 99.4, 8.77),
            "200 ms, HS-NAS": (42.0, 187.8, 3.7, 79.5, 3.88),
        },
    ),
    "table-4": SearchTable(
        "the schedule: which iterations the language model's student scores (start, end), WMT'14 En-De at 100 ms",
        {
            "HAT": (27.9, 102.0, 3.0, 64.4, 1.09),
            "(1, 30)": (27.5, 99.3, 3.34, 72.2, 0.04),
            "(1, 5)": (27.4, 100.4, 2.96, 63.1, 0.97),
            "(25, 30)": (28.0, 119.1, 3.18, 70.9, 0.95),
            "(1, 15)": (27.9, 99.7, 2.96, 63.1, 0.56),
            "(16, 30)": (27.6, 101.7, 3.34, 72.2, 0.75),
            "(1, 25)": (27.7, 98.9, 3.01, 63.1, 0.23),
        },
    ),
}
"""Not here: Tables 7 to 11, which vary seeds, limits, supernets and iterations of the same searches."""
