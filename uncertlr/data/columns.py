"""Which columns of a set hold inputs and labels, and in which type they are loaded."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from uncertlr.errors import DataError

LFS_POINTER = b"version https://git-lfs"


@dataclass(frozen=True)
class Columns:
    """The two columns that are loaded.

    Attributes:
        inputs: name of the column of images or texts.
        labels: name of the column of labels.
        kind: ``"image"`` or ``"text"``.
    """

    inputs: str
    labels: str
    kind: str


def read_schema(path: Path) -> pa.Schema:
    """The columns of a Parquet file.

    Raises:
        DataError: the file cannot be opened, or its footer cannot be read.
    """
    try:
        file = path.open("rb")  # Arrow itself opens no path that is not UTF-8
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error})") from error
    try:
        with file:
            if file.read(len(LFS_POINTER)) == LFS_POINTER:
                raise DataError(f"{path} is a pointer of Git LFS in place of the file: fetch it with git lfs pull")
            return pq.read_schema(file)
    except (pa.ArrowException, OSError) as error:
        cause = " ".join(str(error).split())[:300]
        raise DataError(
            f"{path} is damaged or cut short, its Parquet footer cannot be read ({cause}): fetch it again"
        ) from error


def declared_features(schema: pa.Schema) -> dict[str, dict[str, Any]]:
    """What the ``datasets`` library has noted of the columns in a file, by name."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, TypeError, ValueError):
        return {}
    return {name: each for name, each in features.items() if isinstance(each, dict)}


def declared_classes(schema: pa.Schema, column: str) -> tuple[str, ...] | None:
    """The names of a label column's classes by index, where the file itself has them."""
    names = declared_features(schema).get(column, {}).get("names")
    return tuple(names) if names else None


def choose_columns(
    schema: pa.Schema, name: str, kind: str, input_column: str, label_column: str, named: Mapping[str, object]
) -> Columns:
    """The columns that are asked for, or those that alone can be meant.

    Args:
        schema: of the training split.
        name: of the set, for errors.
        kind: ``"image"``, ``"text"`` or ``"auto"``.
        input_column: empty to find it by the types.
        label_column: empty to take the only one with declared classes, else the only categorical one.
        named: columns whose classes the dataset card names.

    Raises:
        DataError: a column is missing, of no usable type, or ambiguous.
    """
    if len(set(schema.names)) < len(schema.names):
        raise DataError(f"{name} has two columns of one name, among {'; '.join(schema.names)}; rename one")
    for column in filter(None, (input_column, label_column)):
        if column not in schema.names:
            raise DataError(f"{name} has no column {column!r}; it has {'; '.join(schema.names)}")
    labelled = [each for each in schema.names if each in named or declared_classes(schema, each)]
    labelled = labelled or _categories(schema, input_column)
    kinds = {each: _kind(schema, each) for each in schema.names if each != label_column and each not in labelled}
    wanted = [each for each, found in kinds.items() if found and kind in ("auto", found)]
    wanted = wanted or [each for each, found in kinds.items() if found]  # the one of another kind is found by its name
    if not input_column and not wanted:
        raise DataError(
            f"{name} has no column of images or texts among {_listed(schema)}; write images as datasets.Image() or as "
            "pyarrow.binary(), and texts as strings"
        )
    clear = [each for each in wanted if not _is_bytes(schema.field(each).type)]  # bytes may be anything
    input_column = input_column or _only(clear or wanted, schema, name, "input_column")
    label_column = label_column or _only(labelled, schema, name, "label_column")
    actual = _kind(schema, input_column)
    if not actual:
        raise DataError(
            f"{name}: column {input_column!r} holds values of type {schema.field(input_column).type}, neither images nor "
            f"texts; {_cast(schema.field(input_column).type)}"
        )
    if kind not in ("auto", actual):
        found = schema.field(input_column).type
        mend = (
            f"decode it first, as in table[{input_column!r}].str.decode('utf-8')"
            if _is_bytes(found)
            else "use data_kind='auto'"
        )
        raise DataError(f"{name}: column {input_column!r} holds {actual}s ({found}), but data_kind={kind!r}; {mend}")
    return Columns(input_column, label_column, actual)


