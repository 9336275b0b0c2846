"""Logistic regression for two or more classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from ..context import Context
from ..sklearn_compat import map_logistic, parse_version
from ..training import (
    TrainingSet,
    class_labels,
    class_task,
    label_text,
    label_weights,
    model_facts,
    require_finite,
    require_liblinear,
    training_set,
)
from ..watched_fit import watched_fit

STAGES = 3  # reading, fitting, writing: the solvers tell nothing while they run
OWN = ("x_cols", "y_col", "pre_value", "weight_col", "scheme")
OF_TWO_CLASSES = {"multi_class": None, "dual": False, "intercept_scaling": 1.0}  # what map_logistic takes as well

Model = LogisticRegression | OneVsRestClassifier


def run(ctx: Context) -> None:
    ctx.progress(0, STAGES, "reading")
    data = training_set(ctx)
    classes, positive = class_labels(ctx, data)
    class_weight, weights = label_weights(ctx, data, classes)
    model = estimator(ctx, class_weight)
    if solver(model) == "liblinear":
        require_liblinear(data)
    ctx.progress(1, STAGES, f"fitting {len(data.x)} rows, {len(data.names)} features", at_once=True)
    with watched_fit() as fit:
        if isinstance(model, OneVsRestClassifier):
            model.fit(data.x, data.y)
        else:
            model.fit(data.x, data.y, sample_weight=weights)
    for part in parts(model):
        require_finite(part.coef_)
    iterations = max(int(np.max(part.n_iter_)) for part in parts(model))
    if not fit.converged:
        print(f"the solver stopped after max_iter = {ctx.params['max_iter']} iterations without reaching tol")
    facts = model_facts(
        ctx,
        data,
        task=class_task(classes),
        classes=classes,
        positive=positive,
        compat=[],
        metrics={
            "iterations": iterations,
            "train_accuracy": float(model.score(data.x, data.y, data.weights)),
            **fit.metrics(),
        },
        summary=summary(model, classes, data),
    )
    ctx.progress(2, STAGES, "writing", at_once=True)
    ctx.write_model(0, model, facts)
    ctx.progress(STAGES, STAGES, "trained")


def estimator(ctx: Context, class_weight: Any) -> Model:
    """multinomial: one problem over all classes; ovr: per class, that one against the rest."""
    given = {name: value for name, value in ctx.params.items() if name not in OWN} | OF_TWO_CLASSES
    rest = ctx.params["scheme"] == "ovr"
    given["solver"] = given["solver"] or ("liblinear" if rest else "lbfgs")
    given["class_weight"] = class_weight
    mapping = map_logistic(given, parse_version(sklearn.__version__))
    model = LogisticRegression(**mapping.kwargs)
    return OneVsRestClassifier(model) if rest else model


def solver(model: Model) -> str:
    return model.estimator.solver if isinstance(model, OneVsRestClassifier) else model.solver


def parts(model: Model) -> list[LogisticRegression]:
    return list(model.estimators_) if isinstance(model, OneVsRestClassifier) else [model]


def summary(model: Model, classes: list[Any], data: TrainingSet) -> dict[str, Any]:
    """Intercept and coefficients (in column order) per class; of two classes, towards the greater one."""
    weights = np.concatenate([part.coef_ for part in parts(model)])
    intercepts = np.concatenate([np.atleast_1d(part.intercept_) for part in parts(model)])
    towards = classes[1:] if len(weights) == 1 else classes
    return {
        "features": data.names,
        "classes": [
            {"label": label_text(label), "intercept": float(intercept), "coefficients": row.tolist()}
            for label, intercept, row in zip(towards, intercepts, weights, strict=True)
        ],
    }
