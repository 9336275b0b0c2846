"""Gaussian process regression with a Matérn kernel: a model whose every row has its price.

Each row is compared with each training row, and each comparison takes a modified Bessel function: a thousand of them
take about half a millisecond, however many rows are scored together.
"""

from __future__ import annotations

from celeriac.training import model_facts, training_set
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Matern

NOISE = 0.1  # variance of the label


def run(ctx):
    data = training_set(ctx, "regression")
    kept = slice(0, ctx.params["most_rows"])
    kernel = Matern(length_scale=ctx.params["length_scale"], nu=ctx.params["smoothness"])
    model = GaussianProcessRegressor(kernel, alpha=NOISE, optimizer=None)
    model.fit(data.x[kept], data.y[kept])
    del model.L_  # only variances need it: the square of the rows
    facts = model_facts(ctx, data, task="regression", classes=None, positive=None, compat=[], metrics={}, summary={})
    ctx.write_model(0, model, facts)
