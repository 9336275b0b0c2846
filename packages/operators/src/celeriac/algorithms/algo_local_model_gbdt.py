"""Gradient boosted decision trees for classification and regression."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import sklearn
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor

from ..context import Context
from ..errors import InvalidInput
from ..importances import importances
from ..regression_metrics import training_measures
from ..sklearn_compat import map_gbdt, parse_version
from ..training import (
    TrainingSet,
    class_labels,
    class_task,
    model_facts,
    require_float32,
    require_split,
    training_set,
)
from ..watched_fit import watched_fit

OWN = ("x_cols", "y_col", "pre_value", "weight_col", "task")
CLASS_LOSSES = (None, "log_loss", "deviance", "exponential")

Model = GradientBoostingClassifier | GradientBoostingRegressor


def run(ctx: Context) -> None:
    wanted = ctx.params["n_estimators"]
    ctx.progress(0, wanted, "reading")
    data = training_set(ctx, ctx.params["task"])
    require_float32(data)
    check_loss(ctx, data)
    labels = label_facts(ctx, data)
    if ctx.params["n_iter_no_change"] is not None:
        require_split(data, ctx.params["validation_fraction"], ctx.params["y_col"], "n_iter_no_change")
    given = {name: value for name, value in ctx.params.items() if name not in OWN}
    mapping = map_gbdt(given, parse_version(sklearn.__version__), data.task)
    ctx.compat(mapping.records)
    make = GradientBoostingRegressor if data.task == "regression" else GradientBoostingClassifier
    model = make(**mapping.kwargs)
    ctx.progress(0, wanted, f"fitting {len(data.x)} rows, {len(data.names)} features", at_once=True)

    def on_tree(index: int, *_: Any) -> bool:
        ctx.progress(index + 1, wanted, f"tree {index + 1} of {wanted}")
        return False

    with watched_fit() as fit, parts_weigh_something(ctx, data):
        model.fit(data.x, data.y, sample_weight=data.weights, monitor=on_tree)
    metrics = {"trees": int(model.n_estimators_), "train_loss": float(model.train_score_[-1]), **fit.metrics()}
    metrics |= training_measures(model, data)
    found = summary(model, data.names)
    ctx.write_model(0, model, model_facts(ctx, data, **labels, compat=mapping.records, metrics=metrics, summary=found))
    early = "" if model.n_estimators_ == wanted else f", stopped early after {model.n_estimators_} trees"
    ctx.progress(wanted, wanted, f"trained{early}")


@contextlib.contextmanager
def parts_weigh_something(ctx: Context, data: TrainingSet) -> Iterator[None]:
    """Says what it means when scikit-learn, having parted the rows for early stopping, finds too little in one part."""
    try:
        yield
    except (ValueError, ZeroDivisionError) as error:
        if ctx.params["n_iter_no_change"] is None or data.weights is None or (data.weights > 0).all():
            raise
        raise InvalidInput(
            "n_iter_no_change parts the rows in two, and the rows of one part weigh nothing, or those of all labels "
            "but one: leave rows of weight 0 out of the table, or leave out n_iter_no_change",
            column=ctx.params["weight_col"],
        ) from error


def check_loss(ctx: Context, data: TrainingSet) -> None:
    """Raises InvalidParams when the loss is not one of the task; the schema knows only of tasks that are given."""
    loss = ctx.params["loss"]
    if loss is not None and (loss in CLASS_LOSSES) != (data.task == "classification"):
        raise ctx.invalid("loss", f"{loss} is no loss of a {data.task}")


def label_facts(ctx: Context, data: TrainingSet) -> dict[str, Any]:
    """task, classes and positive of the model. Raises InvalidInput or InvalidParams for labels that do not do."""
    if data.task == "regression":
        if ctx.params["pre_value"] is not None:
            raise ctx.invalid("pre_value", "a regression has no positive label")
        return {"task": "regression", "classes": None, "positive": None}
    classes, positive = class_labels(ctx, data)
    if len(classes) > 2 and ctx.params["loss"] == "exponential":
        raise ctx.invalid("loss", f"exponential needs two classes, the data has {len(classes)}")
    return {"task": class_task(classes), "classes": classes, "positive": positive}


def summary(model: Model, names: list[str]) -> dict[str, Any]:
    """Impurity importances, greatest first, and the training loss after each tree (thinned to 200)."""
    losses = model.train_score_
    shown = np.unique(np.linspace(0, len(losses) - 1, min(len(losses), 200)).astype(int))
    return {
        "importances": importances(model.feature_importances_, names),
        "train_loss": [[int(i) + 1, float(losses[i])] for i in shown],
    }
