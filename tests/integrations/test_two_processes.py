import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("two_processes.py")


@pytest.mark.parametrize(("how", "steps"), [("ddp", 6), pytest.param("accelerate", 12, marks=pytest.mark.slow)])
def test_both_processes_make_the_same_decision_once_a_step(how, steps, tmp_path):
    if how == "accelerate" and not find_spec("accelerate"):
        pytest.skip("the transformers extra is not installed")
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run([*launch, str(SCRIPT), how, str(tmp_path)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1))
    assert first == second
    one, other = first["local"]
    assert one != other
    assert first["readings"][0] == pytest.approx((one + other) / 2, abs=1e-6)
    factor = 1.0
    for reading, rate in zip(first["readings"], first["rates"], strict=True):
        factor = max(0.01, min(10.0, factor * (0.5 if reading > 0.9 else 1.1)))
        assert rate == pytest.approx(0.1 * factor)
    assert first["steps"] == steps, "Accelerate steps a scheduler once for each process"
