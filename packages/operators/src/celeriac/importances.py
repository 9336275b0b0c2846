"""Feature importances of tree ensembles, for model sidecars and reports."""

from __future__ import annotations

from typing import Any

import numpy as np

from .artifacts import reports

BARS = 30


def importances(values: np.ndarray, names: list[str]) -> list[dict[str, Any]]:
    """Impurity importances, greatest first; features of equal importance in column order."""
    order = np.argsort(-values, kind="stable")
    return [{"feature": names[i], "importance": float(values[i])} for i in order]


def importance_chart(listed: list[dict[str, Any]]) -> dict[str, Any]:
    """The 30 greatest importances as bars."""
    bars = [(item["feature"], item["importance"]) for item in listed[:BARS]]
    return reports.bar("importances", "Feature importances", "feature", "share of the impurity decrease", bars)
