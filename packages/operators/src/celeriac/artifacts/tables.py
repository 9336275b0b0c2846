"""Table artifacts: `table.parquet` beside `sidecar.json`."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import ArtifactNotFound
from . import commit, statistics, storage, uris
from .columns import normalised

TABLE_FILE = "table.parquet"
SIDECAR_FILE = "sidecar.json"
# What a scored or clustered table tells about its own columns; kept as long as the column is.
COLUMN_FACTS = ("score_column", "prediction_column", "cluster_column")


class TableArtifact:
    """A committed table. The sidecar is read at once, the data when first asked for."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.sidecar = read_sidecar(uri)
        self._table: pa.Table | None = None

    @property
    def rows(self) -> int:
        return self.sidecar["rows"]

    @property
    def transforms(self) -> list[str]:
        """URIs of the fitted transforms that made this table from raw data, in order."""
        return self.sidecar.get("transforms", [])

    def read(self) -> pa.Table:
        """The data. Raises ArtifactNotFound when the file is gone."""
        if self._table is None:
            self._table = read_parquet(uris.join(self.uri, TABLE_FILE))
        return self._table


def read_sidecar(uri: str) -> dict[str, Any]:
    """The sidecar of a committed artifact. Raises ArtifactNotFound."""
    commit.require_committed(uri)
    try:
        return json.loads(storage.read_bytes(uris.join(uri, SIDECAR_FILE)))
    except FileNotFoundError as problem:
        raise ArtifactNotFound(f"the artifact {uri} has no {SIDECAR_FILE}", uri=uri) from problem


def read_parquet(uri: str) -> pa.Table:
    """A Parquet file as a table, read without threads."""
    try:
        if uris.is_local(uri):
            return pq.ParquetFile(str(uris.to_path(uri)), memory_map=True).read(use_threads=False)
        with storage.open_read(uri) as file:
            return pq.ParquetFile(file).read(use_threads=False)
    except FileNotFoundError as problem:
        raise ArtifactNotFound(f"{uri} does not exist", uri=uri) from problem


def write_table(place: str, table: pa.Table, facts: dict[str, Any]) -> dict[str, Any]:
    """Writes the table and its sidecar into the directory `place`; returns the sidecar.

    `facts` is merged into the sidecar: transforms, created_by, column facts.
    """
    table = normalised(table)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    content = sink.getvalue()
    storage.write_bytes(uris.join(place, TABLE_FILE), content)
    sidecar = {
        "format": 1,
        "type": "Table",
        "rows": table.num_rows,
        "columns": statistics.describe(table),
        "preview": statistics.preview(table),
        "files": [TABLE_FILE],
        "bytes": content.size,
        "data_hash": "sha256:" + hashlib.sha256(content).hexdigest(),
        "created_at": commit.utc_now(),
        **facts,
    }
    storage.write_bytes(uris.join(place, SIDECAR_FILE), statistics.fit(sidecar))
    return sidecar
