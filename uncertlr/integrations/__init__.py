"""The scheduler in a training loop that is not ours: `UncertaintyMonitor`, and callbacks for Lightning and Hugging Face."""

from uncertlr.integrations.monitor import Observation, UncertaintyMonitor
from uncertlr.integrations.search import find_scheduler, find_schedulers

__all__ = ["Observation", "UncertaintyMonitor", "find_scheduler", "find_schedulers"]
