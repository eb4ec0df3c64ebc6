"""Latency: measured on a device against a probe, and predicted from few measurements."""

from foretell.costs.latency.accuracy import CURVE_SIZES, LatencyFit, fit_latency, learning_curve, published_split
from foretell.costs.latency.export import EXPORT_FORMATS, export_network
from foretell.costs.latency.form import DEFAULT_FORMS, FORMS, LatencyForm
from foretell.costs.latency.inputs import LatencyInputs
from foretell.costs.latency.measuring import drift_summary, measure_latency, measured_latency, random_and_extreme
from foretell.costs.latency.predictor import LatencyPredictor
from foretell.costs.latency.samples import LatencySamples, read_samples, samples_of_records
from foretell.costs.latency.setting import LatencySetting, Precision, Runtime, check_setting, device_name
from foretell.costs.latency.slow_blocks import SlowBlock, find_slow_blocks
from foretell.costs.latency.timing import Repeats

__all__ = [
    "CURVE_SIZES",
    "DEFAULT_FORMS",
    "EXPORT_FORMATS",
    "FORMS",
    "LatencyFit",
    "LatencyForm",
    "LatencyInputs",
    "LatencyPredictor",
    "LatencySamples",
    "LatencySetting",
    "Precision",
    "Repeats",
    "Runtime",
    "SlowBlock",
    "check_setting",
    "device_name",
    "drift_summary",
    "export_network",
    "find_slow_blocks",
    "fit_latency",
    "learning_curve",
    "measure_latency",
    "measured_latency",
    "published_split",
    "random_and_extreme",
    "read_samples",
    "samples_of_records",
]
