"""Scores a table with a model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from ..artifacts.columns import matrix, require, with_column
from ..artifacts.models import ModelArtifact, label_array
from ..context import Context
from ..errors import InvalidInput, did_you_mean
from ..training import label_text

CLUSTER_COLUMN = "cluster"


def run(ctx: Context) -> None:
    source, model = ctx.table(0), ctx.model(1)
    table = source.read()
    check_features(ctx, model)
    warn_of_skew(source.transforms, model.sidecar.get("transforms") or [])
    require(table, model.features, "feature")
    kept = table if ctx.params["keep_cols"] is None else select(table, ctx.params["keep_cols"])
    labels, probabilities = score(ctx, model, table)
    out = with_column(kept, ctx.params["result_col"], label_array(labels))
    facts: dict[str, Any] = {"prediction_column": ctx.params["result_col"], "model": model.uri}
    facts |= {"task": model.sidecar["task"], "classes": model.sidecar.get("classes")}
    if model.is_clustering:
        out = with_column(out, CLUSTER_COLUMN, pa.array(labels))
        facts |= {"cluster_column": CLUSTER_COLUMN, "clustered_by": model.features}
    elif probabilities is not None:
        out = add_probabilities(ctx, model, out, probabilities)
        facts |= {"score_column": ctx.params["score_col"], "positive": model.positive}
    ctx.write_table(0, out, facts=facts)
    ctx.metric("rows", table.num_rows)


def warn_of_skew(table_chain: list[str], model_chain: list[str]) -> None:
    """Scoring rows that were prepared otherwise than the training rows is legal, and nearly always a mistake."""
    missing = [uri for uri in model_chain if uri not in table_chain]
    if missing:
        print(f"warning: the model was trained after transforms that this table did not go through: {missing}")


def check_features(ctx: Context, model: ModelArtifact) -> None:
    given = ctx.params["x_cols"]
    missing = [name for name in model.features if name not in given] if given is not None else []
    if missing:
        listed = ", ".join(f'"{name}"{did_you_mean(name, given)}' for name in missing)
        raise ctx.invalid("x_cols", f"lacks features of the model: {listed}")


def select(table: pa.Table, names: list[str]) -> pa.Table:
    require(table, names)
    return table.select(names)


def score(ctx: Context, model: ModelArtifact, table: pa.Table) -> tuple[np.ndarray, np.ndarray | None]:
    """Labels and probabilities of all rows, computed in batches."""
    threshold = ctx.params["threshold"]
    if threshold is not None and len(model.classes) != 2:
        raise ctx.invalid("threshold", "needs a model with two classes")
    batch, rows = ctx.params["batch_rows"], table.num_rows
    if rows == 0:
        return no_rows(model)
    parts = []
    for start in range(0, rows, batch):
        parts.append(model.score(matrix(table.slice(start, batch), model.features), threshold))
        ctx.progress(min(start + batch, rows), rows, "scoring")
    labels = np.concatenate([part.labels for part in parts])
    if parts[0].probabilities is None:
        return labels, None
    return labels, np.concatenate([part.probabilities for part in parts])


def no_rows(model: ModelArtifact) -> tuple[np.ndarray, np.ndarray | None]:
    """Labels and probabilities of a table without rows."""
    if model.is_clustering:
        return np.empty(0, dtype=np.int64), None
    if model.is_regression:
        return np.empty(0, dtype=np.float64), None
    classes = model.estimator.classes_
    return np.empty(0, dtype=classes.dtype), np.empty((0, len(classes)))


def add_probabilities(ctx: Context, model: ModelArtifact, table: pa.Table, probabilities: np.ndarray) -> pa.Table:
    """Adds the score (of the positive label; without one, of the predicted label) and a column per label."""
    name, positive = ctx.params["score_col"], model.positive_index
    scores = probabilities[:, positive] if positive is not None else probabilities.max(axis=1, initial=0.0)
    table = with_column(table, name, pa.array(scores))
    if ctx.params["class_probabilities"]:
        for index, label in enumerate(model.classes):
            column = f"{name}_{label_text(label)}"
            if column == ctx.params["result_col"]:
                raise InvalidInput(f'the column "{column}" would be written twice; choose another result_col')
            table = with_column(table, column, pa.array(probabilities[:, index]))
    return table
