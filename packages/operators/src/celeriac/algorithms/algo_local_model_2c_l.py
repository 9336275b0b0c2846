"""Logistic regression for two classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression

from ..context import Context
from ..errors import InvalidInput
from ..sklearn_compat import map_logistic, parse_version
from ..training import class_weights, label_text, match_label, model_facts, training_set

OWN = ("x_cols", "y_col", "pre_value", "weight_col")


def run(ctx: Context) -> None:
    ctx.progress(0, 1, "reading")
    data = training_set(ctx)
    classes = np.unique(data.y).tolist()
    if len(classes) != 2:
        shown = ", ".join(map(label_text, classes[:10]))
        raise InvalidInput(
            f'label column "{ctx.params["y_col"]}" must have exactly 2 distinct values, has {len(classes)}: {shown}',
            column=ctx.params["y_col"],
        )
    wanted = ctx.params["pre_value"]
    positive = classes[1] if wanted is None else match_label(classes, wanted, "pre_value", ctx)
    given = {name: value for name, value in ctx.params.items() if name not in OWN}
    mapping = map_logistic(given | {"class_weight": class_weights(ctx, classes)}, parse_version(sklearn.__version__))
    ctx.compat(mapping.records)
    ctx.progress(0, 1, f"training on {len(data.x)} rows, {len(data.names)} features")
    model = LogisticRegression(**mapping.kwargs).fit(data.x, data.y, sample_weight=data.weights)
    iterations = int(np.max(model.n_iter_))
    if iterations >= ctx.params["max_iter"]:
        print(f"the solver stopped after max_iter = {iterations} iterations without reaching tol")
    facts = model_facts(
        ctx,
        data,
        task="binary_classification",
        classes=classes,
        positive=positive,
        compat=mapping.records,
        metrics={
            "iterations": iterations,
            "train_accuracy": float(model.score(data.x, data.y, data.weights)),
        },
        summary=summary(model, data.names),
    )
    ctx.write_model(0, model, facts)
    ctx.progress(1, 1, "trained")


def summary(model: LogisticRegression, names: list[str]) -> dict[str, Any]:
    """Coefficients towards the greater label (`classes[1]`), in column order."""
    coefficients = model.coef_[0].tolist()
    pairs = [{"feature": n, "coefficient": c} for n, c in zip(names, coefficients, strict=True)]
    return {"intercept": float(model.intercept_[0]), "coefficients": pairs}
