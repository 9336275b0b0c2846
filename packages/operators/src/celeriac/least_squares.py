"""How well least squares determines its coefficients."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import stats

LARGEST_CONDITION = 1e12


def coefficient_errors(x: np.ndarray, y: np.ndarray, model: Any) -> list[dict[str, float]] | None:
    """std_error, t and p (two-sided, of coefficient 0) per feature, by the usual formulas: independent errors of equal
    variance.

    None where they do not exist: no more rows than coefficients, columns that depend on each other, no error at all.
    """
    design = np.column_stack([np.ones(len(x)), x]) if model.fit_intercept else x
    free = len(design) - design.shape[1]
    if free < 1:
        return None
    scale = np.sqrt((design**2).sum(axis=0))
    if not (scale > 0).all() or not np.isfinite(scale).all():
        return None
    # Columns of length 1: the condition then tells of their dependence, not of their units.
    _, singular, turned = np.linalg.svd(design / scale, full_matrices=False)
    if singular[-1] * LARGEST_CONDITION <= singular[0]:
        return None
    residuals = y - model.predict(x)
    variance = float(residuals @ residuals) / free
    if not 0 < variance < np.inf:
        return None
    diagonal = ((turned / singular[:, None]) ** 2).sum(axis=0)
    errors = np.sqrt(variance * diagonal) / scale
    errors = errors[1:] if model.fit_intercept else errors
    values = model.coef_ / errors
    chances = 2 * stats.t.sf(np.abs(values), free)
    return [
        {"std_error": float(error), "t": float(t), "p": float(p)}
        for error, t, p in zip(errors, values, chances, strict=True)
    ]
