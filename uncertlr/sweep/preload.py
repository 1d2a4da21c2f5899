"""What a run loads when it is first needed, loaded at once: by the one process that workers are forked off."""

import contextlib
from importlib import import_module

for name in ("distributed", "pyarrow.dataset", "sklearn.datasets", "torch._dynamo", "uncertlr.sweep.worker"):
    with contextlib.suppress(ImportError):  # a worker that needs it will say what is missing
        import_module(name)
