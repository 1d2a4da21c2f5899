"""Pure functions on tensors: uncertainty, scores, calibration, convergence."""

from uncertlr.metrics.calibration import (
    ReliabilityCurve,
    bootstrap_intervals,
    expected_calibration_error,
    maximum_calibration_error,
    reliability_curve,
)
from uncertlr.metrics.convergence import Censored, time_to_minimum, time_to_target
from uncertlr.metrics.debiased import debiased_calibration_error, debiased_error_of_curve
from uncertlr.metrics.discrimination import error_auroc
from uncertlr.metrics.probabilities import class_log_probs, class_probs, cross_entropy
from uncertlr.metrics.scoring import accuracy, brier, negative_log_likelihood, precision_recall_f1, scores
from uncertlr.metrics.temperature import fit_temperature, scale_probs
from uncertlr.metrics.uncertainty import (
    categorical_entropy,
    expected_entropy,
    max_entropy,
    mutual_information,
    predictive_entropy,
)

__all__ = [
    "Censored",
    "ReliabilityCurve",
    "accuracy",
    "bootstrap_intervals",
    "brier",
    "categorical_entropy",
    "class_log_probs",
    "class_probs",
    "cross_entropy",
    "debiased_calibration_error",
    "debiased_error_of_curve",
    "error_auroc",
    "expected_calibration_error",
    "expected_entropy",
    "fit_temperature",
    "max_entropy",
    "maximum_calibration_error",
    "mutual_information",
    "negative_log_likelihood",
    "precision_recall_f1",
    "predictive_entropy",
    "reliability_curve",
    "scale_probs",
    "scores",
    "time_to_minimum",
    "time_to_target",
]
