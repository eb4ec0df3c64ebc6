"""What every predictor may know of the job before it sees a label."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from foretell.costs import LatencyModel
from foretell.metrics import PRIMARY_METRIC, Metric, metric_from
from foretell.predictors.columns import Columns
from foretell.spaces import SearchSpace

if TYPE_CHECKING:
    from foretell.predictors.records import Record
    from foretell.tasks import Batch

__all__ = ["Context"]


@dataclass(frozen=True)
class Context:
    """The surroundings of a predictor.

    Attributes:
        space: The space of the architectures; None: that of the first observations it is fitted on.
        metric: What its scores estimate: a metric, or the key of one that `foretell.metrics.metric_named` knows.
        columns: Scores and costs on record; those of the labelled observations are added at `fit`.
        latency: Predicts latency from the genes, where a device was measured.
        vocabulary: Size of the task's vocabulary for counting embeddings; None: the space's nominal one.
        classes: That the task tells apart; None: the space's nominal number.
        seed: Of everything random inside.
        batch: One mini-batch of the task, for predictors that run an untrained network.
        task: What prompts call the task; empty: what the observations' provenance says.
        examples: A few of the task's sentence pairs (source, target), for prompts.
        records: Labels of other tasks; None: those that come with foretell.
        judged: Fingerprints of tasks and corpora whose records nobody may learn from.
        disjoint: Whether an architecture's labels on other tasks are left out when it is predicted.
    """

    space: SearchSpace | None = None
    metric: str | Metric = PRIMARY_METRIC
    columns: Columns = field(default_factory=Columns)
    latency: LatencyModel | None = None
    vocabulary: int | None = None
    classes: int | None = None
    seed: int = 0
    batch: Batch | None = None
    task: str = ""
    examples: tuple[tuple[str, str], ...] = ()
    records: tuple[Record, ...] | None = None
    judged: frozenset[str] = frozenset()
    disjoint: bool = False

    @property
    def quality(self) -> Metric:
        """The metric itself: unit, bounds, direction."""
        return metric_from(self.metric)
