"""algo_local_read_file."""

from __future__ import annotations

import datetime
import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from celeriac.errors import ArtifactNotFound, InvalidInput, InvalidParams
from workspace import Result, Workspace


def read(workspace: Workspace, content: str | bytes, **params: Any) -> Result:
    facts = {"rename": params.pop("dataset_rename")} if "dataset_rename" in params else {}
    return workspace.run("algo_local_read_file", {"data_id": workspace.dataset("d", content, **facts), **params})


def types(result: Result) -> dict[str, str]:
    return {column["name"]: column["dtype"] for column in result.sidecar()["columns"]}


def test_types_are_inferred_from_all_rows(workspace: Workspace) -> None:
    result = read(
        workspace,
        "i,f,b,d,t,s,zip,id\n"
        "1,1,true,2018-01-31,2018-01-31 10:00:00,x,007,12345678901234567890\n"
        "-2,.5,FALSE,2018-02-01,2018-01-31T10:00:00.5,2,010,2\n",
    )
    assert types(result) == {
        "i": "int64",
        "f": "float64",
        "b": "boolean",
        "d": "datetime",
        "t": "datetime",
        "s": "string",
        "zip": "string",
        "id": "string",
    }
    columns = result.columns()
    assert columns["i"] == [1, -2]
    assert columns["f"] == [1.0, 0.5]
    assert columns["b"] == [True, False]
    assert columns["d"][0] == datetime.datetime(2018, 1, 31)
    assert columns["t"][1] == datetime.datetime(2018, 1, 31, 10, 0, 0, 500000)
    assert columns["zip"] == ["007", "010"]


def test_missing_tokens_leave_integers_integers(workspace: Workspace) -> None:
    result = read(workspace, "a,b,c\n1,x,\nNA,,\n3,NULL,\n")
    assert types(result) == {"a": "int64", "b": "string", "c": "string"}
    assert result.columns() == {"a": [1, None, 3], "b": ["x", None, None], "c": [None, None, None]}


def test_own_missing_tokens_replace_the_usual_ones(workspace: Workspace) -> None:
    assert read(workspace, "a,b\n-999,NA\n2,y\n", null_tokens=["-999"]).columns() == {"a": [None, 2], "b": ["NA", "y"]}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(workspace: Workspace, delimiter: str) -> None:
    content = "a;b,c\n".replace(";", delimiter).replace(",", delimiter) + f"1{delimiter}2{delimiter}3\n"
    assert read(workspace, content).columns() == {"a": [1], "b": [2], "c": [3]}


def test_quotes_line_breaks_and_crlf(workspace: Workspace) -> None:
    result = read(workspace, 'a,b\r\n"x, ""y""\r\nz",1\r\n"",2\r\n')
    assert result.columns() == {"a": ['x, "y"\r\nz', ""], "b": [1, 2]}


def test_a_file_without_a_header_gets_names(workspace: Workspace) -> None:
    assert read(workspace, "1,2\n3,4\n", header=False).columns() == {"c0": [1, 3], "c1": [2, 4]}


def test_encodings(workspace: Workspace) -> None:
    assert read(workspace, "名,b\n甲,1\n".encode("gb18030"), encoding="gb18030").columns() == {"名": ["甲"], "b": [1]}
    assert read(workspace, "\ufeffa\n1\n".encode()).columns() == {"a": [1]}
    assert read(workspace, "a,b\né,1\n".encode("utf-16")).columns() == {"a": ["é"], "b": [1]}


def test_limit_columns_and_renames(workspace: Workspace) -> None:
    result = read(
        workspace, "a,b,c\n1,2,3\n4,5,6\n", limit=1, columns=["z", "a"], dataset_rename={"c": "y"}, rename={"c": "z"}
    )
    assert result.columns() == {"z": [3], "a": [1]}


def test_a_zone_is_converted_to_utc(workspace: Workspace) -> None:
    assert read(workspace, "t,u\n2018-01-31T10:00:00+08:00,1\n").columns()["t"] == [datetime.datetime(2018, 1, 31, 2)]


