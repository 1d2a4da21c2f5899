"""Cells of notebooks that tests write."""

import nbformat

from uncertlr.config import RunConfig


def parameters_cell(config: RunConfig) -> nbformat.NotebookNode:
    """A cell with the tag ``parameters`` that assigns every field of a configuration."""
    lines = [f"{name} = {value!r}" for name, value in config.model_dump().items()]
    return nbformat.v4.new_code_cell("\n".join(lines), metadata={"tags": ["parameters"]})
