"""Columns of Arrow tables: names, logical types, and conversion to numbers.

Inside the package a table is a `pyarrow.Table`. Missing is null; a NaN in a float column is turned into null when a
table is made, so there is one kind of missing value. Logical types (the `dtype` of sidecars and signatures) are
`int8`…`uint64`, `float32`, `float64`, `boolean`, `string`, `datetime`; other Arrow types keep their Arrow name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..errors import InvalidInput, did_you_mean

LARGEST_INT64 = 2**63 - 1


def logical_type(kind: pa.DataType) -> str:
    """The logical type of an Arrow type."""
    if pa.types.is_dictionary(kind):
        return logical_type(kind.value_type)
    if pa.types.is_boolean(kind):
        return "boolean"
    if pa.types.is_floating(kind):
        return "float64" if kind == pa.float64() else "float32"
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind):
        return "string"
    if pa.types.is_temporal(kind) and not pa.types.is_duration(kind) and not pa.types.is_time(kind):
        return "datetime"
    return str(kind)


def is_numeric(kind: pa.DataType) -> bool:
    """True for integers, floats, booleans and decimals: what a model can compute with."""
    return (
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_decimal(kind)
    )


def is_text(kind: pa.DataType) -> bool:
    return logical_type(kind) == "string"


def require(table: pa.Table, names: Iterable[str], what: str = "column") -> None:
    """Raises InvalidInput naming every column that `table` lacks, each with the nearest name it has."""
    known = table.column_names
    present = set(known)
    missing = [name for name in dict.fromkeys(names) if name not in present]
    if not missing:
        return
    listed = ", ".join(
        f'"{name}"{did_you_mean(name, known).replace("; did", " (did").replace("?", "?)")}' for name in missing
    )
    shown = ", ".join(known[:30]) + (", …" if len(known) > 30 else "")
    plural = "" if len(missing) == 1 else "s"
    raise InvalidInput(f"the table has no {what}{plural} {listed}; it has {shown}", missing=missing)


def refuse(table: pa.Table, names: Iterable[str], what: str) -> None:
    """Raises InvalidInput when a column to be added is already there."""
    taken = [name for name in names if name in table.column_names]
    if taken:
        raise InvalidInput(f'{what}: the table already has a column "{taken[0]}"', column=taken[0])


def numeric_names(table: pa.Table, without: Iterable[str | None] = ()) -> list[str]:
    """Names of the numeric columns, in order, but for `without`."""
    excluded = set(without)
    return [f.name for f in table.schema if is_numeric(f.type) and f.name not in excluded]


def numbers(column: pa.ChunkedArray | pa.Array) -> np.ndarray:
    """A numeric column as float64, shape (rows,); null becomes NaN."""
    if pa.types.is_boolean(column.type):
        column = pc.cast(column, pa.uint8())
    elif column.type != pa.float64():
        column = pc.cast(column, pa.float64(), safe=False)
    values = column.to_numpy() if isinstance(column, pa.ChunkedArray) else column.to_numpy(zero_copy_only=False)
    return np.asarray(values, dtype=np.float64)


def matrix(table: pa.Table, names: Sequence[str], what: str = "feature") -> np.ndarray:
    """Columns as a C-ordered float64 matrix, shape (rows, len(names)).

    Raises InvalidInput when a column is absent, is not numeric, or has missing or infinite values.
    """
    require(table, names, what)
    out = np.empty((table.num_rows, len(names)), dtype=np.float64)
    for index, name in enumerate(names):
        column = table.column(name)
        if not is_numeric(column.type):
            raise InvalidInput(
                f'{what} "{name}" is {logical_type(column.type)}, not a number; encode it first '
                "(algo_local_label_encode) or leave it out of x_cols",
                column=name,
            )
        out[:, index] = numbers(column)
    bad = ~np.isfinite(out)
    if bad.any():
        rows_per_column = bad.sum(axis=0)
        index = int(np.argmax(rows_per_column > 0))
        name, column_bad = names[index], bad[:, index]
        row = int(np.argmax(column_bad))
        if column_bad.all() and table.column(name).null_count == table.num_rows:
            raise InvalidInput(
                f'{what} "{name}"{_also(rows_per_column)} is missing in every row; leave it out of x_cols', column=name
            )
        kind = "missing" if np.isnan(out[row, index]) else "infinite"
        raise InvalidInput(
            f'{what} "{name}"{_also(rows_per_column)} has {int(column_bad.sum())} missing or infinite values, '
            f"the first in row {row} ({kind}); fill them first (algo_local_fill_missing)",
            column=name,
            row=row,
        )
    return out


def _also(bad_rows_per_column: np.ndarray) -> str:
    others = int((bad_rows_per_column > 0).sum()) - 1
    return f" (and {others} more such columns)" if others else ""


def labels(table: pa.Table, name: str, what: str = "label column") -> np.ndarray:
    """A label column as a numpy array of int64, float64, bool or str objects. Raises InvalidInput on missing values."""
    require(table, [name], what)
    column = table.column(name)
    if column.null_count:
        raise InvalidInput(
            f'{what} "{name}" has {column.null_count} missing values; leave those rows out, or fill them first '
            "(algo_local_fill_missing)",
            column=name,
        )
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = pc.cast(column, kind.value_type)
        kind = column.type
    if pa.types.is_boolean(kind):
        return np.asarray(column.to_numpy(), dtype=bool)
    if pa.types.is_uint64(kind) and len(column) and pc.max(column).as_py() > LARGEST_INT64:
        raise InvalidInput(f'{what} "{name}" has numbers beyond 2^63: not class labels', column=name)
    if pa.types.is_integer(kind):
        return np.asarray(column.to_numpy(), dtype=np.int64)
    if pa.types.is_floating(kind):
        return np.asarray(column.to_numpy(), dtype=np.float64)
    if is_text(kind):
        return np.asarray(column.to_numpy(), dtype=object)
    raise InvalidInput(f'{what} "{name}" is {logical_type(kind)}; labels are numbers, text or booleans', column=name)


def normalised(table: pa.Table) -> pa.Table:
    """`table` without schema metadata, with NaN as null and without columns of type null. Raises on repeated names."""
    names = table.column_names
    if len(set(names)) != len(names):
        repeated = next(name for name in names if names.count(name) > 1)
        raise InvalidInput(f'the table has two columns named "{repeated}"', column=repeated)
    for index, field in enumerate(table.schema):
        if pa.types.is_floating(field.type):
            column = table.column(index)
            if field.type == pa.float16():
                column = pc.cast(column, pa.float32())
            if pc.any(pc.is_nan(column)).as_py():
                column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
            table = table.set_column(index, field.name, column)
        elif pa.types.is_null(field.type):
            table = table.set_column(index, field.name, pc.cast(table.column(index), pa.string()))
    return table.replace_schema_metadata(None)


def with_columns(table: pa.Table, made: dict[str, pa.Array]) -> pa.Table:
    """`table` with columns replaced in place, or appended; one new table however many columns there are."""
    names = table.column_names
    columns = [made.get(name, column) for name, column in zip(names, table.columns, strict=True)]
    added = [name for name in made if name not in set(names)]
    return pa.table([*columns, *(made[name] for name in added)], names=[*names, *added])


def with_column(table: pa.Table, name: str, values: Any) -> pa.Table:
    """`table` with the column `name` replaced in place, or appended."""
    array = values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values)
    index = table.schema.get_field_index(name)
    return table.append_column(name, array) if index < 0 else table.set_column(index, name, array)
