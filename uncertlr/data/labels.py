"""Labels of all splits as indices of one list of classes, mapped by the classes' names."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from uncertlr.errors import DataError


@dataclass(frozen=True)
class Labels:
    """The labels of one file, or of one split where the files are unknown.

    Attributes:
        where: the file or split.
        values: one per row, as stored.
        names: of the classes that the values number, or None where they are not named.
    """

    where: str
    values: Sequence[Any]
    names: tuple[str, ...] | None


def refuse_no_label(found: pa.DataType, column: str, name: str) -> None:
    """See that a column's type can hold classes, before its values are read.

    Raises:
        DataError: it cannot; names the type.
    """
    numbers = pa.types.is_integer(found) or pa.types.is_floating(found) or pa.types.is_boolean(found)
    if numbers or (pa.types.is_dictionary(found) and not pa.types.is_nested(found.value_type)):
        return
    if pa.types.is_string(found) or pa.types.is_large_string(found) or pa.types.is_string_view(found):
        mend = f"turn names into indices first: dataset.class_encode_column({column!r})"
    elif pa.types.is_nested(found):
        mend = "several labels an example are not supported"
    else:
        mend = "name another label_column"
    raise DataError(
        f"{name}: column {column!r} must hold a class index of 0 or more in every row, but is of type {found}; {mend}"
    )


def class_indices(parts: Sequence[Labels], column: str, name: str) -> tuple[tuple[str, ...], list[np.ndarray]]:
    """Number the classes of all parts alike.

    Classes that have names keep the first part's order, and those that only later parts have follow. Categories of strings
    are sorted. Numbers without names stand for themselves.

    Args:
        parts: all of the training and the test split.
        column: of the labels, for errors.
        name: of the set, for errors.

    Returns:
        The classes' names, and the labels of each part, int64.

    Raises:
        DataError: a row has no class, there are fewer than two, some parts name their classes and others do not, or the
            values are no class indices.
    """
    if all(_are_strings(part.values) for part in parts):
        names = tuple(sorted({str(value) for part in parts for value in part.values}))
        place = {value: index for index, value in enumerate(names)}
        return _checked(
            names, [np.array([place[value] for value in part.values], dtype=np.int64) for part in parts], column, name
        )
    numbers = [_numbers(part, column, name) for part in parts]
    named = [part for part in parts if part.names]
    if not named:
        names = _names_of_numbers(np.concatenate(numbers), column, name)
        return _checked(names, numbers, column, name)
    if unnamed := [part for part in parts if not part.names]:
        raise DataError(
            f"{name}: {named[0].where} names the classes of column {column!r} ({_shown(named[0].names)}), but "
            f"{unnamed[0].where} only numbers them ({_shown(np.unique(numbers[parts.index(unnamed[0])]))}); declare the "
            "same datasets.ClassLabel in all files"
        )
    return _by_name(parts, numbers, column, name)


def _by_name(
    parts: Sequence[Labels], numbers: list[np.ndarray], column: str, name: str
) -> tuple[tuple[str, ...], list[np.ndarray]]:
    names = tuple(dict.fromkeys(each for part in parts for each in part.names or ()))
    place = {each: index for index, each in enumerate(names)}
    indices = []
    for part, values in zip(parts, numbers, strict=True):
        own = part.names or ()
        if values.max(initial=0) >= len(own):
            raise DataError(
                f"{name}: {part.where} has the label {values.max()} in column {column!r}, but names {len(own)} classes"
            )
        indices.append(np.array([place[each] for each in own], dtype=np.int64)[values])
    return _checked(names, indices, column, name)


def _checked(
    names: tuple[str, ...], indices: list[np.ndarray], column: str, name: str
) -> tuple[tuple[str, ...], list[np.ndarray]]:
    if len(names) < 2:
        raise DataError(f"{name}: column {column!r} must hold the classes 0 to C - 1 of at least two classes")
    return names, indices


def _are_strings(values: Sequence[Any]) -> bool:
    return all(isinstance(value, str) for value in values)


def _numbers(part: Labels, column: str, name: str) -> np.ndarray:
    """The values as int64, all 0 or more."""
    try:
        values = np.array(part.values, dtype=np.float64 if isinstance(next(iter(part.values), 0), float) else np.int64)
        if values.ndim == 1 and ((values >= 0) & (values < 2**53) & (values == np.floor(values))).all():
            return values.astype(np.int64)
    except (TypeError, ValueError, OverflowError):  # None, a name, or more than 64 bits
        pass
    row, value = next((row, value) for row, value in enumerate(part.values) if not _is_class_index(value))
    mend = "remove rows without a label" if value is None else "number the classes 0, 1, 2, and so on"
    raise DataError(
        f"{name}: column {column!r} must hold a class index of 0 or more in every row, but row {row} of {part.where} has "
        f"{value!r}; {mend}"
    )


def _is_class_index(value: Any) -> bool:
    return isinstance(value, int | float) and 0 <= value < 2**53 and value == int(value)


def _names_of_numbers(labels: np.ndarray, column: str, name: str) -> tuple[str, ...]:
    """The numbers as names, if they are classes: without gaps, and not nearly as many as there are rows."""
    distinct = np.unique(labels)
    if len(distinct) > max(2, len(labels) // 2):
        raise DataError(
            f"{name}: column {column!r} has {len(distinct)} different values in {len(labels)} rows, which are no classes; "
            "name another label_column, or declare it as a datasets.ClassLabel"
        )
    expected = np.arange(len(distinct))
    if (gaps := expected[distinct != expected]).size:
        raise DataError(
            f"{name}: the labels of column {column!r} run from {distinct[0]} to {distinct[-1]}, but class {gaps[0]} is in "
            "no row; number the classes from 0 without gaps, or declare them as a datasets.ClassLabel"
        )
    return tuple(str(index) for index in expected)


def _shown(values: Any) -> str:
    listed = [str(value) for value in values]
    return "; ".join(listed[:20]) + ("; ..." if len(listed) > 20 else "")
