"""The command line."""

from uncertlr.cli.main import main

__all__ = ["main"]
