"""A rule from a reader's file against fixed schedules and its own yoked replay, as a sweep."""

import hashlib
import importlib
import inspect
import json
import math
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

from uncertlr.config import RunConfig, preset
from uncertlr.errors import ConfigError
from uncertlr.runs.files import write_atomically
from uncertlr.runs.paths import default_root
from uncertlr.schedulers import Rule, simulate
from uncertlr.sweep.facts import Facts
from uncertlr.sweep.file import read_grid
from uncertlr.sweep.grid import Job, read_sweep
from uncertlr.training.own import own

RULE_PARTS = ("init", "update", "factor", "signal_range")
FIXED_ARMS: dict[str, dict[str, str]] = {"constant": {}, "one_cycle": {"schedule": "one_cycle"}}
"""Arms that every rule is compared with."""

TRIAL_SIGNALS = [1.0 - step / 500 for step in range(501)]
"""Signal values that a rule must accept before anything is trained: from the maximum of the entropy down to zero."""


@dataclass(frozen=True)
class Challenge:
    """A rule's sweep.

    Attributes:
        arm: of the rule.
        jobs: all runs.
        facts: which arms are compared.
    """

    arm: str
    jobs: tuple[Job, ...]
    facts: Facts


def write_challenge(
    file: Path,
    root: str = "",
    *,
    dataset: str = "digits",
    profile: str = "standard",
    seeds: int = 5,
    base: Mapping[str, Any] | None = None,
) -> Challenge:
    """Write the sweep that challenges a rule: the rule, a constant rate, one-cycle, and the rule's yoked replay.

    The rule's code is copied into a folder whose name holds a hash of it, and the runs of the rule and of its replay lie
    there. So the worker processes find the code, a changed rule has new runs, and the other runs are trained once.

    Args:
        file: Python code with one rule in it, see `rule_in`.
        root: folder of the runs; empty for the usual one.
        dataset: a named data set, or a folder.
        profile: how much data and how many epochs.
        seeds: how many pairs.
        base: further fields of RunConfig for all arms.

    Raises:
        ConfigError: there is not one rule in the file, or it fails.
    """
    module = _imported(file, root)
    rule = _rule_of(module, file)
    arm, folder = type(rule).__name__, Path(str(module.__file__)).parent
    if arm in FIXED_ARMS:
        raise ConfigError(f"{file}: {arm!r} is the name of a schedule that the rule is compared with; name the class anew")
    own_rule = own(preset(dataset, profile), rule=rule).own_rule
    arms = {**FIXED_ARMS, arm: {"rule": "own", "own_rule": own_rule}, f"{arm}_yoked": {"replay_of": arm}}
    grid = {"experiment": dataset, "profile": profile, "baselines": list(FIXED_ARMS), "seeds": seeds}
    text = yaml.safe_dump({**grid, "base": dict(base or {}), "arms": arms}, sort_keys=False).encode()
    sweep = folder / f"sweep-{hashlib.sha256(text).hexdigest()[:8]}.yaml"
    write_atomically(sweep, text)
    jobs = (
        job if job.arm in FIXED_ARMS else replace(job, config=job.config.replace(root=str(folder)))
        for job in read_sweep(sweep, root)
    )
    return Challenge(arm, tuple(jobs), read_grid(sweep).facts)


def rule_in(file: Path, root: str = "") -> Rule:
    """The one rule of a file: what it calls ``rule``, else its only class that is one, with its default settings.

    Args:
        file: Python code.
        root: folder of the runs, where the copy is kept that is imported.

    Raises:
        ConfigError: there is no such file, no rule or several in it, or the rule fails on signal values in [0, 1].
    """
    return _rule_of(_imported(file, root), file)


def _rule_of(module: ModuleType, file: Path) -> Rule:
    rule = getattr(module, "rule", None)
    if rule is None:
        classes = [each for each in vars(module).values() if inspect.isclass(each) and each.__module__ == module.__name__]
        rules = [each for each in classes if all(hasattr(each, part) for part in RULE_PARTS)]
        if len(rules) != 1:
            found = "no rule" if not rules else f"several rules ({', '.join(each.__name__ for each in rules)})"
            raise ConfigError(f"{file}: {found}; define one class with {', '.join(RULE_PARTS)}, or set rule = ...")
        rule = _tried(file, rules[0])
    if missing := [part for part in RULE_PARTS if not hasattr(rule, part)]:
        raise ConfigError(f"{file}: rule={rule!r} has no {missing[0]}; a rule has {', '.join(RULE_PARTS)}")
    _refuse_failing(file, rule)
    return rule  # type: ignore[no-any-return]


def expected_seconds(missing: Sequence[RunConfig], seconds_per_epoch: float, workers: int) -> float:
    """How long runs take side by side, without the start of the processes."""
    return sum(config.epochs for config in missing) * seconds_per_epoch / max(1, min(workers, len(missing)))


def _refuse_failing(file: Path, rule: Rule) -> None:
    low, high = rule.signal_range
    if low > 0 or high < 1:
        raise ConfigError(f"{file}: signal_range={rule.signal_range} must hold [0, 1], the range of the normalized entropy")
    factors = _tried(file, lambda: simulate(rule, TRIAL_SIGNALS))
    _tried(file, lambda: json.dumps(rule.update(rule.init(), 0.5)))
    if bad := [each for each in factors if not (isinstance(each, int | float) and math.isfinite(each) and each >= 0)]:
        raise ConfigError(f"{file}: {type(rule).__name__} gives the factor {bad[0]!r}; it must be finite and at least 0")


def _tried(file: Path, call: Callable[[], Any]) -> Any:
    """What a reader's code gives; whatever it raises becomes one line."""
    try:
        return call()
    except Exception as error:
        name = f" of {call.__name__}" if inspect.isclass(call) else ""
        raise ConfigError(f"{file}: the rule{name} fails: {type(error).__name__}: {error}") from None


def _imported(file: Path, root: str) -> ModuleType:
    try:
        code = file.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read the rule {file}: {error.strerror or error}") from None
    name = f"{re.sub(r'[^0-9a-zA-Z_]', '_', file.stem)}_{hashlib.sha256(code).hexdigest()[:8]}"
    copy = (Path(root) if root else default_root()).resolve() / "challenges" / name / f"{name}.py"
    if not copy.is_file():
        copy.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(copy, code)
    # workers start with this process's path; the rule may import what lies beside it
    sys.path += [folder for folder in (str(copy.parent), str(file.resolve().parent)) if folder not in sys.path]
    importlib.invalidate_caches()
    try:
        return importlib.import_module(name)
    except Exception as error:
        raise ConfigError(f"{file}: cannot be imported: {type(error).__name__}: {error}") from None
