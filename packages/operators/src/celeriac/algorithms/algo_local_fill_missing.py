"""Fills missing values."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from ..artifacts.columns import require
from ..context import Context
from ..fitting import fit_or_apply
from ..transforms import FillMissing


def run(ctx: Context) -> None:
    before = sum(column["nulls"] for column in ctx.table(0).sidecar["columns"])
    fit_or_apply(ctx, fit)
    ctx.metric("missing_before", before)


def fit(ctx: Context, table: pa.Table) -> FillMissing:
    params = ctx.params
    return FillMissing.fit(
        table,
        plan(ctx, table),
        match=params["match"],
        tokens=params["tokens"],
        indicator=params["indicator"],
    )


def plan(ctx: Context, table: pa.Table) -> list[tuple[str, str, Any]]:
    """(column, strategy, constant) per column to fill, in table order for defaults."""
    params, own = ctx.params, ctx.params["strategies"] or {}
    excluded = set(params["exclude"] or [])
    require(table, [*excluded, *own])
    if overlap := sorted(excluded & own.keys()):
        raise ctx.invalid("strategies", f'"{overlap[0]}" is also excluded')
    if params["columns"] is not None:
        names = [*params["columns"], *(name for name in own if name not in params["columns"])]
    else:
        names = table.column_names
    out = []
    for name in names:
        if name in excluded:
            continue
        spec = own.get(name, {"strategy": params["strategy"], "fill_value": params["fill_value"]})
        spec = {"strategy": spec} if isinstance(spec, str) else spec
        constant = spec["fill_value"] if spec.get("fill_value") is not None else params["fill_value"]
        if spec["strategy"] == "constant" and constant is None:
            raise ctx.invalid(f"strategies.{name}", "constant needs fill_value")
        out.append((name, spec["strategy"], constant))
    return out
