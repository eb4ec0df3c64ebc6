"""Predictors: architecture to score, each behind the same two methods."""

from foretell.predictors.base import Prediction, Predictor, Report, Spent
from foretell.predictors.columns import Columns
from foretell.predictors.context import Context
from foretell.predictors.labels import EqualLabelsError, Labels, TooFewLabelsError
from foretell.predictors.leave_one_out import leave_one_out
from foretell.predictors.registry import create, describe, names
from foretell.predictors.selection import select
from foretell.predictors.storage import load, save

__all__ = [
    "Columns",
    "Context",
    "EqualLabelsError",
    "Labels",
    "Prediction",
    "Predictor",
    "Report",
    "Spent",
    "TooFewLabelsError",
    "create",
    "describe",
    "leave_one_out",
    "load",
    "names",
    "save",
    "select",
]
