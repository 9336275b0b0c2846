"""Gradient boosted decision trees for classification."""

from __future__ import annotations

from typing import Any

import numpy as np
import sklearn
from sklearn.ensemble import GradientBoostingClassifier

from ..context import Context
from ..errors import InvalidInput
from ..sklearn_compat import map_gbdt, parse_version
from ..training import match_label, model_facts, training_set

OWN = ("x_cols", "y_col", "pre_value", "weight_col")
MAX_CLASSES = 1000


def run(ctx: Context) -> None:
    ctx.progress(0, ctx.params["n_estimators"], "reading")
    data = training_set(ctx)
    classes = np.unique(data.y).tolist()
    check_classes(ctx, classes)
    wanted = ctx.params["pre_value"]
    positive = match_label(classes, wanted, "pre_value", ctx) if wanted is not None else None
    if positive is None and len(classes) == 2:
        positive = classes[1]
    given = {name: value for name, value in ctx.params.items() if name not in OWN}
    mapping = map_gbdt(given, parse_version(sklearn.__version__))
    ctx.compat(mapping.records)
    model = GradientBoostingClassifier(**mapping.kwargs)
    trees = model.n_estimators

    def on_tree(index: int, *_: Any) -> bool:
        ctx.progress(index + 1, trees, f"tree {index + 1} of {trees}")
        return False

    model.fit(data.x, data.y, sample_weight=data.weights, monitor=on_tree)
    facts = model_facts(
        ctx,
        data,
        task="binary_classification" if len(classes) == 2 else "multiclass_classification",
        classes=classes,
        positive=positive,
        compat=mapping.records,
        metrics={
            "trees": int(model.n_estimators_),
            "train_accuracy": float(model.score(data.x, data.y, data.weights)),
            "train_loss": float(model.train_score_[-1]),
        },
        summary=summary(model, data.names),
    )
    ctx.write_model(0, model, facts)
    ctx.progress(trees, trees, "trained")


def check_classes(ctx: Context, classes: list[Any]) -> None:
    target = ctx.params["y_col"]
    if len(classes) < 2:
        raise InvalidInput(f'label column "{target}" has one value only; at least 2 are needed', column=target)
    if len(classes) > MAX_CLASSES:
        raise InvalidInput(f'label column "{target}" has {len(classes)} values: not a class label', column=target)
    if len(classes) > 2 and ctx.params["loss"] == "exponential":
        raise ctx.invalid("loss", f"exponential needs two classes, the data has {len(classes)}")


def summary(model: GradientBoostingClassifier, names: list[str]) -> dict[str, Any]:
    """Impurity importances, greatest first, and the training loss after each tree (thinned to 200)."""
    importances = model.feature_importances_
    order = np.argsort(-importances, kind="stable")
    losses = model.train_score_
    shown = np.unique(np.linspace(0, len(losses) - 1, min(len(losses), 200)).astype(int))
    return {
        "importances": [{"feature": names[i], "importance": float(importances[i])} for i in order],
        "train_loss": [[int(i) + 1, float(losses[i])] for i in shown],
    }
