"""Missing values: what counts as missing, and what takes its place."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..artifacts.columns import is_numeric, is_text, logical_type, numbers, refuse, require, with_column
from ..errors import InvalidInput, InvalidParams
from .base import Need, Transform

INDICATOR_SUFFIX = "_missing"


class FillMissing(Transform):
    """Fills each column by its own strategy, whose statistic was fitted once.

    State: {"columns": [{"name", "dtype", "strategy", "value"}], "match": ["null", "empty"], "tokens": [...],
    "indicator": bool}. `value` is what is filled in (null for drop); ffill uses it for leading missing values.
    An integer column that gets a fractional value becomes float64. Serving: ffill fills `value` in as well, since the
    rows before may be of somebody else's request.
    """

    kind = "fill_missing"

    @classmethod
    def fit(
        cls,
        table: pa.Table,
        plan: Sequence[tuple[str, str, Any]],
        *,
        match: Sequence[str],
        tokens: Sequence[Any],
        indicator: bool,
    ) -> FillMissing:
        """`plan` lists (column, strategy, constant). Raises InvalidInput where a statistic does not exist."""
        require(table, [name for name, _, _ in plan])
        if indicator:
            refuse(table, [name + INDICATOR_SUFFIX for name, _, _ in plan], "fill_missing")
        specs = []
        for name, strategy, constant in plan:
            column = _as_null(table.column(name), match, tokens)
            if strategy == "auto":
                is_number = is_numeric(column.type) and not pa.types.is_boolean(column.type)
                strategy = "median" if is_number else "mode"
            value = _statistic(name, column, strategy, constant)
            specs.append({"name": name, "dtype": logical_type(column.type), "strategy": strategy, "value": value})
        return cls({"columns": specs, "match": list(match), "tokens": list(tokens), "indicator": indicator})

    @property
    def columns(self) -> list[str]:
        return [spec["name"] for spec in self.state["columns"]]

    def apply(self, table: pa.Table, *, serving: bool = False) -> pa.Table:
        keep = None
        for spec in self._present(table, serving):
            name = spec["name"]
            column = _as_null(table.column(name), self.state["match"], self.state["tokens"])
            is_missing = pc.is_null(column)
            if spec["strategy"] == "drop":
                present = pc.invert(is_missing)
                keep = present if keep is None else pc.and_(keep, present)
            else:
                column = _fill(name, column, spec, serving)
            table = with_column(table, name, column)
            if self.state["indicator"]:
                table = with_column(table, name + INDICATOR_SUFFIX, pc.cast(is_missing, pa.int64()))
        return table if serving or keep is None else table.filter(keep)

    def requires(self, needed: dict[str, Need]) -> dict[str, Need]:
        filled = {spec["name"]: spec for spec in self.state["columns"]}
        indicators = {name + INDICATOR_SUFFIX: name for name in filled} if self.state["indicator"] else {}
        out: dict[str, Need] = {}
        for name, need in needed.items():
            source = indicators.get(name, name)
            if source in filled:
                spec = filled[source]
                out[source] = {"dtype": spec["dtype"], "nullable": spec["strategy"] != "drop"}
            else:
                out.setdefault(name, need)
        return out


def known_tokens(kind: pa.DataType, tokens: Sequence[Any]) -> list[Any]:
    """The tokens that a column of this type can hold: text for text, numbers for numbers."""
    if is_text(kind):
        return [str(token) for token in tokens]
    if is_numeric(kind):
        return [t for t in tokens if isinstance(t, int | float) and not isinstance(t, bool)]
    return []


def _as_null(column: pa.ChunkedArray, match: Sequence[str], tokens: Sequence[Any]) -> pa.ChunkedArray:
    """The column with everything that counts as missing turned into null."""
    if pa.types.is_dictionary(column.type):
        column = pc.cast(column, column.type.value_type)
    missing, known = None, known_tokens(column.type, tokens)
    if is_text(column.type) and "empty" in match:
        missing = pc.equal(pc.utf8_trim_whitespace(column), "")
    if known:
        values = numbers(column) if is_numeric(column.type) else None
        found = (
            pa.array(np.isin(values, known)) if values is not None else pc.is_in(column, pa.array(known, column.type))
        )
        missing = found if missing is None else pc.or_kleene(missing, found)
    if missing is None:
        return column
    return pc.if_else(pc.fill_null(missing, False), pa.scalar(None, column.type), column)


def _statistic(name: str, column: pa.ChunkedArray, strategy: str, constant: Any) -> Any:
    if strategy == "drop":
        return None
    if strategy == "constant":
        if constant is None:
            raise InvalidParams(f'column "{name}": strategy constant needs fill_value')
        return _json(scalar(name, constant, column.type).as_py())
    present = pc.drop_null(column)
    if len(present) == 0:
        raise InvalidInput(f'column "{name}" has no values at all; {strategy} cannot be fitted on it', column=name)
    if strategy in ("mean", "median"):
        if not is_numeric(column.type):
            kind = logical_type(column.type)
            raise InvalidInput(
                f'column "{name}" is {kind}; {strategy} needs numbers (use mode or constant)', column=name
            )
        values = numbers(present)
        return float(np.mean(values) if strategy == "mean" else np.median(values))
    if strategy == "mode":  # the smallest of equally frequent values, as in scikit-learn
        counted = pc.value_counts(present)
        counts = counted.field("counts")
        return _json(min(counted.field("values").filter(pc.equal(counts, pc.max(counts))).to_pylist()))
    if strategy == "ffill":
        return _json(present[0].as_py())
    ordered = pc.sort_indices(present) if is_text(column.type) else None
    if ordered is not None:
        return present[ordered[0 if strategy == "min" else -1].as_py()].as_py()
    if pa.types.is_boolean(column.type):
        return bool((min if strategy == "min" else max)(present.to_pylist()))
    return _json(pc.min_max(present)[strategy].as_py())


def _fill(name: str, column: pa.ChunkedArray, spec: dict[str, Any], serving: bool) -> pa.ChunkedArray:
    value = spec["value"]
    if pa.types.is_integer(column.type) and isinstance(value, float) and not value.is_integer():
        column = pc.cast(column, pa.float64())
    if spec["strategy"] == "ffill" and not serving:
        column = pc.fill_null_forward(column)
    if column.null_count == 0:
        return column
    return pc.fill_null(column, scalar(name, value, column.type))


def scalar(name: str, value: Any, kind: pa.DataType) -> pa.Scalar:
    """`value` in the type of the column; a fractional constant for an integer column stays a float."""
    try:
        if is_text(kind):
            return pa.scalar(str(value), kind)
        if logical_type(kind) == "datetime":
            moment = datetime.datetime.fromisoformat(str(value))
            return pa.scalar(moment, kind)
        if isinstance(value, str):
            raise ValueError("it is text")
        if pa.types.is_boolean(kind):
            return pa.scalar(bool(value), kind)
        if pa.types.is_integer(kind):
            return pa.scalar(int(value), kind) if float(value).is_integer() else pa.scalar(float(value))
        return pa.scalar(float(value), kind)
    except (ValueError, TypeError, OverflowError, pa.ArrowInvalid) as problem:
        message = f'column "{name}" is {logical_type(kind)}: {value!r} cannot be filled in ({problem})'
        raise InvalidParams(message) from problem


def _json(value: Any) -> Any:
    if isinstance(value, datetime.date):
        return value.isoformat()
    return float(value) if not isinstance(value, str | bool | int | float) else value
