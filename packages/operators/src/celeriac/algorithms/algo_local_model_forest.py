"""Random forests for classification and regression."""

from __future__ import annotations

import os
import time
import warnings
from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from ..context import Context
from ..importances import importance_chart, importances
from ..regression_metrics import training_measures
from ..training import (
    TrainingSet,
    class_labels,
    class_task,
    label_weights,
    model_facts,
    require_float32,
    training_set,
)
from ..watched_fit import watched_fit

OWN = ("x_cols", "y_col", "pre_value", "weight_col", "task")
CLASS_CRITERIA = ("gini", "entropy")
CHUNK_S = 0.1  # trees are grown in chunks that take at least this, so that the checks around each cost little

Model = RandomForestClassifier | RandomForestRegressor


def run(ctx: Context) -> None:
    trees = ctx.params["n_estimators"]
    ctx.progress(0, trees, "reading")
    data = training_set(ctx, ctx.params["task"])
    require_float32(data)
    model, labels, weights = prepared(ctx, data)
    ctx.progress(0, trees, f"fitting {len(data.x)} rows, {len(data.names)} features", at_once=True)
    with watched_fit() as fit:
        grow(ctx, model, data._replace(weights=weights), ctx.params["oob_score"])
    metrics = measures(ctx, model, data) | {"train_seconds": fit.metrics()["train_seconds"]}
    listed = importances(model.feature_importances_, data.names)
    facts = model_facts(ctx, data, **labels, compat=[], metrics=metrics, summary={"importances": listed})
    uri = ctx.write_model(0, model, facts)
    ctx.write_report(1, metrics, [importance_chart(listed)], model=uri)
    ctx.progress(trees, trees, "trained")


def prepared(ctx: Context, data: TrainingSet) -> tuple[Model, dict[str, Any], np.ndarray | None]:
    """The estimator to fit; task, classes and positive for its sidecar; what the rows weigh in the fit.

    Raises InvalidInput or InvalidParams.
    """
    given = {name: value for name, value in ctx.params.items() if name not in OWN}
    given["n_jobs"] = usable_jobs(given["n_jobs"])
    given["random_state"] = given["random_state"] or 0
    given["verbose"] = int(given["verbose"] or 0)
    criterion = given["criterion"]
    if criterion is not None and (criterion in CLASS_CRITERIA) != (data.task == "classification"):
        raise ctx.invalid("criterion", f"{criterion} is no criterion of a {data.task}")
    if data.task == "regression":
        for name in ("pre_value", "class_weight"):
            if ctx.params[name] is not None:
                raise ctx.invalid(name, "a regression has no classes")
        given.pop("class_weight")
        given |= {"criterion": criterion or "squared_error"}
        if given["max_features"] is None:
            given["max_features"] = 1.0
        if criterion == "poisson" and (data.y.min() < 0 or data.y.sum() <= 0):
            raise ctx.invalid("criterion", "poisson needs labels that are not negative and not all 0")
        return RandomForestRegressor(**given), {"task": "regression", "classes": None, "positive": None}, data.weights
    classes, positive = class_labels(ctx, data)
    class_weight, weights = label_weights(ctx, data, classes, balances_here=True)
    given |= {"criterion": criterion or "gini", "class_weight": class_weight}
    given["max_features"] = given["max_features"] or "sqrt"
    labels = {"task": class_task(classes), "classes": classes, "positive": positive}
    return RandomForestClassifier(**given), labels, weights


def grow(ctx: Context, model: Model, data: TrainingSet, wants_oob: bool) -> None:
    """Fits in chunks of trees, to tell of them and to be cancelled between.

    With warm_start scikit-learn first advances its generator past the trees that are there, so the forest is the one
    that a single fit gives. The out-of-bag score is taken once, in the last chunk.
    """
    trees, chunk, done = model.n_estimators, model.n_jobs, 0
    x = np.ascontiguousarray(data.x, dtype=np.float32)  # as the trees do; converted once, not per chunk
    with warnings.catch_warnings():
        # It means tables that change between the chunks.
        warnings.filterwarnings("ignore", message=".*not recommended for warm_start", category=UserWarning)
        while done < trees:
            done, started = min(done + chunk, trees), time.monotonic()
            model.set_params(n_estimators=done, warm_start=True, oob_score=wants_oob and done == trees)
            model.fit(x, data.y, sample_weight=data.weights)
            if time.monotonic() - started < CHUNK_S:
                chunk *= 2
            ctx.progress(done, trees, f"tree {done} of {trees}")
    # One thread from here on: several add up the trees' answers in whatever order they finish.
    model.set_params(warm_start=False, oob_score=wants_oob, n_jobs=None)


def measures(ctx: Context, model: Model, data: TrainingSet) -> dict[str, float | None]:
    """trees, leaves (of all trees), depth (of the deepest), the measures on the training rows, and oob_score."""
    grown = model.estimators_
    out: dict[str, float | None] = {
        "trees": len(grown),
        "leaves": int(sum(tree.get_n_leaves() for tree in grown)),
        "depth": int(max(tree.get_depth() for tree in grown)),
    }
    out |= training_measures(model, data)
    if ctx.params["oob_score"]:
        out["oob_score"] = float(model.oob_score_)
    return out


def usable_jobs(wanted: int | None) -> int:
    """Threads to grow trees with: what is asked for, at most the processors this process may use; -1: all of them."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if wanted is None:
        return 1
    return available if wanted == -1 else min(wanted, available)
