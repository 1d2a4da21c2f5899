"""RunConfig: one frozen, flat, validated description of a run.

It is the single source of the notebooks' parameter cells, the command line's flags, a sweep's YAML and a run's identity.
"""

import hashlib
import json
import math
import os
import re
import unicodedata
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from uncertlr.errors import ConfigError, hint

RESULT_VERSION = 1
"""Raised whenever a run would train or score differently: stored runs of another version are not the same runs.

The random draws behind a bootstrap interval are not counted: its ends move within their Monte Carlo error.
"""

LONGEST_NAME = 40
"""Letters of a folder's name that a run's name takes: a letter is up to four bytes, and a file's name has 255 at most."""

EXECUTION_FIELDS = frozenset({"device", "threads", "root", "progress"})
"""Fields that say where and how a run is carried out, not what it is; they are no part of its identity."""

RULE_FIELDS = (
    *(
        "rule",
        "own_rule",
        "threshold",
        "decrease",
        "increase",
        "min_factor",
        "max_factor",
        "dead_band",
        "decide_every",
        "flip",
    ),
    *("relative_to", "scale", "quantile", "memory", "exponent", "reference", "warm_up", "smoothing", "set_point", "gain"),
    *("donors", "stretch"),
)
"""Fields that only the rule reads."""

SHOWN_NAMES = {"proportional": "power_law", "flip": "inverted", "donors": "source_runs"}
"""A rule and two fields under the names that are stored, since a run's identity has them, and those that users see and give.

Both are accepted in Python, sweep files, papermill's parameters and on the command line.
"""

_STORED_NAMES = {shown: name for name, shown in SHOWN_NAMES.items()}

Count = Annotated[int, Ge(0)]
Size = Annotated[int, Ge(1)]
Share = Annotated[float, Ge(0), Le(1)]
Rate = Annotated[float, Gt(0)]


