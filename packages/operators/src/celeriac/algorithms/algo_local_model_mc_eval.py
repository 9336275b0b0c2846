"""Evaluates a classifier of any number of classes from a scored table."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..artifacts import reports
from ..artifacts.columns import labels, matrix, require
from ..context import Context
from ..errors import InvalidInput
from ..multiclass_metrics import against_rest, charts, confusion, measure
from ..training import MAX_CLASSES, label_text, row_weights

MAX_GROUPS = 50


class Scored(NamedTuple):
    """A scored table: classes as indexes of `names`."""

    names: list[str]
    truth: np.ndarray  # (rows,)
    predicted: np.ndarray  # (rows,)
    probabilities: np.ndarray | None  # (rows, names)
    weights: np.ndarray | None  # (rows,)

    def cells(self) -> np.ndarray:
        return confusion(self.truth, self.predicted, self.weights, len(self.names))


def run(ctx: Context) -> None:
    source = ctx.table(0)
    table = source.read()
    if table.num_rows == 0:
        raise InvalidInput("the table has no rows to evaluate")
    scored = read_scored(ctx, table, source.sidecar)
    cells = scored.cells()
    metrics = measure(cells, scored.truth, scored.probabilities, scored.weights)
    areas = None
    if scored.probabilities is not None:
        areas = against_rest(scored.truth, scored.probabilities, scored.weights)
    shown = charts(cells, scored.names, areas)
    if ctx.params["group_by"] is not None:
        shown.append(groups(table, ctx.params["group_by"], scored))
    for name in ("accuracy", "f1", "log_loss", "auc"):
        if metrics[name] is not None:
            print(f"{name} = {metrics[name]:.6f}")
    model = source.sidecar.get("model")
    ctx.write_report(0, metrics, shown, rows=table.num_rows, evaluated=source.uri, model=model)


def read_scored(ctx: Context, table: pa.Table, sidecar: dict[str, Any]) -> Scored:
    """Raises InvalidInput for missing labels and for a label column with more than 1,000 values."""
    target = ctx.params["y_col"]
    column = ctx.params["pre_col"] or sidecar.get("prediction_column") or "predict_result"
    true_names, truth = as_text(labels(table, target))
    predicted_names, predicted = as_text(labels(table, column, "prediction column"))
    known = [label_text(label) for label in sidecar.get("classes") or []]
    names = list(dict.fromkeys([*known, *true_names, *predicted_names]))
    if len(names) > MAX_CLASSES:
        raise InvalidInput(f'label column "{target}" has {len(names)} values: not a class label', column=target)
    place = {name: index for index, name in enumerate(names)}
    return Scored(
        names,
        np.array([place[name] for name in true_names])[truth],
        np.array([place[name] for name in predicted_names])[predicted],
        probabilities(ctx, table, sidecar, names),
        row_weights(table, ctx.params["weight_col"]),
    )


def as_text(values: np.ndarray) -> tuple[list[str], np.ndarray]:
    """The distinct labels as text, ascending by value, and the index of each row's. Columns may differ in type."""
    distinct, index = np.unique(values, return_inverse=True)
    return [label_text(label) for label in distinct.tolist()], index


def probabilities(ctx: Context, table: pa.Table, sidecar: dict[str, Any], names: list[str]) -> np.ndarray | None:
    """The columns <score_col>_<label>; 0 for a label that has none, None when no label has one."""
    prefix = ctx.params["score_col"] or sidecar.get("score_column")
    if prefix is None:
        return None
    present = [index for index, name in enumerate(names) if f"{prefix}_{name}" in table.column_names]
    if not present:
        return None
    given = matrix(table, [f"{prefix}_{names[index]}" for index in present], "score column")
    if given.min() < 0 or given.max() > 1:
        raise InvalidInput(f'the columns "{prefix}_<label>" must lie in [0, 1]')
    out = np.zeros((table.num_rows, len(names)))
    out[:, present] = given
    return out


def groups(table: pa.Table, name: str, scored: Scored) -> dict[str, Any]:
    """The main measures per value of a column, most frequent values first."""
    require(table, [name], "group_by column")
    encoded = pc.dictionary_encode(table.column(name).combine_chunks(), null_encoding="encode")
    codes, values = np.asarray(encoded.indices), encoded.dictionary.to_pylist()
    order = np.argsort(-np.bincount(codes, minlength=len(values)), kind="stable")[:MAX_GROUPS]
    columns = ["accuracy", "precision", "recall", "f1"]
    rows = []
    for code in order:
        chosen = codes == code
        weights = None if scored.weights is None else scored.weights[chosen]
        cells = confusion(scored.truth[chosen], scored.predicted[chosen], weights, len(scored.names))
        measured = measure(cells, scored.truth[chosen], None, weights) if cells.sum() > 0 else {}
        label = "(missing)" if values[code] is None else label_text(values[code])
        rows.append([label, int(chosen.sum()), *(measured.get(column) for column in columns)])
    return reports.table("groups", f"By {name}", [name, "rows", *columns], rows)
