"""Linear regression: least squares, and with a penalty ridge, lasso and elastic net."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.linear_model import ElasticNet, Lasso, LinearRegression, Ridge

from ..artifacts import reports
from ..context import Context
from ..least_squares import coefficient_errors
from ..regression_metrics import charts, measure, training_measures
from ..training import SQUARE_MAX, TrainingSet, model_facts, require_finite, require_within, training_set
from ..watched_fit import watched_fit

STAGES = 3  # reading, fitting, writing: the solvers tell nothing while they run
BINS = 20

Model = LinearRegression | Ridge | Lasso | ElasticNet


def run(ctx: Context) -> None:
    ctx.progress(0, STAGES, "reading")
    data = training_set(ctx, "regression")
    require_within(data, SQUARE_MAX, "too large for squares; standardise the features first")
    model = estimator(ctx)
    ctx.progress(1, STAGES, f"fitting {len(data.x)} rows, {len(data.names)} features", at_once=True)
    with watched_fit() as fit:
        model.fit(data.x, data.y, sample_weight=data.weights)
    require_finite(model.coef_)
    if not fit.converged:
        print(f"the solver stopped after max_iter = {ctx.params['max_iter']} iterations without reaching tol")
    ctx.progress(2, STAGES, "writing", at_once=True)
    metrics = training_measures(model, data) | fit.metrics()
    metrics["nonzero"] = int(np.count_nonzero(model.coef_))
    if getattr(model, "n_iter_", None) is not None:
        metrics["iterations"] = int(np.max(model.n_iter_))
    found = summary(ctx, model, data)
    facts = model_facts(
        ctx, data, task="regression", classes=None, positive=None, compat=[], metrics=metrics, summary=found
    )
    uri = ctx.write_model(0, model, facts)
    predicted = model.predict(data.x)
    shown = [*coefficient_charts(found), *charts(data.y, predicted, BINS)]
    ctx.write_report(1, metrics | measure(data.y, predicted, data.weights), shown, model=uri)
    ctx.progress(STAGES, STAGES, "trained")


def estimator(ctx: Context) -> Model:
    params = ctx.params
    common: dict[str, Any] = {"fit_intercept": params["fit_intercept"], "positive": params["positive"]}
    if params["method"] == "ols":
        return LinearRegression(**common)
    common |= {"alpha": params["alpha"], "max_iter": params["max_iter"], "tol": params["tol"]}
    if params["method"] == "ridge":
        return Ridge(**common, random_state=0)
    if params["method"] == "lasso":
        return Lasso(**common, random_state=0)
    return ElasticNet(**common, l1_ratio=params["l1_ratio"], random_state=0)


def summary(ctx: Context, model: Model, data: TrainingSet) -> dict[str, Any]:
    """intercept and coefficients, in column order; with least squares, where they are determined, also their errors."""
    coefficients = [{"feature": n, "coefficient": float(c)} for n, c in zip(data.names, model.coef_, strict=True)]
    out: dict[str, Any] = {"method": ctx.params["method"], "intercept": float(model.intercept_)}
    plain = ctx.params["method"] == "ols" and not ctx.params["positive"] and data.weights is None
    errors = coefficient_errors(data.x, data.y, model) if plain else None
    if errors is not None:
        for pair, facts in zip(coefficients, errors, strict=True):
            pair |= facts
    return out | {"coefficients": coefficients}


def coefficient_charts(found: dict[str, Any]) -> list[dict[str, Any]]:
    pairs = found["coefficients"]
    names = [name for name in ("coefficient", "std_error", "t", "p") if name in pairs[0]]
    rows = [[pair["feature"], *(pair[name] for name in names)] for pair in pairs]
    rows.append(["(intercept)", found["intercept"], *[None] * (len(names) - 1)])
    return [reports.table("coefficients", "Coefficients", ["feature", *names], rows)]