class RunConfig(BaseModel):
    """Everything that determines a run, and a few fields that only say where it is carried out.

    Raises:
        ConfigError: a field is unknown (the nearest name is suggested) or a value is out of range.

    >>> RunConfig(dataset="digits", epochs=2).epochs
    2
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, coerce_numbers_to_str=False)

    # data
    dataset: str = Field("cifar10", description="cifar10, imdb, digits, toy_reviews, or a folder in the hub's layout")
    data_kind: Literal["auto", "image", "text"] = Field("auto", description="what the inputs are; auto reads it off")
    input_column: str = Field("", description="column of the inputs; empty for the usual one")
    label_column: str = Field("", description="column of the labels; empty for the usual one")
    train_examples: Count = Field(0, description="training examples after the validation split; 0 for all")
    test_examples: Count = Field(0, description="test examples that are evaluated, drawn at random; 0 for all")
    val_fraction: Annotated[float, Gt(0), Lt(1)] = Field(0.1, description="share of the training set held out to validate")
    augment: bool = Field(False, description="flip and crop training images at random (pad 4)")
    vocab_size: Annotated[int, Ge(3)] = Field(20_000, description="most frequent words kept, the two special ones included")
    max_tokens: Size = Field(400, description="words of a text that are read, from its start")

    # model
    model: Literal["auto", "cnn", "resnet", "lstm", "mlp", "own"] = Field(
        "auto", description="network; auto is cnn or lstm by kind of data"
    )
    own_model: str = Field("", description="model own: what makes it from the data set, as my_networks:make_wide")
    channels: Annotated[list[Size], Field(min_length=2, max_length=2)] = Field(
        [32, 64], description="channels of the CNN's two convolutions; of a resnet the first is used"
    )
    hidden_size: Size = Field(128, description="width of the dense layer, or of the LSTM's state")
    embedding_size: Size = Field(128, description="width of the word embedding")
    dropout: Annotated[float, Ge(0), Lt(1)] = Field(0.5, description="probability of dropout before the last layer")

    # optimization
    epochs: Size = Field(50, description="passes over the training set")
    batch_size: Annotated[int, Ge(2)] = Field(64, description="examples per step")
    learning_rate: Rate = Field(1e-3, description="initial learning rate of Adam")
    beta1: Annotated[float, Ge(0), Lt(1)] = Field(0.9, description="decay of Adam's first moment")
    beta2: Annotated[float, Ge(0), Lt(1)] = Field(0.999, description="decay of Adam's second moment")
    eps: Rate = Field(1e-7, description="epsilon of Adam")
    schedule: Literal["constant", "cosine", "warmup_cosine", "one_cycle"] = Field(
        "constant", description="learning-rate schedule fixed in advance; the rule's factor multiplies it"
    )

    # uncertainty and the rule that uses it
    estimator: Literal["mc_dropout", "analytic_dropout", "variational", "deterministic"] = Field(
        "mc_dropout", description="how uncertainty is estimated; variational also trains a Gaussian over all weights"
    )
    num_samples: Size = Field(32, description="Monte Carlo samples per prediction")
    weight_samples: Size = Field(2, description="variational: samples of the weights in a training step")
    prior_scale: Rate = Field(1.0, description="variational: standard deviation of the prior over every weight")
    initial_sigma: Rate = Field(0.003, description="variational: standard deviation that every weight starts with")
    signal: Literal["predictive_entropy", "expected_entropy", "mutual_information", "one_minus_max_prob", "loss"] = Field(
        "predictive_entropy", description="what the rule observes, as a share of its maximum; the loss has none"
    )
    signal_source: Literal["batch", "probe"] = Field(
        "batch", description="what is observed: the training batch, or one fixed batch of the validation set"
    )
    signal_every: Size = Field(1, description="steps between two observations")
    rule: Literal[
        "none", "threshold", "relative", "proportional", "integral", "bold_driver", "replay", "shuffled", "own"
    ] = Field("none", description="what turns the signal into a factor on the rate; threshold is the report's")
    own_rule: str = Field("", description='rule own: class and settings, as my_rules:Patient {"patience": 3}')
    threshold: Share = Field(0.5, description="level of the signal above which the rate shrinks, below which it grows")
    decrease: Annotated[float, Gt(0), Le(1)] = Field(0.5, description="factor on the rate above the threshold")
    increase: Annotated[float, Ge(1)] = Field(1.1, description="factor on the rate below the threshold")
    min_factor: Annotated[float, Gt(0), Le(1)] = Field(0.01, description="lowest product of all decisions")
    max_factor: Annotated[float, Ge(1)] = Field(10.0, description="highest product of all decisions")
    dead_band: Share = Field(0.0, description="half-width of the band round the threshold without a decision")
    decide_every: Count = Field(1, description="observations between two decisions; 0 for one decision per epoch")
    flip: bool = Field(False, description="swap the decisions of a threshold rule")
    relative_to: Literal["mean", "quantile"] = Field("mean", description="running reference of the relative rule")
    scale: Rate = Field(1.1, description="relative rule: ratio of the threshold to the running mean")
    quantile: Annotated[float, Gt(0), Lt(1)] = Field(0.5, description="relative rule: level of the running quantile")
    memory: Annotated[float, Ge(1)] = Field(
        100.0, description="relative rule: observations that the reference averages over"
    )
    exponent: float = Field(-1.0, description="power law: power of uncertainty; negative has the report's sign")
    reference: Share = Field(
        1.0, description="power law: signal at which the factor is 1; 0 for that at the end of the warm-up"
    )
    warm_up: Size = Field(100, description="power law: observations until the reference is taken, if it is 0")
    smoothing: Annotated[float, Ge(0), Lt(1)] = Field(0.99, description="power law: weight of past observations")
    set_point: Share = Field(0.5, description="integral rule: the signal value to regulate to")
    gain: float = Field(0.01, description="integral rule: change of the log rate per observation, for a unit of error")
    donors: list[str] = Field([], description="replay and shuffled rules: names of the source runs")
    stretch: bool = Field(False, description="replay rule: fit a trace of another length to this run by interpolation")

    seed: Count = Field(0, description="fixes initial weights, batch order, augmentation, split and samples")
    evaluate_test: bool = Field(True, description="evaluate the test set, once, after training")

    # execution: no part of the run's identity
    device: str = Field("auto", description="auto, cpu, cuda, or another device of torch")
    threads: Size = Field(1, description="CPU threads of torch; another number agrees to rounding only")
    root: str = Field("", description="folder of the runs; empty for runs/ in the project")
    progress: Literal["auto", "bar", "text", "quiet"] = Field(
        "auto", description="auto is a bar in a terminal, text elsewhere"
    )

    def __init__(self, **values: Any) -> None:
        values = stored_names(values)
        for name in _whole_number_fields() & values.keys():
            values[name] = whole_number(values[name])
        fields = RunConfig.model_fields
        for name in values:
            if name not in fields:
                raise ConfigError(_unknown_message(name))
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise ConfigError(_invalid_message(error)) from None

    @model_validator(mode="after")
    def _own_things_are_named(self) -> "RunConfig":
        for field, name in (("rule", "own_rule"), ("model", "own_model")):
            if (getattr(self, field) == "own") != bool(getattr(self, name)):
                raise ValueError(f"{field}='own' and {name} go together; give both or neither")
        return self

    @field_validator("dataset")
    @classmethod
    def _where_the_folder_is(cls, name: str) -> str:
        return dataset_path(name)

    @field_validator("root")
    @classmethod
    def _root_in_the_home_folder(cls, root: str) -> str:
        return os.path.expanduser(root)

    @property
    def identity(self) -> dict[str, Any]:
        """The fields that make the run what it is and differ from their defaults.

        Defaults are left out so that a field added later does not rename the runs that came before it.
        """
        fields = self.model_dump(exclude=set(EXECUTION_FIELDS), exclude_defaults=True)
        for name in {"own_rule", "own_model"} & fields.keys():  # the same rule may move to another module
            fields[name] = re.sub(r"^[\w.]+:", "", fields[name])
        return fields

    @property
    def run_id(self) -> str:
        """Data set, rule, seed, and a hash of the identity and `RESULT_VERSION`; ``1`` and ``1.0`` give the same."""
        canonical = json.dumps([RESULT_VERSION, self.identity], sort_keys=True, separators=(",", ":"))
        return f"{_short_name(self.dataset)}-{self.rule}-s{self.seed}-{hashlib.sha256(canonical.encode()).hexdigest()[:12]}"

    def replace(self, **changes: Any) -> "RunConfig":
        """A copy with other values, validated like a new one."""
        return RunConfig(**{**self.model_dump(), **stored_names(changes)})

    def without_rule(self) -> "RunConfig":
        """The fixed-rate run of the same seed: the rule and its settings back to their defaults."""
        defaults = {name: type(self).model_fields[name].default for name in RULE_FIELDS}
        return self.replace(**defaults)


PRESETS: dict[str, dict[str, Any]] = {
    "cifar10": {"augment": True},
    "imdb": {},
    "digits": {"channels": [16, 32], "hidden_size": 64},
    "toy_reviews": {"max_tokens": 40, "embedding_size": 32, "hidden_size": 32},
}
"""What each named data set changes of RunConfig's defaults."""

