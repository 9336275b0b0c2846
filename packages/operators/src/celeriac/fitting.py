"""Operators that fit a transform, or apply one that is wired to port 1."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa

from .context import Context
from .transforms import Transform


def fit_or_apply(ctx: Context, fit: Callable[[Context, pa.Table], Transform]) -> None:
    """Writes the transformed table (port 0) and the transform (port 1, passed on when it came in)."""
    source = ctx.table(0)
    table = source.read()
    wired = ctx.reference(1)
    if wired is not None:
        transform, uri = ctx.transform(1), wired["uri"]
        ctx.pass_on(1, wired)
    else:
        transform = fit(ctx, table)
        uri = ctx.write_transform(1, transform, {"fitted_on": source.uri, "params": ctx.params})
    out = transform.apply(table)
    ctx.write_table(0, out, transforms_added=[uri])
    ctx.metric("rows", out.num_rows)
