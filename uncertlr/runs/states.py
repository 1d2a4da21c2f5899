"""Which runs are done, found without reading them."""

from collections.abc import Sequence

from uncertlr.config import RunConfig
from uncertlr.runs.archive import published_ids
from uncertlr.runs.paths import paths_of


def run_states(configs: Sequence[RunConfig]) -> list[str]:
    """Of each run: published, done, partial (begun and not finished) or missing."""
    published = published_ids()

    def state(config: RunConfig) -> str:
        paths = paths_of(config)
        if config.run_id in published:
            return "published"
        return "done" if paths.complete else "partial" if paths.config.is_file() else "missing"

    return [state(config) for config in configs]
