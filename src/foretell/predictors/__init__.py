"""Predictors: architecture to score, each behind the same two methods."""

from foretell.predictors.base import Piecewise, Prediction, Predictor, Report, Spent
from foretell.predictors.columns import Columns
from foretell.predictors.context import Context
from foretell.predictors.few_shot import FewShot
from foretell.predictors.labels import Labels, TooFewLabelsError
from foretell.predictors.leave_one_out import leave_one_out
from foretell.predictors.registry import create, describe, names
from foretell.predictors.selection import select
from foretell.predictors.storage import load, save

__all__ = [
    "Columns",
    "Context",
    "FewShot",
    "Labels",
    "Piecewise",
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
