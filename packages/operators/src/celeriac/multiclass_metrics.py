"""Measures and charts of a classifier of more than two classes.

Classes are numbers from 0 (their names are given apart): `truth` and `predicted` have shape (rows,), `probabilities`
(rows, classes) or None, `weights` (rows,) or None: every row weighs 1. A measure that does not exist for the data is
null.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sklearn.metrics import roc_auc_score

from .artifacts import reports

Array = np.ndarray
SHOWN_CLASSES = 30
OTHERS = "(others)"
EPSILON = np.finfo(np.float64).eps


class PerClass(NamedTuple):
    """Arrays of shape (classes,). precision, recall and f1 are 0 where their denominator is, as scikit-learn has it."""

    rows: Array  # weight of the rows of the class
    predicted: Array  # weight of the rows predicted to be
    precision: Array
    recall: Array
    f1: Array


def confusion(truth: Array, predicted: Array, weights: Array | None, classes: int) -> Array:
    """Weight of the rows by truth (rows) and prediction (columns)."""
    cells = np.bincount(truth * classes + predicted, weights, classes * classes)
    return cells.reshape(classes, classes)


def per_class(cells: Array) -> PerClass:
    hits, rows, predicted = np.diag(cells), cells.sum(axis=1), cells.sum(axis=0)
    return PerClass(rows, predicted, _ratio(hits, predicted), _ratio(hits, rows), _ratio(2 * hits, rows + predicted))


def measure(cells: Array, truth: Array, probabilities: Array | None, weights: Array | None) -> dict[str, Any]:
    """accuracy, precision, recall, f1 (means over the classes), weighted_precision, weighted_recall, weighted_f1
    (weighed by the rows of the classes), kappa, log_loss, auc (mean of each class against the rest), classes, rows.

    Classes that neither occur nor are predicted do not count.
    """
    each, total = per_class(cells), cells.sum()
    present = (each.rows + each.predicted) > 0
    accuracy = float(np.trace(cells) / total)
    chance = float((each.rows * each.predicted).sum() / total**2)
    out: dict[str, Any] = {"accuracy": accuracy}
    for name in ("precision", "recall", "f1"):
        values = getattr(each, name)
        out[name] = float(values[present].mean())
        out[f"weighted_{name}"] = float(np.average(values, weights=each.rows))
    out["kappa"] = (accuracy - chance) / (1 - chance) if chance < 1 else None
    out |= {"log_loss": None, "auc": None}
    if probabilities is not None:
        likely = np.clip(probabilities[np.arange(len(truth)), truth], EPSILON, 1)
        out["log_loss"] = float(np.average(-np.log(likely), weights=weights))
        areas = [area for area in against_rest(truth, probabilities, weights) if area is not None]
        out["auc"] = float(np.mean(areas)) if areas else None
    return out | {"classes": int(present.sum()), "rows": len(truth)}


def against_rest(truth: Array, probabilities: Array, weights: Array | None) -> list[float | None]:
    """The AUC of each class against the rest; None where the rows have only one of the two."""
    out: list[float | None] = []
    weight = np.ones(len(truth)) if weights is None else weights
    for index in range(probabilities.shape[1]):
        is_class = truth == index
        both = (weight[is_class] > 0).any() and (weight[~is_class] > 0).any()
        out.append(float(roc_auc_score(is_class, probabilities[:, index], sample_weight=weights)) if both else None)
    return out


def charts(cells: Array, names: list[str], areas: list[float | None] | None) -> list[dict[str, Any]]:
    """The confusion matrix, and the measures per class; of many classes the 30 most frequent."""
    each = per_class(cells)
    order = np.argsort(-(each.rows + each.predicted), kind="stable")[:SHOWN_CLASSES]
    shown = np.sort(order)
    rows = []
    for index in shown:
        area = None if areas is None else areas[index]
        values = [float(getattr(each, name)[index]) for name in PerClass._fields]
        rows.append([names[index], *values, area])
    columns = ["label", *PerClass._fields, "auc"]
    labels, part = _reduced(cells, names, shown)
    title = "Confusion matrix (rows: truth, columns: prediction)"
    return [
        reports.matrix("confusion", title, labels, labels, part.tolist()),
        reports.table("classes", "By class", columns, rows),
    ]


def _reduced(cells: Array, names: list[str], shown: Array) -> tuple[list[str], Array]:
    """The matrix of the classes shown; all others are one more row and column."""
    if len(shown) == len(names):
        return names, cells
    place = np.full(len(names), len(shown))
    place[shown] = np.arange(len(shown))
    part = np.zeros((len(shown) + 1, len(shown) + 1))
    np.add.at(part, (place[:, None], place[None, :]), cells)
    return [*(names[index] for index in shown), OTHERS], part


def _ratio(part: Array, whole: Array) -> Array:
    return np.divide(part, whole, out=np.zeros(len(whole)), where=whole > 0)