def arrow_type(schema: pa.Schema, column: str) -> pa.DataType:
    """The type that a column is loaded in: the plainest that holds its values."""
    found = schema.field(column).type
    if _is_text(found):
        return pa.string()
    if _is_bytes(found):
        return pa.binary()
    if _is_image_struct(found):
        return pa.struct({"bytes": pa.binary(), "path": pa.string()})
    if pa.types.is_boolean(found) or (pa.types.is_integer(found) and found != pa.uint64()):
        return pa.int64()
    return pa.float64() if pa.types.is_floating(found) else found


def refuse_other_columns(schemas: Mapping[str, pa.Schema], columns: Columns, name: str) -> None:
    """See that all files hold the two columns, in types that agree.

    Args:
        schemas: by the name of their file.
        columns: that are loaded.
        name: of the set, for errors.

    Raises:
        DataError: a file lacks one, or has it in another type; names both files.
    """
    first = next(iter(schemas))
    for column in (columns.inputs, columns.labels):
        for file, schema in schemas.items():
            if column not in schema.names:
                raise DataError(
                    f"{name}: {file} has no column {column!r}, which {first} has; it has {'; '.join(schema.names)}"
                )
            if arrow_type(schema, column) != arrow_type(schemas[first], column):
                types = [str(each.field(column).type) for each in (schemas[first], schema)]
                raise DataError(
                    f"{name}: column {column!r} is of type {types[0]} in {first}, but {types[1]} in {file}; write both alike"
                )


def _kind(schema: pa.Schema, column: str) -> str:
    """Whether a column can hold images or texts; empty for neither."""
    found = schema.field(column).type
    if _is_text(found):
        return "text"
    return "image" if _is_bytes(found) or _is_image_struct(found) else ""


def _cast(found: pa.DataType) -> str:
    """What makes a column of this type one of images or texts."""
    if pa.types.is_fixed_size_binary(found):
        return "cast it first, as in column.cast(pyarrow.binary())"
    return "name another input_column, or write images as datasets.Image() and texts as strings"


def _categories(schema: pa.Schema, input_column: str) -> list[str]:
    """The categorical column, where it alone can hold labels and another one the inputs."""
    others = [field for field in schema if field.name != input_column]
    classes = [field.name for field in others if pa.types.is_dictionary(field.type)]
    numbers = any(pa.types.is_integer(field.type) or pa.types.is_boolean(field.type) for field in others)
    inputs = any(_kind(schema, each) for each in schema.names if each not in classes)
    return classes if len(classes) == 1 and inputs and not numbers else []


def _is_text(found: pa.DataType) -> bool:
    if pa.types.is_dictionary(found):
        return _is_text(found.value_type)
    return bool(pa.types.is_string(found) or pa.types.is_large_string(found) or pa.types.is_string_view(found))


def _is_bytes(found: pa.DataType) -> bool:
    return bool(pa.types.is_binary(found) or pa.types.is_large_binary(found) or pa.types.is_binary_view(found))


def _is_image_struct(found: pa.DataType) -> bool:
    """Whether values are as ``datasets.Image`` stores them."""
    if not pa.types.is_struct(found) or not {"bytes"} <= set(found.names) <= {"bytes", "path"}:
        return False
    return _is_bytes(found.field("bytes").type)


def _only(candidates: list[str], schema: pa.Schema, name: str, parameter: str) -> str:
    if len(candidates) != 1:
        raise DataError(f"{name}: set {parameter}, which cannot be found by the columns: {_listed(schema)}")
    return candidates[0]


def _listed(schema: pa.Schema) -> str:
    return "; ".join(f"{field.name} ({field.type})" for field in schema)
