"""Evaluates a regression from a scored table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..artifacts import reports
from ..artifacts.columns import matrix, require
from ..context import Context
from ..errors import InvalidInput
from ..regression_metrics import charts, measure
from ..training import label_text, row_weights, target_values

MAX_GROUPS = 50
GROUP_MEASURES = ("mae", "rmse", "r2", "bias")


def run(ctx: Context) -> None:
    source = ctx.table(0)
    table = source.read()
    if table.num_rows == 0:
        raise InvalidInput("the table has no rows to evaluate")
    target = ctx.params["y_col"]
    require(table, [target], "label column")
    truth = target_values(table, target)
    predicted = predictions(ctx, table, source.sidecar)
    weights = row_weights(table, ctx.params["weight_col"])
    metrics = measure(truth, predicted, weights)
    shown = charts(truth, predicted, ctx.params["bins"])
    if ctx.params["group_by"] is not None:
        shown.append(groups(table, ctx.params["group_by"], truth, predicted, weights))
    for name in ("r2", "mae", "rmse", "median_ae"):
        if metrics[name] is not None:
            print(f"{name} = {metrics[name]:.6f}")
    model = source.sidecar.get("model")
    ctx.write_report(0, metrics, shown, rows=table.num_rows, evaluated=source.uri, model=model)


def predictions(ctx: Context, table: pa.Table, sidecar: dict[str, Any]) -> np.ndarray:
    """The predicted values, (rows,). Raises InvalidInput unless they are finite numbers."""
    name = ctx.params["pre_col"] or sidecar.get("prediction_column") or "predict_result"
    return matrix(table, [name], "prediction column")[:, 0]


def groups(
    table: pa.Table, name: str, truth: np.ndarray, predicted: np.ndarray, weights: np.ndarray | None
) -> dict[str, Any]:
    """The main measures per value of a column, most frequent values first."""
    require(table, [name], "group_by column")
    encoded = pc.dictionary_encode(table.column(name).combine_chunks(), null_encoding="encode")
    codes, values = np.asarray(encoded.indices), encoded.dictionary.to_pylist()
    order = np.argsort(-np.bincount(codes, minlength=len(values)), kind="stable")[:MAX_GROUPS]
    rows = []
    for code in order:
        chosen = codes == code
        weighed = None if weights is None else weights[chosen]
        nothing = weighed is not None and not (weighed > 0).any()
        measured = {} if nothing else measure(truth[chosen], predicted[chosen], weighed)
        label = "(missing)" if values[code] is None else label_text(values[code])
        rows.append([label, int(chosen.sum()), *(measured.get(column) for column in GROUP_MEASURES)])
    return reports.table("groups", f"By {name}", [name, "rows", *GROUP_MEASURES], rows)
