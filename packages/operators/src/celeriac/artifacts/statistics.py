"""Statistics, preview and size limits of a table sidecar."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from . import strict_json
from .columns import is_numeric, is_text, logical_type, numbers

PREVIEW_ROWS = 50
PREVIEW_TEXT = 200  # characters of one cell
TOP_VALUES = 10
TOP_UP_TO = 50  # distinct values up to which the most frequent ones are listed for numbers
HISTOGRAM_BINS = 20
SIDECAR_LIMIT_BYTES = 256 * 1024


def describe(table: pa.Table) -> list[dict[str, Any]]:
    """Statistics per column, in order: name, dtype, nulls, distinct, and by type min, max, mean, std, histogram, top.

    `std` has one degree of freedom less than values (ddof 1). `top` lists value and count, most frequent first.
    """
    return [_column(field.name, table.column(index)) for index, field in enumerate(table.schema)]


def preview(table: pa.Table) -> dict[str, Any]:
    """The first rows: {"columns": [...], "rows": [[...], ...]}; dates as ISO text, long text cut."""
    head = table.slice(0, PREVIEW_ROWS)
    columns = [[_cell(value) for value in head.column(i).to_pylist()] for i in range(head.num_columns)]
    rows = [list(row) for row in zip(*columns, strict=True)]
    return {"columns": head.column_names, "rows": rows}


def fit(sidecar: dict[str, Any]) -> bytes:
    """The sidecar as JSON below 256 KiB: a very wide table loses histograms, then top values, then preview rows."""
    reductions = [None, "histogram", "top", "preview", "statistics"]
    for reduction in reductions:
        if reduction in ("histogram", "top"):
            sidecar = {
                **sidecar,
                "columns": [_without(c, reduction) for c in sidecar["columns"]],
                "reduced": True,
            }
        elif reduction == "preview":
            sidecar = {**sidecar, "preview": {**sidecar["preview"], "rows": sidecar["preview"]["rows"][:5]}}
        elif reduction == "statistics":
            names = [{"name": c["name"], "dtype": c["dtype"], "nulls": c["nulls"]} for c in sidecar["columns"]]
            sidecar = {**sidecar, "columns": names, "preview": {"columns": [], "rows": []}}
        content = strict_json.dumps(sidecar)
        if len(content) <= SIDECAR_LIMIT_BYTES:
            break
    return content  # beyond some thousand columns the names alone exceed the limit: correctness over size


def _without(column: dict[str, Any], key: str) -> dict[str, Any]:
    return {k: v for k, v in column.items() if k != key}


def _cell(value: Any) -> Any:
    if isinstance(value, str) and len(value) > PREVIEW_TEXT:
        return value[: PREVIEW_TEXT - 1] + "…"
    try:
        return strict_json.plain(value)
    except TypeError:
        return str(value)[:PREVIEW_TEXT]


def _column(name: str, column: pa.ChunkedArray) -> dict[str, Any]:
    kind = column.type
    out: dict[str, Any] = {"name": name, "dtype": logical_type(kind), "nulls": column.null_count}
    if is_numeric(kind):
        out |= _numeric(column)
    elif out["dtype"] == "datetime":
        out["distinct"] = _distinct(column)
        bounds = pc.min_max(column).as_py()
        out["min"], out["max"] = _cell(bounds["min"]), _cell(bounds["max"])
    elif is_text(kind):
        out |= _counts(column, always=True)
        out["max_length"] = pc.max(pc.utf8_length(pc.cast(column, pa.string()))).as_py()
    return out


def _numeric(column: pa.ChunkedArray) -> dict[str, Any]:
    values = numbers(column)
    values = values[np.isfinite(values)]
    out = _counts(column, always=pa.types.is_boolean(column.type))
    if len(values) == 0:
        return out | {"min": None, "max": None, "mean": None, "std": None}
    low, high = float(values.min()), float(values.max())
    whole = pa.types.is_integer(column.type) and abs(low) < 2**53 and abs(high) < 2**53
    out["min"], out["max"] = (int(low), int(high)) if whole else (low, high)
    out["mean"] = float(values.mean())
    out["std"] = float(values.std(ddof=1)) if len(values) > 1 else None
    if high > low and np.isfinite(high - low):
        counts = np.histogram(values, bins=HISTOGRAM_BINS, range=(low, high))[0]
        out["histogram"] = {"min": low, "max": high, "counts": counts.tolist()}
    return out


def _counts(column: pa.ChunkedArray, *, always: bool) -> dict[str, Any]:
    distinct = _distinct(column)
    out: dict[str, Any] = {"distinct": distinct}
    if distinct > 0 and (always or distinct <= TOP_UP_TO):
        counted = pc.value_counts(pc.drop_null(column))
        values, counts = counted.field("values"), counted.field("counts")
        order = np.argsort(-counts.to_numpy(), kind="stable")[:TOP_VALUES]
        top = values.take(pa.array(order)).to_pylist()
        out["top"] = [[_cell(value), int(counts[int(i)].as_py())] for value, i in zip(top, order, strict=True)]
    return out


def _distinct(column: pa.ChunkedArray) -> int:
    if pa.types.is_dictionary(column.type):
        column = pc.cast(column, column.type.value_type)
    return int(pc.count_distinct(column, mode="only_valid").as_py())
