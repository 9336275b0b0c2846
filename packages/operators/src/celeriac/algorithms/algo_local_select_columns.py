"""Keeps, drops, renames and orders columns."""

from __future__ import annotations

import re

import pyarrow as pa

from ..artifacts.columns import require
from ..context import Context
from ..errors import InvalidInput
from ..transforms import Rename


def run(ctx: Context) -> None:
    source = ctx.table(0)
    table = source.read()
    table = table.select(chosen(ctx, table))
    added = []
    rename = {old: new for old, new in (ctx.params["rename"] or {}).items() if old != new}
    if rename:
        transform = Rename({"rename": rename})
        table = transform.apply(table)
        check_unique(table)
        # Serving has to rename as well, so the renaming joins the chain (not an output: nothing is wired to it).
        added.append(ctx.write_transform("rename", transform, {"fitted_on": source.uri, "params": ctx.params}))
    order = ctx.params["order"] or []
    require(table, order, "ordered column")
    table = table.select([*order, *(name for name in table.column_names if name not in order)])
    ctx.write_table(0, table, transforms_added=added)
    ctx.metric("columns", table.num_columns)


def chosen(ctx: Context, table: pa.Table) -> list[str]:
    """Names to keep: those of include in its order and those that match regex, less exclude."""
    params, known = ctx.params, table.column_names
    include, excluded = params["include"], params["exclude"] or []
    require(table, [*(include or []), *excluded, *(params["rename"] or {})])
    names = list(include or [])
    if params["regex"] is not None:
        try:
            pattern = re.compile(params["regex"])
        except re.error as problem:
            raise ctx.invalid("regex", f"is not a regular expression: {problem}") from problem
        names += [name for name in known if pattern.fullmatch(name) and name not in names]
    elif include is None:
        names = known
    names = [name for name in names if name not in excluded]
    if not names:
        raise InvalidInput("no column is left")
    gone = [name for name in params["rename"] or {} if name not in names]
    if gone:
        raise ctx.invalid("rename", f'"{gone[0]}" is renamed but not kept')
    return names


def check_unique(table: pa.Table) -> None:
    names = table.column_names
    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        raise InvalidInput(f'two columns would be named "{repeated[0]}"', column=repeated[0])
