"""Evaluates a binary classifier from a scored table."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..artifacts import reports
from ..artifacts.columns import labels, matrix, require
from ..binary_metrics import charts, measure
from ..context import Context
from ..errors import InvalidInput, InvalidParams
from ..training import label_text, match_label, row_weights

MAX_GROUPS = 50


class Scored(NamedTuple):
    """A scored table, as arrays of shape (rows,)."""

    truth: np.ndarray  # bool: is the positive label
    score: np.ndarray | None  # probability of the positive label
    predicted: np.ndarray  # bool
    weights: np.ndarray | None

    def rows(self, chosen: np.ndarray) -> Scored:
        return Scored(*(None if part is None else part[chosen] for part in self))


def run(ctx: Context) -> None:
    source = ctx.table(0)
    table = source.read()
    if table.num_rows == 0:
        raise InvalidInput("the table has no rows to evaluate")
    scored, positive, has_threshold = read_scored(ctx, table, source.sidecar)
    metrics = measure(scored.truth, scored.score, scored.predicted, scored.weights)
    shown = charts(scored.truth, scored.score, scored.predicted, scored.weights, ctx.params["bins"])
    if ctx.params["group_by"] is not None:
        shown.append(groups(table, ctx.params["group_by"], scored))
    if ctx.params["threshold"] is not None or has_threshold:
        metrics["threshold"] = ctx.params["threshold"] if ctx.params["threshold"] is not None else 0.5
    for name in ("auc", "ks", "accuracy", "f1", "log_loss"):
        if metrics.get(name) is not None:
            print(f"{name} = {metrics[name]:.6f}")
    facts = {
        "positive": positive,
        "rows": table.num_rows,
        "evaluated": source.uri,
        "model": source.sidecar.get("model"),
    }
    ctx.write_report(0, metrics, shown, **facts)


def read_scored(ctx: Context, table: pa.Table, sidecar: dict[str, Any]) -> tuple[Scored, Any, bool]:
    """The arrays to measure, the positive label, and whether 0.5 was used for want of predicted labels."""
    params = ctx.params
    truth_labels = labels(table, params["y_col"])
    positive = positive_label(ctx, truth_labels, sidecar)
    truth = truth_labels == positive
    scores = score_values(ctx, table, sidecar, positive)
    weights = row_weights(table, params["weight_col"])
    has_predictions = params["pre_col"] is not None and params["pre_col"] in table.column_names
    if params["threshold"] is not None:
        if scores is None:
            raise ctx.invalid("threshold", "needs a score column, and the table has none (score_col)")
        return Scored(truth, scores, scores >= params["threshold"], weights), positive, False
    if has_predictions:
        predicted = as_positive(labels(table, params["pre_col"], "prediction column"), positive)
        return Scored(truth, scores, predicted, weights), positive, False
    if scores is None:
        require(table, [params["pre_col"]] if params["pre_col"] else [], "prediction column")
        raise ctx.invalid("pre_col", "is null and the table has no score column (score_col): nothing to evaluate")
    return Scored(truth, scores, scores >= 0.5, weights), positive, True


def positive_label(ctx: Context, truth: np.ndarray, sidecar: dict[str, Any]) -> Any:
    classes = np.unique(truth).tolist()
    wanted = ctx.params["pre_value"]
    if wanted is None:
        wanted = sidecar.get("positive")
    if wanted is not None:
        try:
            return match_label(classes, wanted, "pre_value", ctx)
        except InvalidParams:
            if len(classes) > 1:
                raise
            return wanted  # a table without a positive row can still be measured
    if len(classes) > 2:
        raise ctx.invalid(
            "pre_value", f'column "{ctx.params["y_col"]}" has {len(classes)} labels; say which is positive'
        )
    return classes[-1]


def as_positive(predicted: np.ndarray, positive: Any) -> np.ndarray:
    """Which predictions are the positive label. Compared as text, as the two columns may differ in type."""
    values, index = np.unique(predicted, return_inverse=True)
    wanted = label_text(positive)
    return np.array([label_text(value) == wanted for value in values.tolist()], dtype=bool)[index]


def score_column(table: pa.Table, sidecar: dict[str, Any], positive: Any) -> str | None:
    """The column the table was scored into, for this positive label; None when there is none."""
    name = sidecar.get("score_column")
    if name is None or "positive" not in sidecar:
        return name
    if sidecar["positive"] is not None and label_text(sidecar["positive"]) == label_text(positive):
        return name
    # The model's own score is of another label: the column of this one.
    of_label = f"{name}_{label_text(positive)}"
    if of_label in table.column_names:
        return of_label
    print(f'the table has no scores of label {label_text(positive)} (a column "{of_label}"): evaluated without')
    return None


def score_values(ctx: Context, table: pa.Table, sidecar: dict[str, Any], positive: Any) -> np.ndarray | None:
    """Scores, (rows,), in [0, 1]; None when there is no score column."""
    name = ctx.params["score_col"] or score_column(table, sidecar, positive)
    if name is None:
        return None
    scores = matrix(table, [name], "score column")[:, 0]
    if scores.min() < 0 or scores.max() > 1:
        raise InvalidInput(f'score column "{name}" must lie in [0, 1]; it spans {scores.min():g} to {scores.max():g}')
    return scores


def groups(table: pa.Table, name: str, scored: Scored) -> dict[str, Any]:
    """The main measures per value of a column, most frequent values first."""
    require(table, [name], "group_by column")
    encoded = pc.dictionary_encode(table.column(name).combine_chunks(), null_encoding="encode")
    codes, values = np.asarray(encoded.indices), encoded.dictionary.to_pylist()
    order = np.argsort(-np.bincount(codes, minlength=len(values)), kind="stable")[:MAX_GROUPS]
    columns = ["auc", "ks", "accuracy", "precision", "recall", "f1"]
    rows = []
    for code in order:
        part = scored.rows(codes == code)
        measured = measure(part.truth, part.score, part.predicted, part.weights)
        label = "(missing)" if values[code] is None else label_text(values[code])
        share = float(part.truth.mean())
        rows.append([label, len(part.truth), share, *(measured.get(column) for column in columns)])
    return reports.table("groups", f"By {name}", [name, "rows", "positive_share", *columns], rows)
