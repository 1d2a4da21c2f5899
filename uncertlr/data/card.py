"""The dataset card of a folder: which files it assigns to a split, and how it names classes."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from uncertlr.errors import DataError

CARDS = ("README.md", ".huggingface.yaml")
"""Files of the hub's layout that hold a card: the first in its front matter, the second as a whole; the second wins."""

_FRONT_MATTER = re.compile(r"\A\s*---[ \t]*\r?\n(.*?)^---[ \t]*$", re.DOTALL | re.MULTILINE)
_WILDCARDS = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def read_card(folder: Path) -> dict[str, Any]:
    """What the card says; empty where there is none.

    Raises:
        DataError: it is no YAML mapping.
    """
    card: dict[str, Any] = {}
    for path in card_files(folder):
        text = path.read_text("utf-8", errors="replace")
        if path.suffix == ".md":
            front = _FRONT_MATTER.match(text)
            text = front[1] if front else ""
        try:
            content = yaml.load(text, yaml.BaseLoader) or {}  # all scalars stay strings: a class may be called "no"
        except yaml.YAMLError as error:
            raise DataError(f"{path} is no valid YAML ({' '.join(str(error).split())}); mend it, or remove it") from error
        if not isinstance(content, dict):
            raise DataError(f"{path} holds a {type(content).__name__} in place of a mapping; mend it, or remove it")
        card |= content
    return card


def card_files(folder: Path) -> list[Path]:
    """The files of a folder that hold its card."""
    return [path for path in (folder / name for name in CARDS) if path.is_file()]


def configuration(card: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The only, or the default, configuration of a card that assigns files; empty where it has none.

    Raises:
        DataError: there are several and none is the default.
    """
    listed = card.get("configs") or []
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise DataError(f"the card of {folder} has 'configs' that are no list of mappings; mend it, or remove it")
    found = [each for each in listed if "data_files" in each or "data_dir" in each]
    chosen = [each for each in found if str(each.get("default")).lower() == "true"] or [
        each for each in found if _name(each) == "default"
    ]
    if len(found) > 1 and len(chosen) != 1:
        names = "; ".join(_name(each) for each in found)
        raise DataError(
            f"the card of {folder} has the configurations {names}; mark one with 'default: true', or name a folder that "
            "holds the files of one"
        )
    picked: dict[str, Any] = (chosen or found or [{}])[0]
    return picked


def split_patterns(data_files: Any, folder: Path) -> dict[str, list[str]]:
    """The patterns of each split, from any of the forms that ``data_files`` has in a card.

    Raises:
        DataError: it has another form.
    """
    entries = data_files if isinstance(data_files, list) else []
    if entries and all(isinstance(each, dict) and {"split", "path"} <= set(each) for each in entries):
        data_files = {each["split"]: each["path"] for each in data_files}
    if not isinstance(data_files, dict):
        data_files = {"train": data_files}
    patterns = {str(split): [given] if isinstance(given, str) else given for split, given in data_files.items()}
    if not all(isinstance(given, list) and all(isinstance(each, str) for each in given) for given in patterns.values()):
        raise DataError(f"the card of {folder} has 'data_files' that name no paths of splits; mend it, or remove it")
    return patterns


def matching(pattern: str, files: Sequence[Path], base: Path) -> list[Path]:
    """The files that a card's pattern means, whatever their case."""
    parts = re.split(r"(\*\*/|\*\*|\*|\?|\[[^\]]+\])", pattern.removeprefix("./"))
    translated = "".join(_WILDCARDS.get(part, part if part.startswith("[") else re.escape(part)) for part in parts)
    expression = re.compile(translated, re.IGNORECASE)
    return [path for path in files if path.is_relative_to(base) and expression.fullmatch(path.relative_to(base).as_posix())]


def class_names(card: dict[str, Any], config_name: str = "") -> dict[str, tuple[str, ...]]:
    """The names of the classes that a card declares, by column."""
    given = card.get("dataset_info") or []
    infos = [info for info in ([given] if isinstance(given, dict) else given) if isinstance(info, dict)]
    if len(infos) > 1:
        infos = [info for info in infos if _name(info) == config_name]
    features = infos[0].get("features") if len(infos) == 1 else None
    listed = [each for each in features if isinstance(each, dict)] if isinstance(features, list) else []
    return {str(each.get("name")): names for each in listed if (names := _listed_names(each.get("dtype")))}


def _listed_names(dtype: Any) -> tuple[str, ...]:
    label = dtype.get("class_label") if isinstance(dtype, dict) else None
    names = label.get("names") if isinstance(label, dict) else None
    if isinstance(names, dict) and set(names) == {str(index) for index in range(len(names))}:
        names = [names[str(index)] for index in range(len(names))]
    return tuple(map(str, names)) if isinstance(names, list) else ()


def _name(configuration: dict[str, Any]) -> str:
    return str(configuration.get("config_name", "default"))
