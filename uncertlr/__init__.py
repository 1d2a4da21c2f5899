"""uncertlr: let a network's own predictive uncertainty set its learning rate, and judge whether it should.

Names are imported when they are first used, so that ``import uncertlr`` loads neither torch nor numpy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from uncertlr import plots as plots
    from uncertlr.analysis.results import load_results as load_results
    from uncertlr.analysis.results import load_run as load_run
    from uncertlr.book.claims import Claims as Claims
    from uncertlr.config import RunConfig as RunConfig
    from uncertlr.config import preset as preset
    from uncertlr.estimators import AnalyticDropout as AnalyticDropout
    from uncertlr.estimators import Deterministic as Deterministic
    from uncertlr.estimators import Ensemble as Ensemble
    from uncertlr.estimators import Laplace as Laplace
    from uncertlr.estimators import MCDropout as MCDropout
    from uncertlr.estimators import Prediction as Prediction
    from uncertlr.estimators import Variational as Variational
    from uncertlr.integrations import UncertaintyMonitor as UncertaintyMonitor
    from uncertlr.metrics import expected_calibration_error as expected_calibration_error
    from uncertlr.schedulers import BoldDriver as BoldDriver
    from uncertlr.schedulers import Bounds as Bounds
    from uncertlr.schedulers import Integral as Integral
    from uncertlr.schedulers import PowerLaw as PowerLaw
    from uncertlr.schedulers import RelativeThreshold as RelativeThreshold
    from uncertlr.schedulers import Replay as Replay
    from uncertlr.schedulers import Threshold as Threshold
    from uncertlr.schedulers import UncertaintyLR as UncertaintyLR
    from uncertlr.schedulers import load_schedule as load_schedule
    from uncertlr.training.build import load_config_data as load_config_data
    from uncertlr.training.finished import find as find
    from uncertlr.training.own import own as own
    from uncertlr.training.progress import Callback as Callback
    from uncertlr.training.run import run as run
    from uncertlr.training.tensorboard import TensorBoard as TensorBoard

__version__ = "0.1.0"

_RULES = ("BoldDriver", "Integral", "PowerLaw", "RelativeThreshold", "Replay", "Threshold")
_ESTIMATORS = ("AnalyticDropout", "Deterministic", "Ensemble", "Laplace", "MCDropout", "Prediction", "Variational")

_API: dict[str, tuple[str, str]] = {
    **dict.fromkeys((*_RULES, "UncertaintyLR", "load_schedule"), ("uncertlr.schedulers", "")),
    **dict.fromkeys(_ESTIMATORS, ("uncertlr.estimators", "")),
    "UncertaintyMonitor": ("uncertlr.integrations", ""),
    "Bounds": ("uncertlr.schedulers", ""),
    "expected_calibration_error": ("uncertlr.metrics", ""),
    "RunConfig": ("uncertlr.config", "experiments"),
    "preset": ("uncertlr.config", "experiments"),
    "run": ("uncertlr.training.run", "experiments"),
    "own": ("uncertlr.training.own", "experiments"),
    "Callback": ("uncertlr.training.progress", "experiments"),
    "TensorBoard": ("uncertlr.training.tensorboard", "experiments"),
    "find": ("uncertlr.training.finished", "experiments"),
    "load_config_data": ("uncertlr.training.build", "experiments"),
    "load_run": ("uncertlr.analysis.results", "experiments"),
    "load_results": ("uncertlr.analysis.results", "experiments"),
    "plots": ("uncertlr", "plots"),
    "Claims": ("uncertlr.book.claims", "experiments"),
}
"""Public names, with the module that has each and the extra that it needs."""

__all__ = sorted([*_API, "__version__"])


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used.

    Raises:
        AttributeError: there is no such name.
        ImportError: a package is missing that the name needs; says which extra to install.
    """
    if name not in _API:
        raise AttributeError(f"module 'uncertlr' has no attribute {name!r}")
    module, extra = _API[name]
    try:
        value = import_module(f"{module}.{name}") if module == "uncertlr" else getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        if not extra or (error.name or "").startswith("uncertlr"):
            raise
        raise ImportError(f"uncertlr.{name} needs the package {error.name!r}: pip install 'uncertlr[{extra}]'") from None
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
