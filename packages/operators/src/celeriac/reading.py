"""CSV and Parquet files as tables.

A CSV file is read as text and each column gets the first type that all its cells (those of the first `infer_rows`
rows, when limited) fit:
  int       -12, 0, 7; not 007 (a code, kept as text); beyond 64 bits it is text, as no number holds it
  float     1.5, -2e3, .5, inf
  bool      true, false in any case
  datetime  ISO 8601: 2018-01-31, 2018-01-31 10:00[:00[.123]], with T and a zone too (converted to UTC)
  string    everything else
Surrounding blanks do not count for types. Cells that equal a missing-value token are missing and fit every type; a
column with nothing else is text.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Callable
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from .errors import InvalidInput, InvalidParams

ARROW_TYPES = {
    "int": pa.int64(),
    "float": pa.float64(),
    "bool": pa.bool_(),
    "datetime": pa.timestamp("us"),
    "string": pa.string(),
}
DELIMITERS = (",", ";", "\t", "|")
SNIFF_LINES = 20
HEAD_BYTES = 1 << 20  # where the header and the delimiter are looked for
_DATE = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:?\d{2})?)?$"


class CsvOptions(NamedTuple):
    """How a CSV file is written. None: found out from the file."""

    delimiter: str | None = None
    encoding: str | None = None
    header: bool = True
    quote: str | None = '"'
    null_tokens: tuple[str, ...] = ("",)
    infer_rows: int | None = None
    types: dict[str, str] | None = None
    rename: dict[str, str] | None = None
    limit: int | None = None


def read_csv(content: bytes, options: CsvOptions) -> pa.Table:
    """A CSV file as a table. Raises InvalidInput with the line number of what is wrong."""
    content = _as_utf8(content, options.encoding)
    head = content[:HEAD_BYTES].decode("utf-8", "ignore")
    if not head.strip():
        raise InvalidInput("the file is empty")
    delimiter = options.delimiter or sniff_delimiter(head, options.quote)
    file = _CsvFile(content, delimiter, options)
    names = header_names(head, delimiter, options)
    table = file.read(len(names))
    if options.limit is not None:
        table = table.slice(0, options.limit)
    names = [(options.rename or {}).get(name, name) for name in names]
    _check_names(names, options)
    columns = [_typed(name, table.column(i), options, file) for i, name in enumerate(names)]
    return pa.table(dict(zip(names, columns, strict=True)))


def _as_utf8(content: bytes, encoding: str | None) -> bytes:
    """The file in UTF-8 without a byte order mark."""
    if encoding is None:
        marks = (
            (codecs.BOM_UTF8, "utf-8-sig"),
            (codecs.BOM_UTF16_LE, "utf-16"),
            (codecs.BOM_UTF16_BE, "utf-16"),
        )
        encoding = next((name for mark, name in marks if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
        return content if codecs.lookup(encoding).name == "utf-8" else text.removeprefix("\ufeff").encode()
    except LookupError as problem:
        raise InvalidParams(f'encoding: "{encoding}" is not a known encoding') from problem
    except UnicodeDecodeError as problem:
        line = content.count(b"\n", 0, problem.start) + 1
        raise InvalidInput(
            f"line {line}: byte 0x{content[problem.start]:02x} is not {encoding}; name the file's encoding "
            "(gb18030, latin-1, …)",
            line=line,
        ) from problem


def sniff_delimiter(head: str, quote: str | None) -> str:
    """The delimiter that splits the first lines into the same, greatest number of fields; a comma without any."""
    lines = [line for line in head.splitlines()[:SNIFF_LINES] if line]

    def fields(delimiter: str) -> int:
        counts = [len(row) for row in _reader("\n".join(lines), delimiter, quote)]
        return counts[0] if counts and len(set(counts)) == 1 else 1

    best = max(DELIMITERS, key=fields)  # the first of equals
    return best if fields(best) > 1 else max(DELIMITERS, key=lines[0].count)  # ragged: an error will name the line


def _reader(text: str, delimiter: str, quote: str | None) -> Any:
    quoting = {"quoting": csv.QUOTE_NONE} if quote is None else {"quotechar": quote}
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, **quoting)


def header_names(head: str, delimiter: str, options: CsvOptions) -> list[str]:
    """The names of the columns, before they are renamed; c0, c1, … where there are none."""
    row = next((row for row in _reader(head, delimiter, options.quote) if row), [])
    names = [cell.strip() for cell in row] if options.header else [""] * len(row)
    return [name or f"c{i}" for i, name in enumerate(names)]


def _check_names(names: list[str], options: CsvOptions) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise InvalidInput(f'the header has the column "{repeated[0]}" more than once', column=repeated[0])
    unknown = [name for name in options.types or {} if name not in names]
    if unknown:
        raise InvalidParams(f'types: the file has no column "{unknown[0]}"')


class _CsvFile:
    """A CSV file in UTF-8 with a known delimiter."""

    def __init__(self, content: bytes, delimiter: str, options: CsvOptions) -> None:
        self._content, self._delimiter, self._options = content, delimiter, options

    def read(self, width: int) -> pa.Table:
        """All cells as text, `width` columns named f0, f1, …; missing where a cell equals a token."""
        names, quote = [f"f{i}" for i in range(width)], self._options.quote
        bad: list[Any] = []

        def on_invalid(row: Any) -> str:
            bad.append(row)
            return "skip"

        try:
            table = pacsv.read_csv(
                pa.BufferReader(self._content),
                read_options=pacsv.ReadOptions(
                    use_threads=False, column_names=names, skip_rows_after_names=int(self._options.header)
                ),
                parse_options=pacsv.ParseOptions(
                    delimiter=self._delimiter,
                    quote_char=quote or False,
                    newlines_in_values=quote is not None and quote.encode() in self._content,
                    invalid_row_handler=on_invalid,
                ),
                convert_options=pacsv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()),
                    null_values=list(self._options.null_tokens),
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=False,
                ),
            )
        except pa.ArrowInvalid as problem:
            raise InvalidInput(f"the file is not CSV with delimiter {self._delimiter!r}: {problem}") from problem
        if bad:
            line = self.line(lambda _, fields: len(fields) != width)
            more = f" ({len(bad)} such rows)" if len(bad) > 1 else ""
            message = f"line {line}: {bad[0].actual_columns} fields where the first line has {width}{more}"
            raise InvalidInput(message, line=line)
        return table

    def line_of_row(self, row: int) -> int:
        """The line a data row starts on."""
        wanted = row + int(self._options.header)
        return self.line(lambda index, _: index == wanted)

    def line(self, is_wanted: Callable[[int, list[str]], bool]) -> int:
        """The line on which the first wanted record starts. Reads the file again: for error messages only."""
        reader = _reader(self._content.decode(), self._delimiter, self._options.quote)
        index, start = 0, 1
        for fields in reader:
            if fields and is_wanted(index, fields):
                break
            index += bool(fields)  # blank lines are no records
            start = reader.line_num + 1
        return start


def _typed(name: str, column: pa.ChunkedArray, options: CsvOptions, file: _CsvFile) -> pa.ChunkedArray:
    declared = (options.types or {}).get(name)
    if declared is None and options.infer_rows is None:
        return infer(column)[1]
    wanted = declared or infer(column.slice(0, options.infer_rows))[0]
    out = convert(column, wanted)
    if out is not None:
        return out
    row = _first_misfit(column, wanted)
    advice = f"; the first {options.infer_rows} rows are {wanted}: raise infer_rows or declare the type"
    line = file.line_of_row(row)
    raise InvalidInput(
        f'line {line}, column "{name}": "{column[row].as_py()}" is not {wanted}{"" if declared else advice}',
        line=line,
        column=name,
    )


def infer(column: pa.ChunkedArray) -> tuple[str, pa.ChunkedArray]:
    """The narrowest type that every cell fits, and the column in it."""
    if column.null_count < len(column):
        for name in ARROW_TYPES:
            if name != "string" and (out := convert(column, name)) is not None:
                return name, out
    return "string", column


def convert(column: pa.ChunkedArray, wanted: str) -> pa.ChunkedArray | None:
    """The text column in another type; None when a cell does not fit."""
    if wanted == "string":
        return column
    trimmed = pc.utf8_trim_whitespace(column)
    try:
        if wanted == "int":
            return None if _any(trimmed, r"^[+-]?0[0-9xX]|^\+") else pc.cast(trimmed, pa.int64())
        if wanted == "float":
            return None if _any(trimmed, r"^[+-]?0[0-9xX]|^[+-]?\d{19,}$") else pc.cast(trimmed, pa.float64())
        if wanted == "bool":
            return pc.cast(pc.utf8_lower(trimmed), pa.bool_()) if _all(trimmed, r"^(?i:true|false)$") else None
        return _datetimes(trimmed) if _all(trimmed, _DATE) else None
    except pa.ArrowInvalid:
        return None


def _datetimes(column: pa.ChunkedArray) -> pa.ChunkedArray:
    has_zone = pc.match_substring_regex(column, r"\d\d:\d\d.*(Z|[+-]\d{2}:?\d{2})$")
    if pc.any(has_zone).as_py() is not True:
        return pc.cast(column, pa.timestamp("us"))
    if not pc.all(has_zone).as_py():
        raise pa.ArrowInvalid("some values have a zone, some have none")
    return pc.cast(pc.cast(column, pa.timestamp("us", "UTC")), pa.timestamp("us"))


def _any(column: pa.ChunkedArray, pattern: str) -> bool:
    return pc.any(pc.match_substring_regex(column, pattern)).as_py() is True


def _all(column: pa.ChunkedArray, pattern: str) -> bool:
    return pc.all(pc.match_substring_regex(column, pattern)).as_py() is not False


def _first_misfit(column: pa.ChunkedArray, wanted: str) -> int:
    """Bisects for the first row whose cell does not fit."""
    low, high = 0, len(column)
    while high - low > 1:
        middle = (low + high) // 2
        if convert(column.slice(low, middle - low), wanted) is None:
            high = middle
        else:
            low = middle
    return low