@pytest.mark.parametrize(
    ("content", "params", "message"),
    [
        ("a,b\n1,2\n3\n", {}, "line 3: 1 fields where the first line has 2"),
        ('a,b\n"x\ny",2\n\n3,4,5\n', {}, "line 5: 3 fields where the first line has 2"),
        ("a,b\n1,2\nx,3\n", {"types": {"a": "int"}}, 'line 3, column "a": "x" is not int'),
        ('a,b\n"1",2\n\n"x\ny",3\n', {"types": {"a": "int"}}, 'line 4, column "a": "x\ny" is not int'),
        ("a,b\n1,2\n2.5,3\n", {"infer_rows": 1}, 'line 3, column "a": "2.5" is not int; the first 1 rows are int'),
        (b"a,b\n1,2\n\xff,3\n", {}, "line 3: byte 0xff is not utf-8"),
        ("a,a\n1,2\n", {}, 'the header has the column "a" more than once'),
        (" \n", {}, "the file is empty"),
        ("a\n1\n", {"columns": ["A"]}, 'the table has no column "A" (did you mean "a"?)'),
    ],
)
def test_bad_files_are_refused_with_the_line(workspace: Workspace, content: Any, params: dict, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read(workspace, content, **params)
    assert message in caught.value.message


def test_a_declared_type_wins(workspace: Workspace) -> None:
    assert read(workspace, "a\n1\n2\n", types={"a": "string"}).columns() == {"a": ["1", "2"]}
    with pytest.raises(InvalidParams, match='no column "z"'):
        read(workspace, "a\n1\n", types={"z": "int"}, limit=1)


def test_parquet_keeps_its_types(workspace: Workspace) -> None:
    sink = io.BytesIO()
    pq.write_table(pa.table({"a": pa.array([1, None], pa.int32()), "b": [float("nan"), 1.5]}), sink)
    result = read(workspace, sink.getvalue())
    assert types(result) == {"a": "int32", "b": "float64"}
    assert result.columns() == {"a": [1, None], "b": [None, 1.5]}


def test_nested_parquet_columns_are_refused(workspace: Workspace) -> None:
    sink = io.BytesIO()
    pq.write_table(pa.table({"a": [[1], [2]]}), sink)
    with pytest.raises(InvalidInput, match='"a" is nested'):
        read(workspace, sink.getvalue())


def test_an_unknown_data_set_is_named(workspace: Workspace) -> None:
    with pytest.raises(InvalidParams, match="data set 41 does not exist"):
        workspace.run("algo_local_read_file", {"data_id": 41})


def test_a_uri_below_the_artifact_root_is_read(workspace: Workspace) -> None:
    workspace.dataset("x.csv", "a\n1\n")
    uri = workspace.datasets["x.csv"]["uri"]
    assert workspace.run("algo_local_read_file", {"uri": uri}).columns() == {"a": [1]}
    with pytest.raises(ArtifactNotFound, match="does not exist"):
        workspace.run("algo_local_read_file", {"uri": uri + ".gone"})


def test_no_other_uri_is_read(workspace: Workspace, tmp_path_factory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "x.csv").write_text("a\n1\n")
    (workspace.root / "link").symlink_to(outside)
    tries = [str(outside / "x.csv"), f"{workspace.uri}/link/x.csv", f"{workspace.uri}/../{outside.name}/x.csv"]
    for uri in [*tries, "s3://bucket/x.csv", "relative.csv", "file://host/x.csv"]:
        with pytest.raises(InvalidParams, match="uri"):
            workspace.run("algo_local_read_file", {"uri": uri})
    monkeypatch.setenv("CELERIAC_READ_ROOTS", f"/nowhere:{outside}:memory://bucket")
    assert workspace.run("algo_local_read_file", {"uri": str(outside / "x.csv")}).columns() == {"a": [1]}


def test_a_remote_uri_is_read_when_its_prefix_is_listed(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    import fsspec

    with fsspec.open("memory://bucket/x.csv", "wb") as file:
        file.write(b"a\n1\n")
    monkeypatch.setenv("CELERIAC_READ_ROOTS", "/nowhere:memory://bucket")
    assert workspace.run("algo_local_read_file", {"uri": "memory://bucket/x.csv"}).columns() == {"a": [1]}
    for uri in ("memory://bucket2/x.csv", "memory://bucket/../other/x.csv"):
        with pytest.raises(InvalidParams, match="not below"):
            workspace.run("algo_local_read_file", {"uri": uri})
