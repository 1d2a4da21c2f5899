"""What may stand in a sweep's file: one model of the whole and one of an arm; whatever is wrong is an error of one line."""

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

import yaml
from annotated_types import Ge, MinLen
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from uncertlr.config import EXECUTION_FIELDS, PRESETS, PROFILES, Count, shown_name, stored_names, whole_number
from uncertlr.errors import ConfigError, hint, located
from uncertlr.sweep.facts import ARM_FACTS, Facts, require_arm

SourceRuns = Literal["next", "others", "own"]
"""Which runs of another arm a control's runs replay, each in its own ring of seeds."""

SOURCE_RUNS = f"one of {', '.join(get_args(SourceRuns))}, or how many seeds further the source run is"

SETTLED = {
    "threads": "each run of a sweep has one thread, and --workers says how many runs are carried out at a time",
    "progress": "a sweep shows its own progress",
}
"""Fields of RunConfig that a sweep decides itself."""

HOMES = {
    "dataset": "'experiment'",
    "seed": "'seeds'",
    "seeds": "the sweep itself, or an arm that runs on fewer,",
    "source_runs": "an arm with 'replay_of'",
    "device": "the command line, as --device",
    "root": "the command line, as --root",
}
"""Where names belong that are no settings of runs."""


class _Part(BaseModel):
    """A part of the file. A field's description says what its value must be."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Self:
        """The part that a mapping of the file describes.

        Raises:
            ConfigError: the first thing that is wrong: its name, its value and what it must be.
        """
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            raise ConfigError(cls._message(error, given)) from None

    @classmethod
    def _message(cls, error: ValidationError, given: Mapping[str, Any]) -> str:
        first = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")  # a misspelt key is missing, too
        raised = first.get("ctx", {}).get("error")
        if isinstance(raised, ConfigError):
            return str(raised)
        name, *inner = map(str, first["loc"])
        if first["type"] == "extra_forbidden":
            return f"unknown key {name!r}; {hint(name, cls.model_fields)}"
        if first["type"] == "missing":
            return f"{name!r} is missing"
        what = cls.model_fields[name].description
        if inner and isinstance(given[name], Mapping):
            return f"{name}: {shown_name(inner[0])}={first['input']!r} must be {what}"
        return f"{name}={given[name]!r} must be {what}"


class Range(BaseModel):
    """Where the trials of a setting lie, evenly in its value or in its logarithm."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    low: float  # not strict: YAML reads 1e-4 as text
    high: float
    log: StrictBool = False

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.low >= self.high or (self.log and self.low <= 0):
            raise ValueError("the ends do not fit")
        return self


class Arm(_Part):
    """One arm: fields of RunConfig, by the names that are stored, and what the sweep does with them."""

    settings: dict[str, Any] = {}
    seeds: Annotated[int, Ge(1)] = Field(0, description="a count from 1 on, of the first seeds of the sweep")
    replay_of: Any = None
    source_runs: SourceRuns | Annotated[int, Ge(1)] | list[Any] | None = Field(
        None, description=f"{SOURCE_RUNS}, or a list of runs"
    )
    matched_mean_rate_of: Any = None
    matched_constant_rate_of: Any = None
    ablation_of: Any = None

    @field_validator("seeds", mode="before")
    @classmethod
    def _seeds_as_a_number(cls, value: object) -> object:
        return whole_number(value)

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Self:
        """An arm, whose settings stand among its other keys in the file."""
        own = cls.model_fields.keys() - {"settings"}
        fields = stored_names(given)
        keys = {"source_runs" if name == "donors" else name: fields.pop(name) for name in (*own, "donors") if name in fields}
        return super().read({**keys, "settings": {name: _setting(name, value) for name, value in _allowed(fields).items()}})

    @property
    def is_control(self) -> bool:
        """Whether it replays the runs of another arm, or shuffles the signal that they observed."""
        return "replay_of" in self.model_fields_set

    @property
    def ranges(self) -> dict[str, Range]:
        """The settings that are tried at several values."""
        return {name: value for name, value in self.settings.items() if isinstance(value, Range)}

    def with_settings(self, values: Mapping[str, Any]) -> Self:
        """The same arm with other values of some settings."""
        return self.model_copy(update={"settings": {**self.settings, **values}})

    def written(self) -> dict[str, Any]:
        """The arm as it stands in a file, without the facts."""
        keys = self.model_dump(exclude={"settings", *ARM_FACTS}, exclude_unset=True)
        settings = {shown_name(name): value for name, value in self.settings.items()}
        rule = {"rule": shown_name(settings["rule"])} if "rule" in settings else {}
        return {**keys, **settings, **rule}


