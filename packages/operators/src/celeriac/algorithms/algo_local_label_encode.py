"""Replaces values by their index in an ordered template."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from ..artifacts.columns import is_text
from ..context import Context
from ..errors import InvalidInput
from ..fitting import fit_or_apply
from ..transforms import LabelEncode


def run(ctx: Context) -> None:
    fit_or_apply(ctx, fit)


def fit(ctx: Context, table: pa.Table) -> LabelEncode:
    params = ctx.params
    template = params["template"]
    names = columns(ctx, table)
    given: dict[str, list[Any]] = dict.fromkeys(names, template) if isinstance(template, list) else (template or {})
    if unused := [name for name in given if name not in names]:
        raise ctx.invalid("template", f'has a template for "{unused[0]}", which is not among columns')
    if params["inverse"] and (missing := [name for name in names if name not in given]):
        raise ctx.invalid("inverse", f'needs a template or a wired transform for "{missing[0]}"')
    return LabelEncode.fit(
        table,
        names,
        given,
        order=params["order"],
        unknown=params["unknown"],
        unknown_code=params["unknown_code"],
        inverse=params["inverse"],
        suffix=params["suffix"] if params["keep_original"] else None,
    )


def columns(ctx: Context, table: pa.Table) -> list[str]:
    """The columns to encode: named, else those of the template, else all text columns."""
    if ctx.params["columns"] is not None:
        return ctx.params["columns"]
    if isinstance(ctx.params["template"], dict):
        return list(ctx.params["template"])
    names = [field.name for field in table.schema if is_text(field.type)]
    if not names:
        raise InvalidInput("the table has no text columns to encode; name the columns")
    return names
