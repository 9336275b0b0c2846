"""algo_local_model_2c_l, algo_local_model_gbdt and algo_local_kmeans: parameters, models and errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import sklearn
from sklearn.cluster import KMeans
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from celeriac.artifacts.models import ModelArtifact
from celeriac.errors import InvalidInput, InvalidParams
from celeriac.operator_task import execute
from workspace import Result, Workspace

RANDOM = np.random.default_rng(7)
X = RANDOM.normal(size=(200, 3))
Y = (X[:, 0] + 0.5 * X[:, 1] + RANDOM.normal(scale=0.5, size=200) > 0).astype(int)
NAMES = ["a", "b", "c"]
FEATURES = {name: X[:, i].tolist() for i, name in enumerate(NAMES)}
LABELLED = {**FEATURES, "y": Y.tolist()}
MODERN = tuple(int(part) for part in sklearn.__version__.split(".")[:2]) >= (1, 8)


def train(workspace: Workspace, algo: str, columns: dict[str, list] = LABELLED, **params: Any) -> Result:
    params = {"y_col": "y", **params} if algo != "kmeans" else params
    prefix = "algo_local_" if algo == "kmeans" else "algo_local_model_"
    return workspace.run(prefix + algo, params, workspace.table(columns))


def probabilities(result: Result) -> np.ndarray:
    return ModelArtifact(result.out()["uri"]).score(X).probabilities


class TestLogisticRegression:
    def test_the_model_is_scikit_learns(self, workspace: Workspace) -> None:
        result = train(workspace, "2c_l", C=0.3, tol=1e-8, class_weight="balanced", intercept_scaling=2)
        expected = LogisticRegression(
            solver="liblinear", C=0.3, tol=1e-8, class_weight="balanced", intercept_scaling=2
        ).fit(X, Y)
        np.testing.assert_allclose(probabilities(result), expected.predict_proba(X), atol=1e-12)

    @pytest.mark.parametrize(("solver", "penalty"), [("liblinear", "l1"), ("lbfgs", None), ("saga", "elasticnet")])
    def test_penalties(self, workspace: Workspace, solver: str, penalty: str | None) -> None:
        ratio = {"l1_ratio": 0.5} if penalty == "elasticnet" else {}
        result = train(workspace, "2c_l", solver=solver, penalty=penalty, C=0.1, max_iter=5000, tol=1e-7, **ratio)
        if MODERN:
            same = {"l1": {"l1_ratio": 1.0, "C": 0.1}, None: {"C": np.inf}, "elasticnet": {"l1_ratio": 0.5, "C": 0.1}}
            arguments = same[penalty]
        else:
            arguments = {"penalty": penalty, "C": 0.1, **ratio}
        expected = LogisticRegression(solver=solver, max_iter=5000, tol=1e-7, random_state=0, **arguments).fit(X, Y)
        np.testing.assert_allclose(probabilities(result), expected.predict_proba(X), atol=1e-6)

    @pytest.mark.parametrize(("penalty", "ratio"), [("l2", None), ("l1", None), ("elasticnet", 0.3)])
    def test_multinomial_is_rewritten_to_the_equal_binary_problem(
        self, workspace: Workspace, penalty: str, ratio: float | None
    ) -> None:
        """Checked against the softmax objective with one weight vector per class, minimised directly."""
        from scipy.optimize import minimize

        mixing = {"l2": 0.0, "l1": 1.0}.get(penalty, ratio)
        result = train(
            workspace, "2c_l", solver="saga", penalty=penalty, l1_ratio=ratio, C=0.05, multi_class="multinomial",
            max_iter=20000, tol=1e-9, fit_intercept=False,
        )  # fmt: skip

        def objective(split: np.ndarray) -> float:  # w = plus - minus, both >= 0, to have |w| without a kink
            w = split[:6].reshape(2, 3) - split[6:].reshape(2, 3)
            z = X @ w.T
            loss = np.logaddexp(z[:, 0], z[:, 1]) - z[np.arange(len(Y)), Y]
            return 0.05 * loss.sum() + (1 - mixing) / 2 * (w**2).sum() + mixing * split.sum()

        best = minimize(objective, np.zeros(12), bounds=[(0, None)] * 12, method="L-BFGS-B", options={"ftol": 1e-14})
        w = best.x[:6].reshape(2, 3) - best.x[6:].reshape(2, 3)
        expected = 1 / (1 + np.exp(-(X @ (w[1] - w[0]))))
        np.testing.assert_allclose(probabilities(result)[:, 1], expected, atol=2e-4)
        assert result.compat["multi_class"]["action"] == "dropped"

    def test_the_sidecar_tells_everything_about_the_model(self, workspace: Workspace) -> None:
        result = train(workspace, "2c_l", x_cols=NAMES, pre_value="0", senior=True)
        sidecar = result.sidecar()
        assert sidecar["task"] == "binary_classification"
        assert sidecar["features"] == [{"name": name, "dtype": "float64"} for name in NAMES]
        assert (sidecar["target"], sidecar["classes"], sidecar["positive"]) == ("y", [0, 1], 0)
        assert sidecar["library_version"] == sklearn.__version__
        assert [c["feature"] for c in sidecar["summary"]["coefficients"]] == NAMES
        assert sidecar["fitted_on"].startswith(workspace.uri)
        assert "senior" not in sidecar["params"]

    @pytest.mark.parametrize(("yes", "no", "wanted"), [("yes", "no", "yes"), (True, False, 1), (2.0, 1.0, "2")])
    def test_labels_may_be_text_booleans_and_floats(self, workspace: Workspace, yes: Any, no: Any, wanted: Any) -> None:
        columns = {**FEATURES, "y": [yes if value else no for value in Y]}
        result = train(workspace, "2c_l", columns, pre_value=wanted)
        assert result.sidecar()["positive"] == yes

    def test_weights_count_rows(self, workspace: Workspace) -> None:
        weights = np.where(Y == 1, 2, 1)
        result = train(workspace, "2c_l", {**LABELLED, "w": weights.tolist()}, weight_col="w", tol=1e-9)
        expected = LogisticRegression(solver="liblinear", tol=1e-9).fit(X, Y, sample_weight=weights)
        np.testing.assert_allclose(probabilities(result), expected.predict_proba(X), atol=1e-6)

    @pytest.mark.parametrize(
        ("columns", "params", "error", "message"),
        [
            ({"y": [0, 1, 2] + [0] * 197}, {}, InvalidInput, "must have exactly 2 distinct values, has 3: 0, 1, 2"),
            ({"y": [None] + [1] * 199}, {}, InvalidInput, 'label column "y" has 1 missing values'),
            ({"a": [None] * 2 + [1.0] * 198}, {}, InvalidInput, 'feature "a" has 2 missing or infinite values'),
            ({"a": [float("inf")] + [1.0] * 199}, {}, InvalidInput, "the first in row 0 (infinite)"),
            ({"a": ["x"] * 200}, {}, InvalidInput, 'feature "a" is string, not a number; encode it first'),
            ({}, {"x_cols": ["A"]}, InvalidInput, 'no feature "A" (did you mean "a"?)'),
            ({}, {"x_cols": ["a", "y"]}, InvalidParams, 'contains the label column "y"'),
            ({}, {"pre_value": 7}, InvalidParams, "pre_value: 7 is not one of the labels in the data: 0, 1"),
            ({}, {"class_weight": {"5": 1}}, InvalidParams, "class_weight: 5 is not one of the labels"),
            ({"w": [-1.0] * 200}, {"weight_col": "w"}, InvalidInput, "no negative"),
            ({"w": Y.tolist()}, {"weight_col": "w"}, InvalidInput, "has one value only on rows with a positive weight"),
            ({"b": [2e30] * 200}, {}, InvalidInput, 'feature "b" has values beyond ±1e+30'),
        ],
    )  # fmt: skip
    def test_errors(self, workspace: Workspace, columns: dict, params: dict, error: type, message: str) -> None:
        with pytest.raises(error) as caught:
            train(workspace, "2c_l", LABELLED | columns, **params)
        assert message in caught.value.message

    def test_no_rows(self, workspace: Workspace) -> None:
        with pytest.raises(InvalidInput, match="no rows to train on"):
            train(workspace, "2c_l", {"a": [], "y": []})


class TestGbdt:
    def test_the_model_is_scikit_learns(self, workspace: Workspace) -> None:
        result = train(workspace, "gbdt", n_estimators=20, max_depth=2, subsample=0.8, max_features="auto", init="zero")
        expected = GradientBoostingClassifier(
            n_estimators=20, max_depth=2, subsample=0.8, max_features="sqrt", init="zero", random_state=0
        ).fit(X, Y)
        np.testing.assert_allclose(probabilities(result), expected.predict_proba(X), atol=1e-12)
        assert result.compat["max_features"]["to"] == "sqrt"
        assert result.metrics["trees"] == 20

    def test_progress_is_reported_per_tree(self, workspace: Workspace) -> None:
        seen: list[tuple[float, float]] = []
        task = workspace.task("algo_local_model_gbdt", {"y_col": "y", "n_estimators": 5}, workspace.table(LABELLED))
        execute(task, lambda current, total, _: seen.append((current, total)))
        assert seen[0] == (0, 5)
        assert seen[-1] == (5, 5)

    def test_decimals_are_numbers_in_training_and_serving(self, workspace: Workspace) -> None:
        amounts = pa.array([f"{value:.2f}" for value in X[:, 0]]).cast(pa.decimal128(10, 2))
        table = workspace.table(pa.table({"a": amounts, "y": Y}))
        model = workspace.run("algo_local_model_gbdt", {"y_col": "y", "n_estimators": 2}, table)
        deployed = workspace.run("algo_local_model_deploy", {"name": "m"}, model.out())
        inputs = [row["input"] for row in deployed.json("sample.json")["rows"]]
        assert inputs[0] == {"a": float(amounts[0].as_py())}

    def test_early_stopping(self, workspace: Workspace) -> None:
        result = train(workspace, "gbdt", n_estimators=500, n_iter_no_change=2, tol=0.01)
        assert result.metrics["trees"] < 500

    def test_three_classes_give_a_multi_class_model(self, workspace: Workspace) -> None:
        columns = {**FEATURES, "y": [["u", "v", "w"][i % 3] for i in range(200)]}
        result = train(workspace, "gbdt", columns, n_estimators=3)
        sidecar = result.sidecar()
        assert (sidecar["task"], sidecar["classes"], sidecar["positive"]) == (
            "multiclass_classification", ["u", "v", "w"], None,
        )  # fmt: skip
        assert probabilities(result).shape == (200, 3)

    def test_errors(self, workspace: Workspace) -> None:
        with pytest.raises(InvalidInput, match="has one value only"):
            train(workspace, "gbdt", {**FEATURES, "y": [1] * 200})
        weighed = {**LABELLED, "w": Y.tolist()}
        with pytest.raises(InvalidInput, match="one value only on rows with a positive weight"):
            train(workspace, "gbdt", weighed, weight_col="w")
        with pytest.raises(InvalidParams, match="exponential needs two classes"):
            train(workspace, "gbdt", {**FEATURES, "y": [i % 3 for i in range(200)]}, loss="exponential")


class TestKMeans:
    def test_the_result_is_that_of_scikit_learn(self, workspace: Workspace) -> None:
        result = train(workspace, "kmeans", FEATURES, n_clusters=4, n_init=5, random_state=3)
        expected = KMeans(4, n_init=5, random_state=3).fit(X)
        assert result.metrics["inertia"] == pytest.approx(expected.inertia_, rel=1e-12)
        assert result.columns(1)["cluster"] == expected.labels_.tolist()
        assert result.sidecar(1)["cluster_column"] == "cluster"

    def test_given_centres_are_started_from(self, workspace: Workspace) -> None:
        centres = X[:2].tolist()
        result = train(workspace, "kmeans", FEATURES, n_clusters=2, init=centres)
        expected = KMeans(2, init=np.array(centres), n_init=1).fit(X)
        np.testing.assert_allclose(result.sidecar()["summary"]["centres"], expected.cluster_centers_)

    def test_the_number_of_clusters_is_searched(self, workspace: Workspace) -> None:
        blobs = {"a": [0.0, 0.1, 0.2, 9.0, 9.1, 9.2, 20.0, 20.1, 20.2]}
        result = train(workspace, "kmeans", blobs, n_clusters=2, k_max=5)
        assert result.metrics["clusters"] == 3
        assert [p[0] for p in result.chart("inertia_by_k", 2)["series"][0]["points"]] == [2, 3, 4, 5]

    def test_mini_batches(self, workspace: Workspace) -> None:
        result = train(workspace, "kmeans", FEATURES, mini_batch=True, batch_size=64)
        assert sum(result.sidecar()["summary"]["sizes"]) == 200

    def test_text_columns_are_left_out_by_default(self, workspace: Workspace) -> None:
        result = train(workspace, "kmeans", {**FEATURES, "s": ["x"] * 200})
        assert [feature["name"] for feature in result.sidecar()["features"]] == NAMES

    @pytest.mark.parametrize(
        ("columns", "params", "error", "message"),
        [
            ({"a": [1.0, 1.0, 2.0]}, {}, InvalidInput, "3 clusters need as many distinct rows; the table has 2"),
            (FEATURES, {"n_clusters": 5, "k_max": 4}, InvalidParams, "k_max: must be at least 5"),
            (FEATURES, {"init": [[1.0, 2.0, 3.0]]}, InvalidParams, "init: has 1 centres for 3 clusters"),
            (FEATURES, {"init": [[1.0]] * 3}, InvalidParams, "init: every centre must have 3 numbers"),
            ({"s": ["x"]}, {}, InvalidInput, "no numeric columns"),
        ],
    )
    def test_errors(self, workspace: Workspace, columns: dict, params: dict, error: type, message: str) -> None:
        with pytest.raises(error) as caught:
            train(workspace, "kmeans", columns, **params)
        assert message in caught.value.message


@pytest.mark.parametrize("algo", ["2c_l", "mc_l", "forest"])
@pytest.mark.parametrize("weights", ["balanced", {"10": 3.0, "9": 0.5}])
def test_labels_that_look_like_numbers_are_weighed_like_others(workspace: Workspace, algo: str, weights: Any) -> None:
    x = np.random.default_rng(1).normal(size=60).tolist()
    params = {"y_col": "y", "class_weight": weights} | ({"n_estimators": 5} if algo == "forest" else {})

    def chances(renamed: dict[str, str]) -> list[float]:
        labels = [renamed["10" if value + 0.4 * (i % 3) < 0.6 else "9"] for i, value in enumerate(x)]
        table = workspace.table({"x": x, "y": labels})
        given = weights if weights == "balanced" else {renamed[k]: v for k, v in weights.items()}
        model = workspace.run(f"algo_local_model_{algo}", params | {"class_weight": given}, table)
        return workspace.run("algo_local_model_predict", {}, table, model.out()).columns()["predict_probability"]

    assert chances({"10": "10", "9": "9"}) == pytest.approx(chances({"10": "a", "9": "b"}), abs=1e-9)


@pytest.mark.parametrize(
    ("algo", "columns", "message"),
    [
        ("mc_l", {"x": [1.0, 2.0, 3.0], "y": [0.5, 1.5, 0.5]}, "numbers with a fraction"),
        ("2c_l", {"x": [1.0, 2.0, 3.0], "y": [0, 1, 0], "w": [1e308] * 3}, "beyond 1e\\+15"),
        ("linear", {"x": [1.0, 2.0, 3.0], "y": [1e308, -1e308, 0.0]}, "label column .* beyond"),
        ("linear", {"x": [1e300, 2e300, 3e300], "y": [1.0, 2.0, 3.0]}, "too large for squares"),
    ],
)
def test_numbers_that_would_break_the_solver_are_refused(
    workspace: Workspace, algo: str, columns: dict, message: str
) -> None:
    params = {"y_col": "y"} | ({"weight_col": "w"} if "w" in columns else {})
    with pytest.raises(InvalidInput, match=message):
        workspace.run(f"algo_local_model_{algo}", params, workspace.table(columns))
