"""The scheduler in a training loop that is not ours: `listen`, and callbacks for Lightning and the Hugging Face Trainer."""

from uncertlr.integrations.listener import Listener, listen, stop_listening
from uncertlr.integrations.search import find_scheduler

__all__ = ["Listener", "find_scheduler", "listen", "stop_listening"]