class SweepFile(_Part):
    """A sweep's file, everything filled in that may be left out."""

    experiment: str
    profile: str = "exact"
    protocol_fixed: str = ""
    chosen_on_validation: bool = Field(False, description="true or false")
    baselines: Annotated[list[Any], BeforeValidator(lambda value: value or [])] = Field([], description="a list of arms")
    seeds: Annotated[list[Count], MinLen(1)] = Field(
        [0], description="a count of at least 1, or a list of whole numbers from 0 on"
    )
    base: dict[str, Any] = {}
    product: dict[str, Annotated[list[Any], MinLen(1)]] = Field({}, description="a list of at least one value")
    trials: Annotated[int, Ge(1)] = Field(0, description="a count of at least 1")
    arms: dict[str, Arm]

    @field_validator("experiment", mode="before")
    @classmethod
    def _is_a_data_set(cls, name: object) -> object:
        if not isinstance(name, str) or (name not in PRESETS and not Path(name).expanduser().is_dir()):
            raise ConfigError(f"experiment={name!r} is no data set; choose {', '.join(PRESETS)}, or an existing folder")
        return name

    @field_validator("profile", mode="before")
    @classmethod
    def _is_a_profile(cls, name: object) -> object:
        if name not in list(PROFILES):
            raise ConfigError(f"unknown profile {name!r}; choose one of {', '.join(PROFILES)}")
        return name

    @field_validator("protocol_fixed", mode="before")
    @classmethod
    def _in_iso_format(cls, value: object) -> str:
        if not value:
            return ""
        try:  # YAML reads an unquoted time as a datetime
            time = value if isinstance(value, datetime.datetime) else datetime.datetime.fromisoformat(str(value))
        except ValueError:
            raise ConfigError(f"protocol_fixed={value!r} must be a time in UTC such as 2026-11-23T19:09:11") from None
        return time.replace(tzinfo=None).isoformat()

    @field_validator("trials", mode="before")
    @classmethod
    def _trials_as_a_number(cls, value: object) -> object:
        return whole_number(value)

    @field_validator("seeds", mode="before")
    @classmethod
    def _counted_from_zero(cls, value: object) -> object:
        count = whole_number(value)
        return list(range(count)) if type(count) is int else value

    @field_validator("seeds")
    @classmethod
    def _each_once(cls, seeds: list[int]) -> list[int]:
        if len(set(seeds)) < len(seeds):
            raise ConfigError(f"seeds={seeds}: a seed is given twice")
        return seeds

    @field_validator("base", "product", mode="before")
    @classmethod
    def _settings_of_every_arm(cls, given: object, info: ValidationInfo) -> dict[str, Any]:
        assert info.field_name
        with located(info.field_name):
            return stored_names(_allowed(_mapping(given)))

    @field_validator("arms", mode="before")
    @classmethod
    def _arms(cls, given: object) -> dict[str, Arm]:
        with located("arms"):
            mapping = _mapping(given)
        arms = {}
        for name, fields in mapping.items():
            with located(f"arm {name!r}"):
                arms[name] = Arm.read(_mapping(fields))
        if not arms:
            raise ConfigError("'arms' is missing")
        return arms

    @model_validator(mode="after")
    def _arms_fit_the_rest(self) -> Self:
        for name, arm in self.arms.items():
            if both := sorted(arm.settings.keys() & self.product.keys()):
                raise ConfigError(f"arm {name!r}: {both[0]} is varied by the product; give it in one place only")
            for key, other in _stated(arm):
                require_arm(f"arm {name!r}: {key}", other, [known for known in self.arms if known != name])
        for name in self.baselines:
            require_arm("baselines", name, self.arms)
        for kind, of_kind in (("mean", self.facts.matched_mean_rates), ("constant", self.facts.matched_constant_rates)):
            for other, names in of_kind.items():
                if len(names) > 1:
                    raise ConfigError(f"{', '.join(names)}: arm {other!r} has more than one matched {kind} rate")
        return self

    @property
    def facts(self) -> Facts:
        """What the file states about its study beside the runs."""
        stated: dict[str, dict[str, tuple[str, ...]]] = {field: {} for field in ARM_FACTS.values()}
        for name, arm in self.arms.items():
            for key, other in _stated(arm):
                arms = stated[ARM_FACTS[key]]
                arms[other] = (*arms.get(other, ()), name)
        return Facts(self.protocol_fixed, self.chosen_on_validation, tuple(self.baselines), **stated)


