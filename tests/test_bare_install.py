"""The library with torch and numpy alone: the wheel is built, and every other distribution is blocked at import."""

import subprocess
import sys
import zipfile

import pytest

from uncertlr.runs.paths import project_folder

SCRIPT = """
import sys
from importlib.machinery import BuiltinImporter, FrozenImporter, PathFinder
from importlib.metadata import packages_distributions, requires
import re


def with_dependencies(distribution, seen):
    if distribution in seen:
        return seen
    seen.add(distribution)
    try:
        for line in requires(distribution) or []:
            if "extra ==" not in line:
                with_dependencies(re.match(r"[\\w.-]+", line)[0].lower().replace("_", "-"), seen)
    except Exception:
        pass
    return seen


allowed = {"uncertlr"} | with_dependencies("torch", set()) | {"numpy"}
blocked = {
    package
    for package, names in packages_distributions().items()
    if not {name.lower().replace("_", "-") for name in names} & allowed
}


class Allowed:  # finds what torch and numpy bring along, and nothing else: as if the rest were not installed
    @staticmethod
    def find_spec(name, path=None, target=None):
        return None if name.split(".")[0] in blocked else PathFinder.find_spec(name, path, target)


sys.meta_path[:] = [finder for finder in sys.meta_path if finder in (BuiltinImporter, FrozenImporter)] + [Allowed]
assert {"pandas", "scipy", "pydantic", "matplotlib"} <= blocked

import torch
import uncertlr

assert uncertlr.__file__.startswith(sys.argv[1]), uncertlr.__file__
"""
STEPS = """
names = [name for name, (module, extra) in uncertlr._API.items() if not extra]
for name in names:
    globals()[name] = getattr(uncertlr, name)

model = torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.ReLU(), torch.nn.Dropout(0.5), torch.nn.Linear(16, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
scheduler = UncertaintyLR(optimizer, PowerLaw(exponent=-1.0, reference=1.0))
monitor = UncertaintyMonitor(model, scheduler)
inputs, targets = torch.randn(32, 4), torch.randint(3, (32,))
for _ in range(10):
    loss = torch.nn.functional.cross_entropy(model(inputs), targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
assert len(monitor.history) == 10
monitor.remove()
prediction = MCDropout(8).estimate(model, inputs)
from uncertlr.metrics import reliability_curve

curve = reliability_curve(prediction.mean_probs, targets)
assert 0.0 <= float(expected_calibration_error(curve)) <= 1.0
try:
    uncertlr.run
except ImportError as error:
    print(error)
try:
    import uncertlr.cli
except SystemExit as error:
    print(error)
print(scheduler.get_last_lr()[0])
"""


@pytest.mark.slow
def test_ten_steps_with_torch_and_numpy_alone(tmp_path):
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    source = tmp_path / "source"
    tracked = subprocess.run(
        ["git", "-C", str(project_folder()), "ls-files", "uncertlr", "pyproject.toml", "README.md", "LICENSE"],
        capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    for name in tracked:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes((project_folder() / name).read_bytes())
    subprocess.run([*pip, "--wheel-dir", str(tmp_path), str(source)], check=True, capture_output=True, text=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    packed = {str(path.relative_to(tmp_path / "installed")) for path in (tmp_path / "installed").rglob("*")}
    assert [name for name in tracked if name.startswith("uncertlr/") and name not in packed] == [], "code, types, scripts"
    script = tmp_path / "script.py"
    script.write_text(SCRIPT + STEPS)
    installed = str(tmp_path / "installed")
    result = subprocess.run(
        [sys.executable, "-P", str(script), installed],
        capture_output=True, text=True, cwd=tmp_path, env={"PYTHONPATH": installed, "PATH": ""},
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    *messages, rate = result.stdout.strip().splitlines()
    assert len(messages) == 2, "one of the function, one of the command"
    assert all("pip install 'uncertlr[experiments]'" in message for message in messages)
    assert 0.001 < float(rate) < 0.1
