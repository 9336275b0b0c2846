"""Values to indexes of an ordered template."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..artifacts.columns import logical_type, refuse, require, with_column
from ..errors import InvalidInput
from .base import Need, Transform


class LabelEncode(Transform):
    """Index of each value in its column's template; unknown and missing values get `unknown_code`.

    State: {"columns": [{"name", "dtype", "values": [...]}], "unknown": "code" | "error", "unknown_code": int,
    "inverse": bool, "suffix": str | null}. One hash table is built per column and table, never per row.
    """

    kind = "label_encode"

    @classmethod
    def fit(
        cls,
        table: pa.Table,
        names: Sequence[str],
        templates: dict[str, list[Any]],
        *,
        order: str,
        unknown: str,
        unknown_code: int,
        inverse: bool,
        suffix: str | None,
    ) -> LabelEncode:
        """Templates as given; columns without one learn theirs from the table in `order`."""
        require(table, names)
        if suffix:
            refuse(table, [name + suffix for name in names], "label_encode")
        specs = []
        for name in names:
            column = table.column(name)
            values = templates[name] if name in templates else _learn(column, order)
            dtype = "int64" if inverse else logical_type(column.type)
            specs.append({"name": name, "dtype": dtype, "values": values})
        state = {"unknown": unknown, "unknown_code": unknown_code, "inverse": inverse, "suffix": suffix}
        return cls({"columns": specs, **state})

    @property
    def columns(self) -> list[str]:
        return [spec["name"] for spec in self.state["columns"]]

    def apply(self, table: pa.Table, *, serving: bool = False) -> pa.Table:
        suffix = self.state["suffix"] or ""
        convert = self._decode if self.state["inverse"] else self._encode
        for spec in self._present(table, serving):
            table = with_column(table, spec["name"] + suffix, convert(table.column(spec["name"]), spec))
        return table

    def requires(self, needed: dict[str, Need]) -> dict[str, Need]:
        suffix = self.state["suffix"] or ""
        made = {spec["name"] + suffix: spec for spec in self.state["columns"]}
        nullable = self.state["unknown"] == "code"
        out: dict[str, Need] = {}
        for name, need in needed.items():
            if name in made:
                out[made[name]["name"]] = {"dtype": made[name]["dtype"], "nullable": nullable}
            else:
                out.setdefault(name, need)
        return out

    def _encode(self, column: pa.ChunkedArray, spec: dict[str, Any]) -> pa.ChunkedArray:
        column, template = comparable(column, spec["values"])
        if pa.types.is_floating(column.type):  # Arrow's hash tells -0.0 from 0.0
            column, template = pc.add(column, 0.0), pc.add(template, 0.0)
        codes = pc.cast(pc.index_in(column, value_set=template), pa.int64())
        if self.state["unknown"] == "error" and codes.null_count:
            row = int(np.argmax(pc.is_null(codes).to_numpy()))
            value = column[row].as_py()
            raise InvalidInput(
                f'column "{spec["name"]}" has {codes.null_count} values that the template does not know, '
                f"the first in row {row}: {value!r}",
                column=spec["name"],
                row=row,
            )
        return pc.fill_null(codes, self.state["unknown_code"])

    def _decode(self, column: pa.ChunkedArray, spec: dict[str, Any]) -> pa.ChunkedArray:
        if not pa.types.is_integer(column.type):
            raise InvalidInput(
                f'column "{spec["name"]}" is {logical_type(column.type)}; only integer indexes can be decoded',
                column=spec["name"],
            )
        indexes = pc.cast(column, pa.int64())
        known = pc.and_(pc.greater_equal(indexes, 0), pc.less(indexes, len(spec["values"])))
        return pc.take(_template(spec["values"]), pc.if_else(known, indexes, pa.scalar(None, pa.int64())))


def _template(values: list[Any]) -> pa.Array:
    """Mixed templates compare as text: [1, "a"] is ["1", "a"]."""
    kinds = {bool if isinstance(v, bool) else float if isinstance(v, int | float) else str for v in values}
    return pa.array(values if len(kinds) <= 1 else [_text(v) for v in values], None if values else pa.string())


def comparable(column: pa.ChunkedArray, values: list[Any]) -> tuple[pa.ChunkedArray, pa.Array]:
    """Column and template in one type: the column's when the template can be read as it, else text."""
    if pa.types.is_dictionary(column.type):
        column = pc.cast(column, column.type.value_type)
    try:
        return column, pc.cast(_template(values), column.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return pc.cast(column, pa.string()), pa.array([_text(v) for v in values], pa.string())


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _learn(column: pa.ChunkedArray, order: str) -> list[Any]:
    if pa.types.is_dictionary(column.type):
        column = pc.cast(column, column.type.value_type)
    if logical_type(column.type) == "datetime":
        column = pc.cast(column, pa.string())
    counted = pc.value_counts(pc.drop_null(column))  # in order of appearance
    values = counted.field("values").to_pylist()
    if order == "appearance":
        return values
    if order == "frequency":
        counts = counted.field("counts").to_pylist()
        ranked = sorted(zip(values, counts, strict=True), key=lambda pair: (-pair[1], pair[0]))
        return [value for value, _ in ranked]
    return sorted(values)
