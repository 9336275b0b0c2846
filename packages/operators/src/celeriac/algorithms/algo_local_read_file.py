"""Reads a data set or a file into a table."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ..artifacts import storage, uris
from ..artifacts.columns import normalised, require
from ..context import Context
from ..errors import ArtifactNotFound, InvalidInput, InvalidParams, did_you_mean
from ..reading import CsvOptions, read_csv

PARQUET_MAGIC = b"PAR1"
REFUSED = "not below the artifact root or a directory listed in CELERIAC_READ_ROOTS"


def run(ctx: Context) -> None:
    uri, declared, rename = locate(ctx)
    ctx.progress(0, 1, "reading")
    content = read_content(uri)
    kind = file_format(ctx, uri, declared, content)
    rename = {**rename, **(ctx.params["rename"] or {})}
    table = from_parquet(ctx, content, rename) if kind == "parquet" else from_csv(ctx, content, rename)
    columns = ctx.params["columns"]
    if columns is not None:
        require(table, columns)
        table = table.select(columns)
    ctx.write_table(0, table, facts={"source": {"uri": uri, "format": kind}})
    ctx.metric("rows", table.num_rows)
    ctx.metric("columns", table.num_columns)
    ctx.progress(1, 1, f"{table.num_rows} rows, {table.num_columns} columns")


def locate(ctx: Context) -> tuple[str, str, dict[str, str]]:
    """URI, format and renames of what to read."""
    data_id = ctx.params["data_id"]
    if data_id is None:
        return allowed(ctx, ctx.params["uri"]), "auto", {}
    found = ctx.datasets.get(str(data_id))
    if found is None:
        known = ", ".join(ctx.datasets) or "none"
        hint = did_you_mean(str(data_id), ctx.datasets)
        raise ctx.invalid("data_id", f"data set {data_id} does not exist (this run knows {known}){hint}")
    return found["uri"], found.get("format") or "auto", found.get("rename") or {}


def allowed(ctx: Context, uri: str) -> str:
    """The URI, made canonical. Raises InvalidParams unless it lies below a place that may be read."""
    roots = read_roots(ctx)
    if not uris.is_local(uri):
        prefixes = [root.rstrip("/") + "/" for root in roots if not uris.is_local(root)]
        if ".." in uri.split("/") or not uri.startswith(tuple(prefixes)):
            raise ctx.invalid("uri", f"{uri} is {REFUSED}")
        return uri
    try:
        path = uris.to_path(uri).resolve()  # symbolic links and .. count for where they lead
    except ValueError as problem:
        raise ctx.invalid("uri", str(problem)) from problem
    if not any(uris.is_local(root) and path.is_relative_to(uris.to_path(root).resolve()) for root in roots):
        raise ctx.invalid("uri", f"{uri} is {REFUSED}")
    return uris.from_path(path)


def read_roots(ctx: Context) -> list[str]:
    """The artifact root and what CELERIAC_READ_ROOTS lists (the colon of `s3://` separates nothing)."""
    listed = re.split(re.escape(os.pathsep) + "(?!//)", os.environ.get("CELERIAC_READ_ROOTS", ""))
    return [root for root in (ctx.artifact_root, *listed) if root]


def read_content(uri: str) -> bytes:
    try:
        return storage.read_bytes(uri)
    except FileNotFoundError as problem:
        raise ArtifactNotFound(f"the file {uri} does not exist", uri=uri) from problem
    except IsADirectoryError as problem:
        raise InvalidInput(f"{uri} is a directory, not a file") from problem


def file_format(ctx: Context, uri: str, declared: str, content: bytes) -> str:
    """csv or parquet: the parameter, else what the data set says, else the first bytes."""
    for said in (ctx.params["format"], declared):
        if said != "auto":
            return said
    return "parquet" if content[:4] == PARQUET_MAGIC or Path(uri).suffix in (".parquet", ".pq") else "csv"


def from_csv(ctx: Context, content: bytes, rename: dict[str, str]) -> pa.Table:
    params = ctx.params
    options = CsvOptions(
        delimiter=params["delimiter"],
        encoding=params["encoding"],
        header=params["header"],
        quote=params["quote"],
        null_tokens=tuple(params["null_tokens"]),
        infer_rows=params["infer_rows"],
        types=params["types"],
        rename=rename,
        limit=params["limit"],
    )
    return read_csv(content, options)


def from_parquet(ctx: Context, content: bytes, rename: dict[str, str]) -> pa.Table:
    if ctx.params["types"]:
        raise InvalidParams("algo_local_read_file: types: a Parquet file has types of its own")
    try:
        table = pq.ParquetFile(pa.BufferReader(content)).read(use_threads=False)
    except pa.ArrowInvalid as problem:
        raise InvalidInput(f"the file is not Parquet: {problem}") from problem
    if ctx.params["limit"] is not None:
        table = table.slice(0, ctx.params["limit"])
    return normalised(flat(table.rename_columns([rename.get(name, name) for name in table.column_names])))


def flat(table: pa.Table) -> pa.Table:
    """Refuses nested columns: operators work on plain ones."""
    nested: list[Any] = [field.name for field in table.schema if pa.types.is_nested(field.type)]
    if nested:
        raise InvalidInput(f'column "{nested[0]}" is nested ({table.schema.field(nested[0]).type})', column=nested[0])
    return table
