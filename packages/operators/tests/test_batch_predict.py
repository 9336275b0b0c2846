"""algo_local_model_batch_predict: the same answers as single requests, whatever the size of the parts."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from celeriac.artifacts import uris
from celeriac.artifacts.deployments import Deployment
from celeriac.errors import InvalidInput, InvalidParams
from test_deploy import GRADE, INCOME, RAW, N, deploy, pipeline
from workspace import Result, Workspace

ALGORITHM = "algo_local_model_batch_predict"
NAMES = ["customer", "income", "grade", "old_name", "joined"]


def rows() -> list[list[Any]]:
    return [[f"0{i:03}", INCOME[i], GRADE[i], RAW["old_name"][i], "2020-01-31"] for i in range(N)]


def as_csv(records: list[list[Any]], names: list[str] = NAMES) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerows([names, *(["" if cell is None else cell for cell in record] for record in records)])
    return text.getvalue()


def credit(workspace: Workspace) -> str:
    return deploy(workspace, pipeline(workspace)[0], name="credit").out()["uri"]


def batch(workspace: Workspace, uri: str, data_id: str, **params: Any) -> Result:
    return workspace.run(ALGORITHM, {"data_id": data_id, "deployment": uri, **params})


def singles(uri: str, records: list[list[Any]]) -> list[dict[str, Any]]:
    given = [dict(zip(NAMES, record, strict=True)) for record in records]
    return Deployment.load(uri).predict(given)


@pytest.mark.parametrize("batch_rows", [7, 65536])
def test_a_batch_gives_what_single_requests_give(workspace: Workspace, batch_rows: int) -> None:
    uri = credit(workspace)
    scored = batch(workspace, uri, workspace.dataset("d.csv", as_csv(rows())), batch_rows=batch_rows)
    expected = singles(uri, rows())
    columns = scored.columns()
    assert columns["predict_result"] == [answer["predict_result"] for answer in expected]
    assert columns["predict_probability"] == pytest.approx([a["predict_probability"] for a in expected], abs=1e-12)
    assert columns["predict_probability_1"] == pytest.approx([a["probabilities"]["1"] for a in expected], abs=1e-12)
    # A code keeps its zeros, as algo_local_read_file reads it.
    assert columns["customer"] == [row[0] for row in rows()]
    assert columns["old_name"] == [row[3] for row in rows()]
    assert scored.metrics == {"rows": N}
    sidecar = scored.sidecar()
    assert (sidecar["rows"], len(sidecar["preview"]["rows"]), sidecar["positive"]) == (N, 50, 1)
    income = next(column for column in sidecar["columns"] if column["name"] == "income")
    present = [value for value in INCOME if value is not None]
    assert income["nulls"] == N - len(present)
    assert income["mean"] == pytest.approx(sum(present) / len(present))


def test_types_are_those_of_the_whole_file(workspace: Workspace) -> None:
    records = rows()
    for index, record in enumerate(records):
        record[0] = "x" if index == N - 1 else index  # whole numbers, but for the last part
    scored = batch(workspace, credit(workspace), workspace.dataset("d.csv", as_csv(records)), batch_rows=10)
    schema = scored.table().schema
    assert schema.field("customer").type == pa.string()
    assert schema.field("old_name").type == pa.int64()
    assert schema.field("joined").type == pa.timestamp("us")


def test_a_parquet_data_set_with_other_names(workspace: Workspace, tmp_path: Path) -> None:
    uri = credit(workspace)
    table = pa.table({name: [row[i] for row in rows()] for i, name in enumerate(NAMES)})
    path = tmp_path / "d.parquet"
    table = table.rename_columns(["customer", "pay", "grade", "old_name", "joined"])
    # What is neither asked for nor kept may be anything.
    pq.write_table(table.append_column("nested", pa.array([{"a": 1}] * N)), path)
    data_id = workspace.dataset("p", path, format="parquet", rename={"pay": "income"})
    scored = batch(workspace, uri, data_id, keep_cols=["customer"], batch_rows=50)
    assert scored.table().column_names[:3] == ["customer", "predict_result", "predict_probability"]
    assert scored.columns()["predict_result"] == [answer["predict_result"] for answer in singles(uri, rows())]


def test_csv_is_written_beside(workspace: Workspace) -> None:
    scored = batch(workspace, credit(workspace), workspace.dataset("d.csv", as_csv(rows())), output_format="csv")
    text = (uris.to_path(scored.out()["uri"]) / "table.csv").read_text(encoding="utf-8")
    read = list(csv.DictReader(io.StringIO(text)))
    assert [float(row["predict_probability"]) for row in read] == scored.columns()["predict_probability"]
    assert scored.sidecar()["files"] == ["table.parquet", "table.csv"]


def test_a_data_set_without_rows(workspace: Workspace) -> None:
    scored = batch(workspace, credit(workspace), workspace.dataset("d.csv", as_csv([])))
    assert scored.table().num_rows == 0
    assert "predict_probability" in scored.table().column_names


def test_all_columns_that_do_not_fit_are_told_before_anything_is_written(workspace: Workspace) -> None:
    records = rows()
    records[100][1] = "much"
    records[90][3] = None
    with pytest.raises(InvalidInput, match=r"rows\[90\]\.old_name: expected number, got nothing \(and 1 more") as told:
        batch(workspace, credit(workspace), workspace.dataset("d.csv", as_csv(records)), batch_rows=16)
    assert told.value.details["problems"] == [
        {"path": "rows[90].old_name", "expected": "number", "got": "nothing"},
        {"path": "rows[100].income", "expected": "number", "got": '"much"'},
    ]


def test_columns_that_are_absent_are_told_with_the_nearest_name(workspace: Workspace) -> None:
    names = ["customer", "incme", "grade", "old_name", "joined"]
    with pytest.raises(InvalidInput, match='no column "income"; did you mean "incme"'):
        batch(workspace, credit(workspace), workspace.dataset("d.csv", as_csv(rows(), names)))


def test_a_column_is_never_replaced(workspace: Workspace) -> None:
    names = ["predict_result", *NAMES[1:]]
    data_id = workspace.dataset("d.csv", as_csv(rows(), names))
    uri = credit(workspace)
    with pytest.raises(InvalidInput, match="already has a column"):
        batch(workspace, uri, data_id)
    assert batch(workspace, uri, data_id, keep_cols=["grade"]).metrics["rows"] == N


def test_only_committed_deployments_below_the_root_are_loaded(workspace: Workspace, tmp_path: Path) -> None:
    data_id = workspace.dataset("d.csv", as_csv(rows()))
    model, scaled = pipeline(workspace)
    outside = uris.from_path(tmp_path.parent / "elsewhere" / "1" / "0")
    for uri, message in [
        (outside, "not below the artifact root"),
        (f"{workspace.uri}/runs/../datasets/x/0", "not below the artifact root"),
        (model.out()["uri"], "is a Model, not a Deployment"),
        (scaled.out()["uri"], "is a Table, not a Deployment"),
    ]:
        with pytest.raises(InvalidParams, match=message):
            batch(workspace, uri, data_id)
