"""Observations: an architecture with what was measured on it, on disk, and published data of that kind."""

from foretell.observations.collection import ObservationSet, Split
from foretell.observations.columns import cost_column, metric_column, population_of, score_column
from foretell.observations.files import ObservationWriter, read_observations, write_observations
from foretell.observations.loading import load
from foretell.observations.observation import GROUP, OWN_UNIT, Observation

__all__ = [
    "GROUP",
    "OWN_UNIT",
    "Observation",
    "ObservationSet",
    "ObservationWriter",
    "Split",
    "cost_column",
    "load",
    "metric_column",
    "population_of",
    "read_observations",
    "score_column",
    "write_observations",
]
