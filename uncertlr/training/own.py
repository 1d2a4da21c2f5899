"""Rules and networks of a user's own, named in a configuration by class and settings, or by a name."""

import hashlib
import importlib
import inspect
import json
import os
import re
import sys
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any, Literal

from torch import Tensor, nn

from uncertlr.config import RunConfig
from uncertlr.data import DataSet
from uncertlr.errors import ConfigError
from uncertlr.models.split import SplitClassifier
from uncertlr.schedulers import Bounds, Rule
from uncertlr.schedulers.saved_rules import description_of

Factory = Callable[[DataSet], nn.Module]
"""Makes a network for a data set, of which ``num_classes`` and the shape of ``train.inputs`` say what it needs."""

_given: dict[str, Any] = {}
"""Rules and factories that this process was given, by how a configuration names them."""

REFERENCE = re.compile(r"(?:(?P<module>[\w.]+):)?(?P<name>[^{]+?)(?: (?P<settings>\{.*\}))?")


def own(config: RunConfig, *, rule: Rule | None = None, model: Factory | None = None, name: str = "") -> RunConfig:
    """The configuration of a run with a rule or a network of one's own; for `run`, `find` and sweeps.

    A rule is named by its class and settings, a network by the function that makes it. What can be imported is found again
    in another process, such as a sweep's worker; what is defined in a notebook or a script only in its own.

    Args:
        config: all else.
        rule: any rule, see `uncertlr.schedulers.Rule`.
        model: called with the data set; gives a network with as many logits as there are classes, or one for two classes.
        name: of the network, or of the rule where no network is given, in place of its own.

    Raises:
        ConfigError: the rule is none, the network is no function, or its settings are no plain values.
    """
    if rule is not None:
        _refuse_other_than_rule(rule, f"rule={_name_of(rule)}")
        reference = name if name and model is None else _reference(rule)
        _given[_without_module(reference)] = rule
        config = config.replace(rule="own", own_rule=reference)
    if model is not None:
        if not callable(model) or isinstance(model, nn.Module):
            raise ConfigError(
                f"model={_name_of(model)} must be a function of the data set that makes a network, not a network"
            )
        reference = name or _reference(model)
        _given[_without_module(reference)] = model
        config = config.replace(model="own", own_model=reference)
    return config


def own_rule(config: RunConfig) -> Rule:
    """The rule that a configuration names.

    Raises:
        ConfigError: it cannot be found, or is no rule.
    """
    rule = _resolve("own_rule", config.own_rule)
    _refuse_other_than_rule(rule, f"own_rule={config.own_rule!r}")
    return rule  # type: ignore[no-any-return]


def own_model(config: RunConfig, data: DataSet) -> nn.Module:
    """The network that a configuration names; one without `features` and `head` is taken as a head as a whole.

    Raises:
        ConfigError: it cannot be found, or what it makes is no network.
    """
    model = _resolve("own_model", config.own_model)(data)
    if not isinstance(model, nn.Module):
        raise ConfigError(f"own_model={config.own_model!r} made a {type(model).__name__}, no torch.nn.Module")
    return model if isinstance(model, SplitClassifier) else Whole(model)


class Whole(nn.Module):
    """A network of any form as one whose head is all of it, so that each sample of a prediction is a pass of its own."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.head = network

    def features(self, inputs: Tensor) -> Tensor:
        """The inputs as they are."""
        return inputs

    def forward(self, inputs: Tensor) -> Tensor:
        """The network's logits."""
        return self.head(inputs)  # type: ignore[no-any-return]


def canonical(config: RunConfig) -> RunConfig:
    """The same run as it is named when its rule and network are given as objects, with all settings.

    Raises:
        ConfigError: they cannot be found.
    """
    rule = own_rule(config) if ":" in config.own_rule else None
    model = _resolve("own_model", config.own_model) if ":" in config.own_model else None
    return own(config, rule=rule, model=model)


def sources(config: RunConfig) -> dict[str, str]:
    """A fingerprint of the code of each rule and network of one's own, where it can be read."""
    found: dict[str, str] = {}
    for field in ("own_rule", "own_model"):
        reference = getattr(config, field)
        value = _given.get(_without_module(reference))
        if reference and value is not None:
            code = value if inspect.isfunction(value) or inspect.isclass(value) else type(value)
            try:
                found[field] = hashlib.sha256(inspect.getsource(code).encode()).hexdigest()
            except (OSError, TypeError):  # typed at a prompt
                continue
    return found


def _refuse_other_than_rule(rule: Any, named: str) -> None:
    needed = ("init", "update", "factor", "signal_range")
    if lacking := [each for each in needed if not hasattr(rule, each)]:
        raise ConfigError(f"{named} is no rule, it lacks {', '.join(lacking)}: it needs {', '.join(needed)}")


def _reference(value: Any) -> str:
    code = value if inspect.isfunction(value) or inspect.isclass(value) else type(value)
    importable = code.__module__ != "__main__" and "<" not in code.__qualname__
    settings = description_of(value) if hasattr(value, "signal_range") else {}
    settings = {name: each for name, each in settings.items() if name != "name"}
    try:
        text = f" {json.dumps(settings, sort_keys=True)}" if settings else ""
    except TypeError:
        raise ConfigError(f"{_name_of(value)} has settings that are no plain values; give it a name=") from None
    if not settings and code is not value and not hasattr(value, "signal_range"):
        raise ConfigError(f"model={_name_of(value)} is neither a function nor a class; give it a name=")
    return (f"{code.__module__}:" if importable else "") + code.__qualname__.rpartition(".")[2] + text


def _name_of(value: Any) -> str:
    return str(getattr(value, "__qualname__", type(value).__qualname__))


def _without_module(reference: str) -> str:
    found = REFERENCE.fullmatch(reference)
    return reference[found.end("module") + 1 :] if found and found["module"] else reference


def _resolve(field: Literal["own_rule", "own_model"], reference: str) -> Any:
    if (known := _given.get(_without_module(reference))) is not None:
        return known
    found = REFERENCE.fullmatch(reference)
    if not found or not found["module"]:
        raise ConfigError(
            f"{field}={reference!r} was defined in another process; put it into a module of its own, and name it as "
            "module:Name, or give it to run or own here"
        )
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())  # a command has the folder of its program there
    try:
        value = getattr(importlib.import_module(found["module"]), found["name"])
        settings = json.loads(found["settings"] or "{}")
        if field == "own_rule":
            value = value(**{name: _setting(value, name, each) for name, each in settings.items()})
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise ConfigError(f"{field}={reference!r} cannot be made: {error}") from None
    _given[_without_module(reference)] = value
    return value


def _setting(kind: Any, name: str, value: Any) -> Any:
    """A setting of a rule from its stored form: bounds are a mapping there."""
    declared = {field.name for field in fields(kind)} if is_dataclass(kind) else set()
    return Bounds(**value) if name == "bounds" and name in declared and isinstance(value, dict) else value
