"""Logistic regression for two classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression

from ..context import Context
from ..errors import InvalidInput
from ..sklearn_compat import map_logistic, parse_version
from ..training import (
    class_labels,
    label_text,
    label_weights,
    model_facts,
    require_finite,
    require_liblinear,
    training_set,
)
from ..watched_fit import watched_fit

STAGES = 3  # reading, fitting, writing: the solvers tell nothing while they run
OWN = ("x_cols", "y_col", "pre_value", "weight_col")


def run(ctx: Context) -> None:
    ctx.progress(0, STAGES, "reading")
    data = training_set(ctx)
    classes = np.unique(data.y).tolist()
    if len(classes) != 2:
        shown = ", ".join(map(label_text, classes[:10]))
        raise InvalidInput(
            f'label column "{ctx.params["y_col"]}" must have exactly 2 distinct values, has {len(classes)}: {shown}',
            column=ctx.params["y_col"],
        )
    _, positive = class_labels(ctx, data)
    if ctx.params["solver"] == "liblinear":
        require_liblinear(data)
    given = {name: value for name, value in ctx.params.items() if name not in OWN}
    class_weight, weights = label_weights(ctx, data, classes)
    mapping = map_logistic(given | {"class_weight": class_weight}, parse_version(sklearn.__version__))
    ctx.compat(mapping.records)
    ctx.progress(1, STAGES, f"fitting {len(data.x)} rows, {len(data.names)} features", at_once=True)
    with watched_fit() as fit:
        model = LogisticRegression(**mapping.kwargs).fit(data.x, data.y, sample_weight=weights)
    require_finite(model.coef_)
    iterations = int(np.max(model.n_iter_))
    if not fit.converged:
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
            **fit.metrics(),
        },
        summary=summary(model, data.names),
    )
    ctx.progress(2, STAGES, "writing", at_once=True)
    ctx.write_model(0, model, facts)
    ctx.progress(STAGES, STAGES, "trained")


def summary(model: LogisticRegression, names: list[str]) -> dict[str, Any]:
    """Coefficients towards the greater label (`classes[1]`), in column order."""
    coefficients = model.coef_[0].tolist()
    pairs = [{"feature": n, "coefficient": c} for n, c in zip(names, coefficients, strict=True)]
    return {"intercept": float(model.intercept_[0]), "coefficients": pairs}
