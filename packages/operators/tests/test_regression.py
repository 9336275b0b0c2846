"""Regression: algo_local_model_linear, forests and boosted trees of numbers, algo_local_regression_eval, serving."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sk
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import ElasticNet, Lasso, LinearRegression, Ridge

from celeriac.artifacts.deployments import Deployment
from celeriac.artifacts.models import ModelArtifact
from celeriac.errors import InvalidInput, InvalidParams
from workspace import Result, Workspace

RANDOM = np.random.default_rng(11)
X = RANDOM.normal(size=(120, 3)) * [1, 10, 0.1] + [0, 5, 0]
Y = 2 * X[:, 0] - 0.3 * X[:, 1] + 7 + RANDOM.normal(scale=0.5, size=120)
NAMES = ["a", "b", "c"]
COLUMNS = {**{name: X[:, i].tolist() for i, name in enumerate(NAMES)}, "y": Y.tolist()}


def train(workspace: Workspace, algo: str, columns: dict[str, list] = COLUMNS, **params: Any) -> Result:
    return workspace.run(f"algo_local_model_{algo}", {"y_col": "y", **params}, workspace.table(columns))


def values(result: Result, x: np.ndarray = X) -> np.ndarray:
    return ModelArtifact(result.out()["uri"]).score(x).labels


class TestLinear:
    @pytest.mark.parametrize(
        ("params", "expected"),
        [
            ({}, LinearRegression()),
            ({"fit_intercept": False, "positive": True}, LinearRegression(fit_intercept=False, positive=True)),
            ({"method": "ridge", "alpha": 3}, Ridge(alpha=3)),
            ({"method": "lasso", "alpha": 0.1, "tol": 1e-9}, Lasso(alpha=0.1, tol=1e-9)),
            ({"method": "elastic_net", "alpha": 0.1, "l1_ratio": 0.2}, ElasticNet(alpha=0.1, l1_ratio=0.2)),
        ],
    )
    def test_the_model_is_scikit_learns(self, workspace: Workspace, params: dict, expected: Any) -> None:
        result = train(workspace, "linear", **params)
        np.testing.assert_allclose(values(result), expected.fit(X, Y).predict(X), rtol=1e-10)
        assert result.metrics["converged"] == 1
        assert result.metrics["train_r2"] == pytest.approx(expected.score(X, Y))

    def test_the_report_has_coefficients_and_measures(self, workspace: Workspace) -> None:
        result = train(workspace, "linear")
        report = result.sidecar(1)
        assert report["metrics"]["r2"] == pytest.approx(LinearRegression().fit(X, Y).score(X, Y))
        table = result.chart("coefficients", 1)
        assert table["columns"] == ["feature", "coefficient", "std_error", "t", "p"]
        assert [row[0] for row in table["rows"]] == [*NAMES, "(intercept)"]
        assert {"residuals", "actual", "spread", "quantiles"} <= {chart["name"] for chart in report["charts"]}

    def test_the_errors_of_coefficients_are_those_of_one_variable(self, workspace: Workspace) -> None:
        result = train(workspace, "linear", {"a": COLUMNS["a"], "y": COLUMNS["y"]})
        expected = stats.linregress(X[:, 0], Y)
        found = result.sidecar()["summary"]["coefficients"][0]
        assert found["std_error"] == pytest.approx(expected.stderr)
        assert found["p"] == pytest.approx(expected.pvalue)

    def test_dependent_and_constant_columns_have_coefficients_without_errors(self, workspace: Workspace) -> None:
        columns = {**COLUMNS, "d": [2 * v for v in COLUMNS["a"]], "one": [1.0] * 120}
        result = train(workspace, "linear", columns)
        assert "std_error" not in result.sidecar()["summary"]["coefficients"][0]
        np.testing.assert_allclose(
            values(result, np.column_stack([X, 2 * X[:, 0], np.ones(120)])), LinearRegression().fit(X, Y).predict(X)
        )

    def test_it_says_when_the_solver_gave_up(self, workspace: Workspace) -> None:
        result = train(workspace, "linear", method="lasso", alpha=1e-6, max_iter=1, tol=1e-12)
        assert result.metrics["converged"] == 0

    def test_weights_count_rows(self, workspace: Workspace) -> None:
        weights = (np.arange(120) % 3).astype(float)
        result = train(workspace, "linear", {**COLUMNS, "w": weights.tolist()}, weight_col="w")
        np.testing.assert_allclose(values(result), LinearRegression().fit(X, Y, weights).predict(X))
        assert result.metrics["train_r2"] == pytest.approx(LinearRegression().fit(X, Y, weights).score(X, Y, weights))

    @pytest.mark.parametrize(
        ("columns", "message"),
        [
            ({"y": ["x"] * 120}, 'label column "y" is string; a regression learns numbers'),
            ({"y": [True] * 120}, 'label column "y" is boolean; a regression learns numbers'),
            ({"y": [None, *Y[1:].tolist()]}, 'label column "y" has 1 missing or infinite values, the first in row 0'),
            ({"y": [1.0, float("inf"), *Y[2:].tolist()]}, "the first in row 1 (infinite)"),
        ],
    )
    def test_errors(self, workspace: Workspace, columns: dict, message: str) -> None:
        with pytest.raises(InvalidInput) as caught:
            train(workspace, "linear", COLUMNS | columns)
        assert message in caught.value.message


class TestBoostedTrees:
    @pytest.mark.parametrize("loss", [None, "ls", "lad", "huber", "quantile"])
    def test_the_model_is_scikit_learns(self, workspace: Workspace, loss: str | None) -> None:
        result = train(workspace, "gbdt", task="regression", n_estimators=8, loss=loss, alpha=0.8)
        name = {None: "squared_error", "ls": "squared_error", "lad": "absolute_error"}.get(loss, loss)
        expected = GradientBoostingRegressor(n_estimators=8, loss=name, alpha=0.8, random_state=0).fit(X, Y)
        np.testing.assert_allclose(values(result), expected.predict(X), rtol=1e-12)
        assert ("loss" in result.compat) == (loss in ("ls", "lad"))
        assert result.sidecar()["task"] == "regression"
        assert result.sidecar()["classes"] is None
        assert result.metrics["train_r2"] == pytest.approx(expected.score(X, Y))

    def test_auto_takes_numbers_with_fractions_for_values(self, workspace: Workspace) -> None:
        assert train(workspace, "gbdt", task="auto", n_estimators=2).sidecar()["task"] == "regression"
        labels = {**COLUMNS, "y": [float(i % 3) for i in range(120)]}
        result = train(workspace, "gbdt", labels, task="auto", n_estimators=2)
        assert result.sidecar()["task"] == "multiclass_classification"
        counts = {**COLUMNS, "y": list(range(120))}
        assert train(workspace, "gbdt", counts, task="auto", n_estimators=2).sidecar()["task"] == "regression"

    @pytest.mark.parametrize(
        ("params", "message"),
        [
            ({"task": "regression", "loss": "log_loss"}, "task regression has the losses"),
            ({"task": "regression", "pre_value": 1}, "no positive label"),
            ({"loss": "huber"}, "task classification has the losses"),
            ({"task": "auto", "loss": "deviance"}, "deviance is no loss of a regression"),
        ],
    )
    def test_errors(self, workspace: Workspace, params: dict, message: str) -> None:
        with pytest.raises(InvalidParams, match=message):
            train(workspace, "gbdt", **params)

    def test_features_beyond_float32_are_named(self, workspace: Workspace) -> None:
        columns = {**COLUMNS, "b": [-1e39, *COLUMNS["b"][1:]]}
        for algo in ("gbdt", "forest"):
            with pytest.raises(InvalidInput, match='feature "b" has values beyond'):
                train(workspace, algo, columns, task="regression")


class TestEvaluation:
    truth = np.array([1.0, 2.0, 4.0, 8.0, -3.0])
    predicted = np.array([1.5, 2.0, 3.0, 9.0, -1.0])

    def evaluate(self, workspace: Workspace, columns: dict[str, Any] | None = None, **params: Any) -> Result:
        given = {"y": self.truth.tolist(), "predict_result": self.predicted.tolist(), **(columns or {})}
        return workspace.run("algo_local_regression_eval", {"y_col": "y", **params}, workspace.table(given))

    def test_the_measures_are_scikit_learns(self, workspace: Workspace) -> None:
        result = self.evaluate(workspace)
        expected = {
            "mae": sk.mean_absolute_error(self.truth, self.predicted),
            "mse": sk.mean_squared_error(self.truth, self.predicted),
            "rmse": sk.mean_squared_error(self.truth, self.predicted) ** 0.5,
            "r2": sk.r2_score(self.truth, self.predicted),
            "mape": sk.mean_absolute_percentage_error(self.truth, self.predicted),
            "median_ae": 1.0,
            "max_error": 2.0,
            "bias": 0.5,
            "rows": 5,
        }
        assert result.metrics == pytest.approx(expected)

    def test_weights_count_rows(self, workspace: Workspace) -> None:
        weights = [1, 0, 2, 1, 0]
        result = self.evaluate(workspace, {"w": weights}, weight_col="w")
        repeated = np.repeat(self.truth, weights), np.repeat(self.predicted, weights)
        assert result.metrics["r2"] == pytest.approx(sk.r2_score(*repeated))
        assert result.metrics["mae"] == pytest.approx(sk.mean_absolute_error(*repeated))
        assert result.metrics["max_error"] == 1.0  # the row that is 2 off weighs nothing

    def test_measures_that_do_not_exist_are_left_out(self, workspace: Workspace) -> None:
        assert "mape" not in self.evaluate(workspace, {"y": [0.0, 1.0, 2.0, 3.0, 4.0]}).metrics
        assert "r2" not in self.evaluate(workspace, {"y": [2.0] * 5}).metrics

    def test_charts_and_groups(self, workspace: Workspace) -> None:
        result = self.evaluate(workspace, {"g": ["u", "u", "v", "v", None]}, bins=2, group_by="g")
        assert [bar[1] for bar in result.chart("residuals")["bars"]] == [2, 3]
        assert result.chart("quantiles")["rows"][-1] == [1, 1.0, 2.0]
        groups = result.chart("groups")["rows"]
        assert [row[:3] for row in groups] == [["u", 2, 0.25], ["v", 2, 1.0], ["(missing)", 1, 2.0]]

    @pytest.mark.parametrize(
        ("columns", "params", "message"),
        [
            ({"predict_result": ["x"] * 5}, {}, 'prediction column "predict_result" is string'),
            ({"y": ["x"] * 5}, {}, "a regression learns numbers"),
            ({}, {"y_col": "Y"}, 'did you mean "y"'),
            ({"y": [], "predict_result": []}, {}, "no rows to evaluate"),
        ],
    )
    def test_errors(self, workspace: Workspace, columns: dict, params: dict, message: str) -> None:
        with pytest.raises(InvalidInput) as caught:
            self.evaluate(workspace, columns, **params)
        assert message in caught.value.message


@pytest.mark.parametrize("algo", ["linear", "gbdt", "forest"])
def test_a_regression_is_scored_and_served(workspace: Workspace, algo: str) -> None:
    trees = {} if algo == "linear" else {"task": "regression", "n_estimators": 4}
    table = workspace.table(COLUMNS)
    ready = workspace.run("algo_local_standardize", {"columns": NAMES}, table)
    model = workspace.run(f"algo_local_model_{algo}", {"y_col": "y", **trees}, ready.out())
    scored = workspace.run("algo_local_model_predict", {}, ready.out(), model.out())
    expected = scored.columns()["predict_result"]
    assert scored.table().column_names == [*NAMES, "y", "predict_result"]
    report = workspace.run("algo_local_regression_eval", {"y_col": "y", "pre_col": None}, scored.out())
    assert report.metrics["r2"] > 0.2

    deployed = workspace.run("algo_local_model_deploy", {"name": "m"}, model.out())
    deployment = Deployment.load(deployed.out()["uri"])
    answers = deployment.predict([{name: COLUMNS[name][i] for name in NAMES} for i in range(5)])
    assert [set(answer) for answer in answers] == [{"predict_result"}] * 5
    assert [answer["predict_result"] for answer in answers] == pytest.approx(expected[:5], rel=1e-12)
    assert deployed.raw["deployment"]["signature"]["outputs"] == [{"name": "predict_result", "type": "number"}]

    nothing = workspace.table(ready.table().slice(0, 0), transforms=[])
    empty = workspace.run("algo_local_model_predict", {}, nothing, model.out())
    assert str(empty.table().schema.field("predict_result").type) == "double"
