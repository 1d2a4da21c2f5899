"""Estimators: a model and a batch in, a `Prediction` with its uncertainty out."""

from uncertlr.estimators.analytic_dropout import AnalyticDropout
from uncertlr.estimators.deterministic import Deterministic
from uncertlr.estimators.mc_dropout import MCDropout
from uncertlr.estimators.prediction import Estimator, Prediction

__all__ = ["AnalyticDropout", "Deterministic", "Estimator", "MCDropout", "Prediction"]
