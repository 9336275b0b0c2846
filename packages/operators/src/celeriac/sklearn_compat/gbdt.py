"""GradientBoostingClassifier and GradientBoostingRegressor.

Source: changelogs of scikit-learn 0.22 and 0.24 (presort), 1.0 and 1.2 (min_impurity_split, mse, ls, lad), 1.1 and
1.3 (deviance, max_features auto, mae), 1.9 (criterion), and runs on 1.2, 1.6 and 1.9.
"""

from __future__ import annotations

from typing import Any

from .records import Mapping, Version

RENAMED_LOSSES = {"deviance": ("log_loss", "1.1"), "ls": ("squared_error", "1.0"), "lad": ("absolute_error", "1.0")}


def map_gbdt(params: dict[str, Any], version: Version, task: str = "classification") -> Mapping:
    """Arguments for the estimator of `task`. `params` has the manifest's parameters, defaults filled in."""
    mapping = Mapping(dict(params))
    kwargs = mapping.kwargs
    _loss(mapping, task)
    _criterion(mapping, version)
    mapping.drop("presort", "removed in scikit-learn 0.24; it only changed the speed")
    mapping.drop("min_impurity_split", "removed in scikit-learn 1.0; up to 1e-7 (its default) it changes nothing")
    mapping.drop("warm_start", "each run trains from the start", silent=(None, False))
    if kwargs["max_features"] == "auto":
        meant, of = ("sqrt", "sqrt for classifiers") if task == "classification" else (None, "all for regressions")
        mapping.rewrite("max_features", meant, f"auto was removed in scikit-learn 1.3; it meant {of}")
    mapping.seed(matters=True)  # also decides between equally good splits
    kwargs["verbose"] = int(kwargs["verbose"] or 0)
    return mapping


def _loss(mapping: Mapping, task: str) -> None:
    kwargs = mapping.kwargs
    if kwargs["loss"] is None:
        kwargs["loss"] = "log_loss" if task == "classification" else "squared_error"
    elif kwargs["loss"] in RENAMED_LOSSES:
        name, since = RENAMED_LOSSES[kwargs["loss"]]
        mapping.rewrite("loss", name, f"renamed in scikit-learn {since}; the same function")
    if task == "classification":
        kwargs.pop("alpha", None)  # of the losses huber and quantile


def _criterion(mapping: Mapping, version: Version) -> None:
    kwargs = mapping.kwargs
    if version >= (1, 9):
        mapping.drop("criterion", "has no effect since scikit-learn 1.9: there is one criterion, and it is this one")
    elif kwargs["criterion"] is None:
        kwargs.pop("criterion")
    elif kwargs["criterion"] == "mse":
        mapping.rewrite("criterion", "squared_error", "renamed in scikit-learn 1.0")
