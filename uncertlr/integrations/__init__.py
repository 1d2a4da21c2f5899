"""The scheduler in a training loop that is not ours: `listen`, and callbacks for Lightning and the Hugging Face Trainer."""

from uncertlr.integrations.listener import Listener, find_scheduler, listen

__all__ = ["Listener", "find_scheduler", "listen"]
