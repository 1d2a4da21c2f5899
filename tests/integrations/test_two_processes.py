import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("two_processes.py")


WAYS = {"ddp": "head", "fsdp": "logits", "apart": "head", "accelerate": "head"}


@pytest.mark.slow
@pytest.mark.parametrize("launched", [["ddp", "fsdp", "apart"], ["accelerate"]])
def test_two_processes_decide_on_the_weighted_mean_of_both_and_train_as_without(launched, tmp_path):
    """Several ways in one launch: to start two processes takes far longer than to train."""
    if "accelerate" in launched and not find_spec("accelerate"):
        pytest.skip("the transformers extra is not installed")
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run([*launch, str(SCRIPT), str(tmp_path), *launched], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    for how in launched:
        check(how, [json.loads((tmp_path / f"{how}-{rank}.json").read_text()) for rank in (0, 1)])


def check(how, both):
    first, second = (each["monitored"] for each in both)
    if how != "accelerate":
        for each in both:
            assert all(each["monitored"][part] == each["alone"][part] for part in ("weights", "random", "rates"))
    assert {row[2] for row in first["history"]} == {WAYS[how]}
    assert (len(first["history"]), len(second["history"])) == (6, 5), "one process paused once"
    assert first["warnings"] == second["warnings"] == (how == "apart")
    if how == "apart":
        assert first["decided"] == []
        return
    assert first["decided"] == second["decided"], "and nothing hangs"
    assert first["rates"] == second["rates"]
    assert first["other_rates"] == second["other_rates"]
    factors = [1.0]
    for start in (0, 2, 4) if how != "accelerate" else ():
        rows = [row for each in (first, second) for row in each["history"] if start <= row[0] < start + 2]
        mean = sum(row[1] * row[3] for row in rows) / sum(row[3] for row in rows)
        factors.append(factors[-1] * (0.5 if mean > 0.9 else 1.1))
        assert first["other_rates"][start // 2] == pytest.approx(0.1 * factors[-1])
    decided = [pair for pair in first["decided"] if pair[1]]
    assert len(decided) == 6
    for step, (total, weight) in enumerate(decided):
        rows = [
            row for each in (first, second) for row in each["history"] if row[0] // (2 if how == "accelerate" else 1) == step
        ]
        assert weight == sum(row[3] for row in rows)
        assert total == pytest.approx(sum(row[1] * row[3] for row in rows))
