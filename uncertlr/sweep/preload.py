"""What a run loads when it is first needed, loaded at once: by the one process that workers are forked off."""

import contextlib
import signal
from importlib import import_module

signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the sweep's, which ends this process and those forked off it
for name in ("distributed", "pyarrow.dataset", "sklearn.datasets", "torch._dynamo", "uncertlr.sweep.worker"):
    with contextlib.suppress(ImportError):  # a worker that needs it will say what is missing
        import_module(name)
