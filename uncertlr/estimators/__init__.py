"""Estimators: a model and a batch in, a `Prediction` with its uncertainty out."""

from uncertlr.estimators.analytic_dropout import AnalyticDropout
from uncertlr.estimators.deterministic import Deterministic
from uncertlr.estimators.ensemble import Ensemble
from uncertlr.estimators.laplace import Laplace, fit_laplace
from uncertlr.estimators.mc_dropout import MCDropout
from uncertlr.estimators.prediction import Estimator, Prediction
from uncertlr.estimators.variational import Variational

__all__ = [
    "AnalyticDropout",
    "Deterministic",
    "Ensemble",
    "Estimator",
    "Laplace",
    "MCDropout",
    "Prediction",
    "Variational",
    "fit_laplace",
]