def read_grid(path: str | Path) -> SweepFile:
    """A sweep's file as it stands: checked, and no run made of it.

    Raises:
        ConfigError: what the file gets wrong, with its name.
    """
    given = _load(Path(path))
    with located(str(path)):
        return SweepFile.read(_mapping(given))


def _stated(arm: Arm) -> list[tuple[str, Any]]:
    """The facts that an arm states, each with the arm that it names."""
    return [(key, getattr(arm, key)) for key in ARM_FACTS if key in arm.model_fields_set]


def _mapping(value: object) -> dict[str, Any]:
    value = {} if value is None else value
    if not isinstance(value, dict):
        raise ConfigError(f"{value!r} must be a mapping of names to values")
    for name in value:
        if not isinstance(name, str):
            raise ConfigError(f"the name {name!r} is not text; put it in quotes")
    return value


def _allowed(fields: dict[str, Any]) -> dict[str, Any]:
    """Settings of runs, none of which the sweep itself decides."""
    for name in fields:
        if name in HOMES:
            raise ConfigError(f"{name!r} belongs in {HOMES[name]}")
        if name in EXECUTION_FIELDS:
            raise ConfigError(f"leave {name!r} out; {SETTLED[name]}")
    return fields


def _setting(name: str, value: object) -> object:
    """A setting's value, or its range."""
    if not isinstance(value, dict):
        return value
    try:
        return Range.model_validate(value)
    except ValidationError:
        raise ConfigError(
            f"{name}: {value!r} needs the numbers low and high, low below high, and log true (with low above 0) or false"
        ) from None


_LOADER: Any = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader


def _refuse_repeated_names(root: yaml.Node | None) -> None:
    """Refuse a name that is given twice, before merge keys are resolved: what ``<<`` brings may be given anew."""
    waiting, visited = [root], set()
    while waiting:
        node = waiting.pop()
        if not isinstance(node, yaml.CollectionNode) or id(node) in visited:  # an alias may lead back to its own anchor
            continue
        visited.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
            continue
        names = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a name must be text", key.start_mark)
            if key.value in names:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} is given twice", key.start_mark)
            names.add(key.value)
            waiting.append(value)


def _load(path: Path) -> dict[Any, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        _refuse_repeated_names(yaml.compose(text, _LOADER))
        given = yaml.load(text, _LOADER)
    except OSError as error:
        raise ConfigError(f"cannot read the sweep {path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise ConfigError(f"{path}{where}: not a sweep in YAML: {getattr(error, 'problem', error)}") from None
    if not isinstance(given, dict):
        raise ConfigError(f"{path}: not a sweep; it must be a mapping with {', '.join(SweepFile.model_fields)}")
    return given
