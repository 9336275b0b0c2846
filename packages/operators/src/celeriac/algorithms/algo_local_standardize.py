"""Scales numeric columns to mean 0 and standard deviation 1."""

from __future__ import annotations

import pyarrow as pa

from ..artifacts.columns import numeric_names, require
from ..context import Context
from ..fitting import fit_or_apply
from ..transforms import Standardize


def run(ctx: Context) -> None:
    fit_or_apply(ctx, fit)


def fit(ctx: Context, table: pa.Table) -> Standardize:
    params = ctx.params
    excluded = params["exclude"] or []
    require(table, excluded, "excluded column")
    names = params["columns"] or numeric_names(table)
    return Standardize.fit(
        table,
        [name for name in names if name not in excluded],
        with_mean=params["with_mean"],
        with_std=params["with_std"],
        ddof=params["ddof"],
        suffix=params["suffix"] if params["keep_original"] else None,
    )
