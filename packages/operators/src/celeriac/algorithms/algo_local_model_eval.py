"""Evaluates a scored table by the kind of model that scored it."""

from __future__ import annotations

import numpy as np

from ..artifacts.columns import labels, require
from ..context import Context
from ..errors import InvalidInput
from ..training import guessed_task
from . import algo_local_model_2c_eval, algo_local_model_mc_eval, algo_local_regression_eval

EVALUATIONS = {
    "binary_classification": algo_local_model_2c_eval.run,
    "multiclass_classification": algo_local_model_mc_eval.run,
    "regression": algo_local_regression_eval.run,
}


def run(ctx: Context) -> None:
    task = task_of(ctx)
    print(f"evaluating a {task.replace('_', ' ')}")
    EVALUATIONS[task](ctx)


def task_of(ctx: Context) -> str:
    """The task of the model that scored the table; without one, what the label column looks like.

    A positive label that is given makes it binary: that label against the others.
    """
    source = ctx.table(0)
    table, task = source.read(), source.sidecar.get("task")
    if task == "clustering":
        raise InvalidInput("a cluster model scored the table; evaluate it with algo_local_cluster_eval")
    if task not in EVALUATIONS:
        require(table, [ctx.params["y_col"]], "label column")
        task = guessed_task(table, ctx.params["y_col"])
        if task == "classification":
            is_binary = len(np.unique(labels(table, ctx.params["y_col"]))) <= 2
            task = "binary_classification" if is_binary else "multiclass_classification"
    if task == "multiclass_classification" and ctx.params["pre_value"] is not None:
        return "binary_classification"
    return task