PROFILES: dict[str, dict[str, dict[str, Any]]] = {
    "quick": {
        "cifar10": {"train_examples": 2_000, "epochs": 2},
        "imdb": {"train_examples": 2_000, "epochs": 2},
        "digits": {"epochs": 5},
        "toy_reviews": {"epochs": 5},
    },
    "standard": {
        "cifar10": {"train_examples": 20_000, "epochs": 12},
        "imdb": {"train_examples": 10_000, "epochs": 6},
        "digits": {"epochs": 20},
        "toy_reviews": {"epochs": 20},
    },
    "exact": {},
    "full": {},
}
"""How much of the data and how many epochs: seconds, minutes, or the report's own plan (all data, 50 epochs)."""


def shown_name(name: str) -> str:
    """What a user sees in place of the stored name of a field or a rule: itself, but for those in `SHOWN_NAMES`."""
    return SHOWN_NAMES.get(name, name)


def stored_names(values: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of RunConfig by the names that are stored, from either name.

    Raises:
        ConfigError: a field is given by both of its names.

    >>> stored_names({"rule": "power_law", "inverted": False})
    {'rule': 'proportional', 'flip': False}
    """
    for shown, name in _STORED_NAMES.items():
        if shown in values and name in values:
            raise ConfigError(f"{shown!r} and {name!r} are two names of one parameter; give one of them")
    renamed = {_STORED_NAMES.get(name, name): value for name, value in values.items()}
    if isinstance(renamed.get("rule"), str):
        renamed["rule"] = _STORED_NAMES.get(renamed["rule"], renamed["rule"])
    return renamed


def dataset_path(name: str) -> str:
    """A named set as it is; of any other name the absolute path, so that one folder has one name wherever it is named from.

    That holds for folders that are not there too: a finished run is found without its data. Links are not followed: what a
    run was called must not depend on where a link leads today.
    """
    return name if name in PRESETS or not name else os.path.abspath(os.path.expanduser(name))


def _short_name(dataset: str) -> str:
    """How a run's name begins: the folder's name in ASCII, or in its own letters if it has none in ASCII."""
    folder = dataset.rstrip("/").rpartition("/")[2].lower()
    name = re.sub(r"[^a-z0-9]+", "_", folder)
    if not folder.isascii() and not re.search("[a-z]", name):
        name = re.sub(r"\W+", "_", unicodedata.normalize("NFC", folder))
    return name.strip("_")[:LONGEST_NAME] or "data"


def preset(dataset: str, profile: str = "exact", **changes: Any) -> RunConfig:
    """The configuration of a named data set in a profile, with further changes.

    Args:
        dataset: a key of `PRESETS`, or a folder, which has no preset values.
        profile: a key of `PROFILES`.
        changes: fields of RunConfig.

    Raises:
        ConfigError: unknown profile or field, or a value out of range.
    """
    if profile not in PROFILES:
        raise ConfigError(f"unknown profile {profile!r}; choose one of {', '.join(PROFILES)}")
    named = dataset if isinstance(dataset, str) else ""  # RunConfig refuses anything else
    values = {"dataset": dataset, **PRESETS.get(named, {}), **PROFILES[profile].get(named, {})}
    return RunConfig(**{**values, **changes})


def type_name(annotation: Any) -> str:
    """A field's plain type as papermill's inspector reads it: str, int, float, bool or a list of one of them."""
    if get_origin(annotation) is Literal:
        return type(get_args(annotation)[0]).__name__
    if get_origin(annotation) is Annotated:
        return type_name(get_args(annotation)[0])
    if get_origin(annotation) is list:
        return f"list[{type_name(get_args(annotation)[0])}]"
    return str(annotation.__name__)


def describe_field(name: str) -> str:
    """A field's description, with its choices where there are some."""
    field = RunConfig.model_fields[name]
    choices = (
        [shown_name(choice) for choice in get_args(field.annotation)] if get_origin(field.annotation) is Literal else []
    )
    return (field.description or "") + (f" ({', '.join(choices)})" if choices else "")


def parameter_table() -> str:
    """All fields as a Markdown table: name, type, default, meaning."""
    rows = ["| parameter | type | default | meaning |", "|---|---|---|---|"]
    for name, field in RunConfig.model_fields.items():
        default = json.dumps(field.default) if field.annotation is not bool else str(field.default)
        rows.append(f"| `{shown_name(name)}` | `{type_name(field.annotation)}` | `{default}` | {describe_field(name)} |")
    return "\n".join(rows)


@cache
def _whole_number_fields() -> frozenset[str]:
    """Fields that hold whole numbers, or lists of them."""
    fields = RunConfig.model_fields.items()
    return frozenset(name for name, field in fields if type_name(field.annotation) in ("int", "list[int]"))


def whole_number(value: Any) -> Any:
    """The whole number that text such as ``1e3`` stands for, as YAML and the command line give it; else the value itself.

    >>> whole_number("1e3"), whole_number(2.0), whole_number("1.5"), whole_number(True)
    (1000, 2, '1.5', True)
    """
    if isinstance(value, list):
        return [whole_number(each) for each in value]
    try:
        number = float(value) if isinstance(value, str | float) else math.nan
    except ValueError:
        return value
    return int(number) if number.is_integer() else value


def _unknown_message(name: str) -> str:
    known = map(shown_name, RunConfig.model_fields)
    return f"unknown parameter {name!r}; {hint(name, known, 'see the table of parameters in the book')}"


def _invalid_message(error: ValidationError) -> str:
    parts = []
    for item in error.errors():
        if not item["loc"]:
            parts.append(item["msg"].removeprefix("Value error, "))
            continue
        name = shown_name(str(item["loc"][0]))
        parts.append(f"{name}={item['input']!r}: {item['msg'][0].lower()}{_shown(item['msg'][1:])}")
    return "invalid parameter " + "; ".join(parts)


def _shown(text: str) -> str:
    """A text about the rules with the names of theirs that are shown."""
    return text.replace("proportional", SHOWN_NAMES["proportional"])
