"""Splits a table into two by share, threshold or remainder. Both parts keep the order of the input."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..artifacts.columns import is_numeric, logical_type, numbers, require
from ..context import Context
from ..errors import InvalidInput

RATIO, THRESHOLD, MODULO = 1, 2, 3


def run(ctx: Context) -> None:
    table = ctx.table(0).read()
    kind = ctx.params["split_type"]
    choose = {RATIO: by_ratio, THRESHOLD: by_threshold, MODULO: by_modulo}[kind]
    first = choose(ctx, table)
    ctx.write_table(0, table.filter(pa.array(first)))
    ctx.write_table(1, table.filter(pa.array(~first)))
    rows = int(first.sum())
    ctx.metric("first_rows", rows)
    ctx.metric("second_rows", table.num_rows - rows)


def by_ratio(ctx: Context, table: pa.Table) -> np.ndarray:
    """True for round(share * rows) rows, drawn without replacement; per stratum when stratified."""
    share, rows = ctx.params["ext1"] if ctx.params["ext1"] is not None else 0.8, table.num_rows
    first = np.zeros(rows, dtype=bool)
    if not ctx.params["shuffle"]:
        first[: round(share * rows)] = True
        return first
    random = np.random.default_rng(ctx.params["seed"])
    if ctx.params["stratify"] is None:
        first[random.permutation(rows)[: round(share * rows)]] = True
        return first
    for members in strata(table, ctx.params["stratify"]):
        first[random.permutation(members)[: round(share * len(members))]] = True
    return first


def strata(table: pa.Table, name: str) -> list[np.ndarray]:
    """Row numbers per distinct value (missing is one of them), in order of appearance."""
    require(table, [name], "stratify column")
    encoded = pc.dictionary_encode(table.column(name).combine_chunks(), null_encoding="encode")
    codes = np.asarray(encoded.indices)
    order = np.argsort(codes, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(codes[order])) + 1) if len(order) else []


def by_threshold(ctx: Context, table: pa.Table) -> np.ndarray:
    """True where the value is below the threshold; missing values are not."""
    name, threshold = ctx.params["ext1"], ctx.params["ext2"]
    require(table, [name], "column (ext1)")
    column = table.column(name)
    if is_numeric(column.type):
        if isinstance(threshold, str):
            raise ctx.invalid("ext2", f'column "{name}" is numeric; the threshold must be a number, got "{threshold}"')
        return numbers(column) < threshold  # NaN compares false
    if logical_type(column.type) != "datetime":
        raise InvalidInput(
            f'column "{name}" is {logical_type(column.type)}; a threshold needs numbers or dates', column=name
        )
    try:
        moment = pa.scalar(datetime.datetime.fromisoformat(str(threshold)), column.type)
    except (ValueError, pa.ArrowInvalid) as problem:
        raise ctx.invalid("ext2", f'column "{name}" holds dates; "{threshold}" is not an ISO date') from problem
    return _mask(pc.less(column, moment))


def by_modulo(ctx: Context, table: pa.Table) -> np.ndarray:
    """False (second output) where column % modulus == remainder; the remainder of a negative value is not negative."""
    name, modulus, remainder = ctx.params["ext1"], ctx.params["ext2"], ctx.params["remainder"]
    if remainder >= modulus:
        raise ctx.invalid("remainder", f"must be less than the modulus {modulus}, got {remainder}")
    require(table, [name], "column (ext1)")
    column = table.column(name)
    if not pa.types.is_integer(column.type):
        raise InvalidInput(f'column "{name}" is {logical_type(column.type)}; modulo needs integers', column=name)
    present = _mask(pc.is_valid(column))
    values = np.asarray(pc.fill_null(column, 0).to_numpy())
    return ~(present & (np.mod(values, modulus) == remainder))


def _mask(column: Any) -> np.ndarray:
    return np.asarray(pc.fill_null(column, False).to_numpy(), dtype=bool)
