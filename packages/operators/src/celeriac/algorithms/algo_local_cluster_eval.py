"""Evaluates a clustering."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from ..artifacts.columns import labels, logical_type, matrix, numeric_names, require
from ..artifacts.models import ModelArtifact
from ..cluster_metrics import agreement, charts, cross_table, measure
from ..context import Context
from ..errors import InvalidInput


def run(ctx: Context) -> None:
    params, source = ctx.params, ctx.table(0)
    table = source.read()
    if table.num_rows == 0:
        raise InvalidInput("the table has no rows to evaluate")
    model = ctx.model(1) if ctx.has_input(1) else None
    if model is not None and not model.is_clustering:
        raise InvalidInput("input 1 (model) is not a cluster model")
    names = features(ctx, table, model)
    x = matrix(table, names)
    clusters = assigned(ctx, table, model)
    centres = usable_centres(model, names, clusters)
    sample, seed = params["silhouette_sample"], params["random_state"] or 0
    metrics = measure(x, clusters, centres=centres, sample=sample, seed=seed)
    shown = charts(x, clusters, names)
    if params["label_col"] is not None:
        truth = labels(table, params["label_col"])
        metrics |= agreement(truth, clusters)
        shown.append(cross_table(truth, clusters, params["label_col"]))
    ctx.write_report(0, metrics, shown, rows=table.num_rows, evaluated=source.uri)


def features(ctx: Context, table: pa.Table, model: ModelArtifact | None) -> list[str]:
    """The columns that span the distances."""
    if ctx.params["x_cols"] is not None:
        return ctx.params["x_cols"]
    if model is not None:
        return model.features
    clustered_by = ctx.table(0).sidecar.get("clustered_by")
    names = clustered_by or numeric_names(table, without=(ctx.params["cluster_col"], ctx.params["label_col"]))
    if not names:
        raise InvalidInput("the table has no numeric columns to measure distances in")
    return names


def assigned(ctx: Context, table: pa.Table, model: ModelArtifact | None) -> np.ndarray:
    """The cluster of each row: from the column, else from the model."""
    name = ctx.params["cluster_col"]
    if name not in table.column_names and model is not None:
        return model.score(matrix(table, model.features)).labels
    require(table, [name], "cluster column")
    column = table.column(name)
    if column.null_count or not pa.types.is_integer(column.type):
        kind = f"has {column.null_count} missing values" if column.null_count else f"is {logical_type(column.type)}"
        raise InvalidInput(f'cluster column "{name}" {kind}; clusters are integers', column=name)
    return np.asarray(column.to_numpy(), dtype=np.int64)


def usable_centres(model: ModelArtifact | None, names: list[str], clusters: np.ndarray) -> np.ndarray | None:
    """The centres of the model, where they are centres of these columns and clusters; else the means are used."""
    if model is None or names != model.features:
        return None
    centres = np.asarray(model.estimator.cluster_centers_, dtype=np.float64)
    return centres if clusters.min() >= 0 and clusters.max() < len(centres) else None
