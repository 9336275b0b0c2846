"""Scores a data set with a deployed model version, in parts.

The data set is read twice. The first time every cell is checked against the signature of the model, so that what does
not fit fails before anything is written, with all columns that are wrong; the second time it is scored. Rows take the
same way as those of single requests: types of the signature, the deployment's own transforms, the model.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa

from ..artifacts import uris
from ..artifacts.columns import logical_type, matrix, refuse, with_column
from ..artifacts.deployments import Deployment
from ..artifacts.models import ModelArtifact, label_array
from ..artifacts.table_writer import TableWriter
from ..artifacts.tables import read_sidecar
from ..context import Context
from ..dataset_chunks import DatasetChunks, TypeInference, as_input, first_misfit
from ..errors import InvalidInput, did_you_mean
from .algo_local_model_predict import CLUSTER_COLUMN, add_probabilities, no_rows

MAX_PROBLEMS = 20


def run(ctx: Context) -> None:
    deployment = load(ctx)
    source = open_dataset(ctx)
    kept = keep(ctx, source)
    inputs = deployment.signature
    require_columns(source, [spec["name"] for spec in inputs])
    inference = TypeInference(kept)
    needed = list(dict.fromkeys([*kept, *(spec["name"] for spec in inputs)]))
    rows = check(ctx, source.read(needed), source, inputs, inference)
    writer: TableWriter | None = None
    try:
        for part in source.read(needed):
            beside = part.select(kept) if source.is_parquet else inference.apply(part)
            scored = score(ctx, deployment, typed(source, inputs, part), beside)
            writer = writer or ctx.table_writer(0, scored.schema, with_csv=ctx.params["output_format"] == "csv")
            writer.write(scored)
            pa.default_memory_pool().release_unused()
            ctx.progress(writer.rows, rows, "rows")
        if writer is None:
            empty = nothing(ctx, deployment, source, kept, inference)
            writer = ctx.table_writer(0, empty.schema, with_csv=ctx.params["output_format"] == "csv")
            writer.write(empty)
    except BaseException:
        if writer is not None:
            writer.close()
        raise
    ctx.end_table(0, writer, facts(ctx, deployment.model))
    ctx.metric("rows", writer.rows)
    version = ctx.params["model_version"]
    print(f"scored {writer.rows} rows with {deployment.name}" + (f" v{version}" if version else ""))


def load(ctx: Context) -> Deployment:
    """The deployment: only what an operator committed below the artifact root, for it is unpickled."""
    uri = ctx.params["deployment"]
    if ctx.artifact_root is not None and not is_below(ctx.artifact_root, uri):
        raise ctx.invalid("deployment", f"{uri} is not below the artifact root")
    sidecar = read_sidecar(uri)
    if sidecar.get("type") != "Deployment":
        raise ctx.invalid("deployment", f"{uri} is a {sidecar.get('type')}, not a Deployment")
    return Deployment.load(uri)


def is_below(root: str, uri: str) -> bool:
    if uris.is_local(root) != uris.is_local(uri):
        return False
    if not uris.is_local(uri):
        return ".." not in uri.split("/") and uri.startswith(root.rstrip("/") + "/runs/")
    try:
        return uris.to_path(uri).resolve().is_relative_to((uris.to_path(root) / "runs").resolve())
    except ValueError:
        return False


def open_dataset(ctx: Context) -> DatasetChunks:
    data_id = ctx.params["data_id"]
    pin = ctx.datasets.get(str(data_id))
    if pin is None:
        raise ctx.invalid("data_id", f"data set {data_id} does not exist")
    return DatasetChunks(pin, ctx.params["batch_rows"])


def keep(ctx: Context, source: DatasetChunks) -> list[str]:
    """The columns that stand beside the predictions."""
    wanted = ctx.params["keep_cols"]
    if wanted is None:
        return source.names
    require_columns(source, wanted)
    return list(wanted)


def require_columns(source: DatasetChunks, names: list[str]) -> None:
    missing = [name for name in names if name not in source.names]
    if missing:
        listed = ", ".join(f'"{name}"{did_you_mean(name, source.names)}' for name in missing)
        raise InvalidInput(f"the data set has no column {listed}", missing=missing)


def check(
    ctx: Context,
    parts: Iterable[pa.Table],
    source: DatasetChunks,
    inputs: list[dict[str, Any]],
    inference: TypeInference,
) -> int:
    """Looks at every cell; gives the number of rows. Raises InvalidInput with the first misfit of each column."""
    rows, wrong = 0, {}
    ctx.progress(0, 1, "checking")
    for part in parts:
        if not source.is_parquet:
            inference.add(part)
        for spec in inputs:
            if spec["name"] not in wrong and (misfit := misfit_of(source, part.column(spec["name"]), spec)):
                row, got = misfit
                wrong[spec["name"]] = {
                    "path": f"rows[{rows + row}].{spec['name']}",
                    "expected": spec["type"],
                    "got": got,
                }
        rows += part.num_rows
        pa.default_memory_pool().release_unused()  # else what parts have left behind adds up to several times a part
        ctx.progress(0, max(rows, 1), f"checking: {rows} rows")
    if wrong:
        problems = list(wrong.values())
        first = problems[0]
        more = f" (and {len(problems) - 1} more columns)" if len(problems) > 1 else ""
        raise InvalidInput(
            f"{first['path']}: expected {first['expected']}, got {first['got']}{more}; rows count from 0",
            problems=problems[:MAX_PROBLEMS],
        )
    return rows


def misfit_of(source: DatasetChunks, column: pa.ChunkedArray, spec: dict[str, Any]) -> tuple[int, str] | None:
    """The first row that does not fit the signature, and what is there; None when all do."""
    if column.null_count and not spec["nullable"]:
        return int(np.argmax(column.is_null().to_numpy())), "nothing"
    values = as_input(column, spec["type"], is_raw_text=not source.is_parquet)
    if values is None:
        row = 0 if source.is_parquet else first_misfit(column, spec["type"])
        return row, logical_type(column.type) if source.is_parquet else f'"{column[row].as_py()}"'
    if spec["type"] == "number":
        endless = np.isinf(np.nan_to_num(values.to_numpy(), nan=0.0, posinf=np.inf, neginf=-np.inf))
        if endless.any():
            return int(np.argmax(endless)), "an infinite number"
    return None


def typed(source: DatasetChunks, inputs: list[dict[str, Any]], part: pa.Table) -> pa.Table:
    """The columns of the signature, in its types; all were checked."""
    columns: dict[str, Any] = {}
    for spec in inputs:
        values = as_input(part.column(spec["name"]), spec["type"], is_raw_text=not source.is_parquet)
        if values is None:
            raise InvalidInput(f'column "{spec["name"]}" changed while it was read', column=spec["name"])
        columns[spec["name"]] = values
    return pa.table(columns)


def score(ctx: Context, deployment: Deployment, rows: pa.Table, beside: pa.Table) -> pa.Table:
    model = deployment.model
    features = matrix(deployment.prepare(rows), model.features)
    scores = model.score(features)
    return answers(ctx, model, beside, scores.labels, scores.probabilities)


def nothing(
    ctx: Context, deployment: Deployment, source: DatasetChunks, kept: list[str], inference: TypeInference
) -> pa.Table:
    """The result for a data set without rows."""
    schema = pa.schema([(name, pa.string()) for name in kept]) if source.is_parquet else inference.schema()
    return answers(ctx, deployment.model, schema.empty_table(), *no_rows(deployment.model))


def answers(
    ctx: Context, model: ModelArtifact, beside: pa.Table, labels: np.ndarray, probabilities: np.ndarray | None
) -> pa.Table:
    added = [ctx.params["result_col"]]
    added += [CLUSTER_COLUMN] if model.is_clustering else []
    added += [ctx.params["score_col"]] if probabilities is not None else []
    refuse(beside, added, "batch predict")
    out = with_column(beside, ctx.params["result_col"], label_array(labels))
    if model.is_clustering:
        return with_column(out, CLUSTER_COLUMN, pa.array(labels))
    return out if probabilities is None else add_probabilities(ctx, model, out, probabilities)


def facts(ctx: Context, model: ModelArtifact) -> dict[str, Any]:
    """What the table says about itself; the same keys as those of algo_local_model_predict, and the version."""
    out: dict[str, Any] = {
        "prediction_column": ctx.params["result_col"],
        "model": ctx.params["deployment"],
        "model_version": {"name": ctx.params["model_name"], "version": ctx.params["model_version"]},
    }
    if model.is_clustering:
        return out | {"cluster_column": CLUSTER_COLUMN}
    if model.is_regression:
        return out
    return out | {"score_column": ctx.params["score_col"], "positive": model.positive}
