"""Writes the Parquet files of parquet-check.test.ts: `python make_files.py` in this directory, with pyarrow."""

import datetime
import decimal

import pyarrow as pa
import pyarrow.parquet as pq

plain = pa.table(
    {
        "编号": pa.array([1, 2, None], pa.int64()),
        "share": pa.array([0.5, None, None], pa.float32()),
        "flag": pa.array([True, False, True]),
        "day": pa.array([datetime.date(2026, 1, 31)] * 3),
        "at": pa.array([datetime.datetime(2026, 1, 31, 10, 30)] * 3, pa.timestamp("us", "UTC")),
        "nanos": pa.array([1, 2, 3], pa.timestamp("ns")),
        "time": pa.array([datetime.time(1, 2)] * 3),
        "price": pa.array([decimal.Decimal("1.25")] * 3, pa.decimal128(10, 2)),
        "name": pa.array(["a", None, "c"]),
        "kind": pa.array(["x", "y", "x"]).dictionary_encode(),
        "bytes": pa.array([b"a", b"b", b"c"]),
        "small": pa.array([1, 2, 3], pa.uint8()),
        "nothing": pa.array([None, None, None], pa.null()),
    }
)
pq.write_table(plain, "plain.parquet", row_group_size=2)
pq.write_table(plain.select(["name"]), "no-statistics.parquet", write_statistics=False)
pq.write_table(plain.slice(0, 0).select(["name"]), "no-rows.parquet")
pq.write_table(pa.table({"a": [1], "list": [[1, 2]], "struct": [{"x": 1}]}), "nested.parquet")
pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]), "repeated.parquet")
required = pa.schema([pa.field("a", pa.int32(), nullable=False)])
pq.write_table(pa.table({"a": [1, 2]}, schema=required), "required.parquet", write_statistics=False)
