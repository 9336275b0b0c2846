"""Measures and charts of a regression.

`truth` and `predicted` have shape (rows,), float64, finite; `weights` too, or None: every row weighs 1. A residual is
truth - prediction. A measure that does not exist for the data is null.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.metrics import (
    max_error,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    median_absolute_error,
    r2_score,
)

from .artifacts import reports

Array = np.ndarray
QUANTILES = (0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1)


def measure(truth: Array, predicted: Array, weights: Array | None) -> dict[str, Any]:
    """mae, mse, rmse, r2, mape, median_ae, max_error, bias, rows.

    mape is a fraction (0.1 is 10 %), null where a true value is 0. r2 is null where all true values are equal. bias is
    the mean of prediction - truth.
    """
    used = np.ones(len(truth), dtype=bool) if weights is None else weights > 0
    mse = float(mean_squared_error(truth, predicted, sample_weight=weights))
    out: dict[str, Any] = {
        "mae": float(mean_absolute_error(truth, predicted, sample_weight=weights)),
        "mse": mse,
        "rmse": mse**0.5,
        "r2": None,
        "mape": None,
        "median_ae": float(median_absolute_error(truth, predicted, sample_weight=weights)),
        "max_error": float(max_error(truth[used], predicted[used])),
        "bias": float(np.average(predicted - truth, weights=weights)),
        "rows": len(truth),
    }
    if np.ptp(truth[used]) > 0:
        out["r2"] = float(r2_score(truth, predicted, sample_weight=weights))
    if (truth[used] != 0).all():
        of_used = None if weights is None else weights[used]
        out["mape"] = float(mean_absolute_percentage_error(truth[used], predicted[used], sample_weight=of_used))
    return out


def training_measures(model: Any, data: Any) -> dict[str, float | None]:
    """How a fitted model does on the TrainingSet `data`: train_accuracy, or train_r2, train_mae and train_rmse."""
    if data.task == "classification":
        return {"train_accuracy": float(model.score(data.x, data.y, data.weights))}
    measured = measure(data.y, np.asarray(model.predict(data.x), dtype=np.float64), data.weights)
    return {f"train_{name}": measured[name] for name in ("r2", "mae", "rmse")}


def charts(truth: Array, predicted: Array, bins: int) -> list[dict[str, Any]]:
    """Histogram of the residuals, truth and residuals over the prediction, and quantiles of the residuals.

    They count rows, whatever these weigh.
    """
    residuals = truth - predicted
    return [_histogram(residuals, bins), *_by_prediction(truth, predicted, residuals, bins), _quantiles(residuals)]


def _histogram(residuals: Array, bins: int) -> dict[str, Any]:
    counts, edges = np.histogram(residuals, bins=bins)
    bars = [(f"{(low + high) / 2:.4g}", int(n)) for n, low, high in zip(counts, edges, edges[1:], strict=False)]
    return reports.bar("residuals", "Residuals (truth - prediction)", "residual (middle of the bin)", "rows", bars)


def _by_prediction(truth: Array, predicted: Array, residuals: Array, bins: int) -> list[dict[str, Any]]:
    """Rows ordered by prediction and cut into `bins` parts of (nearly) equal numbers of rows."""
    order = np.argsort(predicted, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    means = [float(predicted[part].mean()) for part in parts]
    low, middle, high = ([float(np.quantile(residuals[part], q)) for part in parts] for q in (0.1, 0.5, 0.9))
    actual = {"model": (means, [float(truth[part].mean()) for part in parts]), "ideal": (means, means)}
    spread = {"10 %": (means, low), "median": (means, middle), "90 %": (means, high)}
    return [
        reports.curve("actual", "Truth by prediction", "mean prediction", "mean truth", actual),
        reports.curve("spread", "Residuals by prediction", "mean prediction", "residual", spread),
    ]


def _quantiles(residuals: Array) -> dict[str, Any]:
    absolute = np.abs(residuals)
    rows = [[q, float(np.quantile(residuals, q)), float(np.quantile(absolute, q))] for q in QUANTILES]
    return reports.table("quantiles", "Quantiles of the errors", ["quantile", "residual", "absolute_error"], rows)
