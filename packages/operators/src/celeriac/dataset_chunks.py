"""Data sets read in parts, so that memory is bounded by a part and not by the file.

CSV comes as text, as `reading` reads it: a type is known when every cell has been seen. Parquet comes with its types.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from .artifacts import storage
from .artifacts.columns import is_text, logical_type, normalised
from .errors import InvalidInput
from .reading import ARROW_TYPES, DELIMITERS, HEAD_BYTES, CsvOptions, convert, header_names, sniff_delimiter

BLOCK_BYTES = 16 << 20  # the longest record of a data set has 16 MiB
NULL_TOKENS = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "\\N")  # the default of algo_local_read_file


class DatasetChunks:
    """A pinned data set: `{"uri", "format", "rename"}`."""

    def __init__(self, pin: dict[str, Any], batch_rows: int) -> None:
        self._uri, self._rename, self._batch_rows = pin["uri"], pin.get("rename") or {}, batch_rows
        with storage.open_read(self._uri) as file:
            head = file.read(HEAD_BYTES)
        self.is_parquet = pin.get("format") == "parquet" or head[:4] == b"PAR1"
        self._delimiter = DELIMITERS[0]
        given = self._parquet_names() if self.is_parquet else self._csv_names(head)
        self.names = [self._rename.get(name, name) for name in given]
        self._given = dict(zip(self.names, given, strict=True))

    def read(self, names: list[str]) -> Iterator[pa.Table]:
        """The columns `names` of all rows, in order, at most `batch_rows` rows at a time; nothing for no rows."""
        for part in self._parquet(names) if self.is_parquet else self._csv(names):
            for start in range(0, part.num_rows, self._batch_rows):
                yield part.slice(start, self._batch_rows)

    def _parquet_names(self) -> list[str]:
        with storage.open_read(self._uri) as file:
            return list(pq.ParquetFile(file).schema_arrow.names)

    def _parquet(self, names: list[str]) -> Iterator[pa.Table]:
        with storage.open_read(self._uri) as file:
            parquet = pq.ParquetFile(file)
            columns = [self._given[name] for name in names]
            for batch in parquet.iter_batches(self._batch_rows, columns=columns, use_threads=False):
                table = pa.Table.from_batches([batch]).select(columns).rename_columns(names)
                yield normalised(_flat(table))

    def _csv_names(self, head: bytes) -> list[str]:
        text = head.decode("utf-8-sig", "ignore")
        if not text.strip():
            raise InvalidInput("the data set is empty")
        self._delimiter = sniff_delimiter(text, '"')
        return header_names(text, self._delimiter, CsvOptions())

    def _csv(self, names: list[str]) -> Iterator[pa.Table]:
        given = [self._given[name] for name in names]
        every = list(self._given.values())
        with storage.open_read(self._uri) as file:
            try:
                with pacsv.open_csv(
                    file,
                    read_options=pacsv.ReadOptions(
                        use_threads=False, column_names=every, skip_rows_after_names=1, block_size=BLOCK_BYTES
                    ),
                    parse_options=pacsv.ParseOptions(delimiter=self._delimiter, newlines_in_values=True),
                    convert_options=pacsv.ConvertOptions(
                        column_types=dict.fromkeys(every, pa.string()),
                        include_columns=given,
                        null_values=list(NULL_TOKENS),
                        strings_can_be_null=True,
                        quoted_strings_can_be_null=False,
                    ),
                ) as reader:
                    for batch in reader:
                        yield pa.Table.from_batches([batch]).rename_columns(names)
            except pa.ArrowInvalid as problem:
                raise InvalidInput(f"the data set is not CSV: {problem}") from problem


def _flat(table: pa.Table) -> pa.Table:
    for index, field in enumerate(table.schema):
        if pa.types.is_nested(field.type):
            raise InvalidInput(f'column "{field.name}" is nested ({field.type})', column=field.name)
        if pa.types.is_dictionary(field.type):
            table = table.set_column(index, field.name, pc.cast(table.column(index), field.type.value_type))
    return table


class TypeInference:
    """Finds the type that all cells of each text column fit: the one that `reading` would give the whole column."""

    def __init__(self, names: list[str]) -> None:
        self._candidates = {name: list(ARROW_TYPES) for name in names}
        self._seen: set[str] = set()

    def add(self, table: pa.Table) -> None:
        for name, candidates in self._candidates.items():
            column = table.column(name)
            if column.null_count == len(column):
                continue
            self._seen.add(name)
            while candidates[0] != "string" and convert(column, candidates[0]) is None:
                candidates.pop(0)

    def apply(self, table: pa.Table) -> pa.Table:
        """The columns in the types that were found; call it when all parts were added."""
        found = {}
        for name, candidates in self._candidates.items():
            wanted = candidates[0] if name in self._seen else "string"
            column = convert(table.column(name), wanted)
            found[name] = table.column(name) if column is None else column
        return pa.table(found)

    def schema(self) -> pa.Schema:
        types = {n: ARROW_TYPES[c[0] if n in self._seen else "string"] for n, c in self._candidates.items()}
        return pa.schema(list(types.items()))


def as_input(column: pa.ChunkedArray, wanted: str, *, is_raw_text: bool) -> pa.ChunkedArray | None:
    """A column as a model's signature wants it (number, string, boolean, datetime); None when it is of another type."""
    if is_raw_text:
        return convert(column, {"number": "float", "boolean": "bool"}.get(wanted, wanted))
    kind = column.type
    if wanted == "string":
        return pc.cast(column, pa.string()) if is_text(kind) else None
    if wanted == "boolean":
        return column if pa.types.is_boolean(kind) else None
    if wanted == "datetime":
        return pc.cast(column, pa.timestamp("us"), safe=False) if logical_type(kind) == "datetime" else None
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    return pc.cast(column, pa.float64(), safe=False) if is_number else None


def first_misfit(column: pa.ChunkedArray, wanted: str) -> int:
    """The first row of a text column that does not fit."""
    low, high = 0, len(column)
    while high - low > 1:
        middle = (low + high) // 2
        if as_input(column.slice(low, middle - low), wanted, is_raw_text=True) is None:
            high = middle
        else:
            low = middle
    return low
