import pytest

from tests.faults.children import tiny
from uncertlr.training.run import run


@pytest.fixture(scope="session")
def references(tmp_path_factory):
    """Runs that nothing happened to, by their seed; each is trained once."""
    root, found = tmp_path_factory.mktemp("references"), {}

    def reference(seed: int = 0):
        if seed not in found:
            found[seed] = run(tiny(root, seed=seed))
        return found[seed]

    return reference
