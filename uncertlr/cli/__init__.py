"""The command line."""

try:
    from uncertlr.cli.main import main
except ModuleNotFoundError as error:
    if (error.name or "").startswith("uncertlr"):
        raise
    raise SystemExit(f"the command uncertlr needs the package {error.name!r}: pip install 'uncertlr[experiments]'") from None

__all__ = ["main"]
