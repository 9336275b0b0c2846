"""Table artifacts written in parts: the same files as `tables.write_table`, for tables that do not fit into memory."""

from __future__ import annotations

import hashlib
import io
import math
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from . import commit, statistics, storage, uris
from .columns import is_numeric, logical_type, numbers
from .tables import SIDECAR_FILE, TABLE_FILE

CSV_FILE = "table.csv"


class TableWriter:
    """Writes parts of one schema into the directory `place`. The statistics are those that need no second look."""

    def __init__(self, place: str, schema: pa.Schema, *, with_csv: bool = False) -> None:
        self._place, self._schema = place, schema
        self._file = _HashedFile(storage.open_write(uris.join(place, TABLE_FILE)))
        self._parquet = pq.ParquetWriter(self._file, schema)
        self._csv_file = storage.open_write(uris.join(place, CSV_FILE)) if with_csv else None
        self._csv = pacsv.CSVWriter(self._csv_file, schema) if self._csv_file else None
        self._statistics = [_Statistics(field) for field in schema]
        self._head = schema.empty_table()
        self.rows = 0

    def write(self, part: pa.Table) -> None:
        self._parquet.write_table(part)
        if self._csv is not None:
            self._csv.write_table(part)
        for index, column in enumerate(part.columns):
            self._statistics[index].add(column)
        if self._head.num_rows < statistics.PREVIEW_ROWS:
            missing = statistics.PREVIEW_ROWS - self._head.num_rows
            self._head = pa.concat_tables([self._head, part.slice(0, missing)])
        self.rows += part.num_rows

    def close(self, facts: dict[str, Any] | None = None) -> dict[str, Any] | None:
        """Ends the files. With `facts` the sidecar is written too, and returned."""
        self._parquet.close()
        self._file.close()
        if self._csv is not None and self._csv_file is not None:
            self._csv.close()
            self._csv_file.close()
        if facts is None:
            return None
        sidecar = {
            "format": 1,
            "type": "Table",
            "rows": self.rows,
            "columns": [each.describe() for each in self._statistics],
            "reduced": True,
            "preview": statistics.preview(self._head),
            "files": [TABLE_FILE, *([CSV_FILE] if self._csv_file else [])],
            "bytes": self._file.bytes,
            "data_hash": "sha256:" + self._file.digest.hexdigest(),
            "created_at": commit.utc_now(),
            **facts,
        }
        storage.write_bytes(uris.join(self._place, SIDECAR_FILE), statistics.fit(sidecar))
        return sidecar


class _HashedFile(io.RawIOBase):
    """Passes on what is written, and hashes it."""

    def __init__(self, file: Any) -> None:
        super().__init__()
        self._file, self.digest, self.bytes = file, hashlib.sha256(), 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        self._file.write(view)
        self.digest.update(view)
        self.bytes += len(view)
        return len(view)

    def tell(self) -> int:
        return self.bytes

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


class _Statistics:
    """Nulls, and of numbers the bounds and moments (merged by Chan's formula), over parts of one column."""

    def __init__(self, field: pa.Field) -> None:
        self._field, self._nulls, self._count = field, 0, 0
        self._low, self._high, self._mean, self._squares = math.inf, -math.inf, 0.0, 0.0

    def add(self, column: pa.ChunkedArray) -> None:
        self._nulls += column.null_count
        if not is_numeric(column.type):
            return
        values = numbers(column)
        values = values[np.isfinite(values)]
        if len(values) == 0:
            return
        mean, count = float(values.mean()), self._count + len(values)
        step = mean - self._mean
        self._squares += float(((values - mean) ** 2).sum()) + step**2 * self._count * len(values) / count
        self._mean += step * len(values) / count
        self._low, self._high = min(self._low, float(values.min())), max(self._high, float(values.max()))
        self._count = count

    def describe(self) -> dict[str, Any]:
        kind = self._field.type
        out: dict[str, Any] = {"name": self._field.name, "dtype": logical_type(kind), "nulls": self._nulls}
        if not is_numeric(kind):
            return out
        if self._count == 0:
            return out | {"min": None, "max": None, "mean": None, "std": None}
        std = math.sqrt(self._squares / (self._count - 1)) if self._count > 1 else None
        return out | {"min": self._low, "max": self._high, "mean": self._mean, "std": std}
