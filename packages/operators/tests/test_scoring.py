"""algo_local_model_predict, algo_local_model_2c_eval and algo_local_cluster_eval."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from celeriac.errors import InvalidInput, InvalidParams
from workspace import Result, Workspace

RANDOM = np.random.default_rng(11)
X = RANDOM.normal(size=300)
Y = (X + RANDOM.normal(size=300) > 0).astype(int)
TABLE = {"id": list(range(300)), "x": X.tolist(), "y": Y.tolist()}
SCORE = 1 / (1 + np.exp(-X))
SCORED = {**TABLE, "p": SCORE.tolist(), "predict_result": (SCORE >= 0.5).astype(int).tolist()}


@pytest.fixture
def model(workspace: Workspace) -> Result:
    return workspace.run("algo_local_model_2c_l", {"x_cols": ["x"], "y_col": "y"}, workspace.table(TABLE))


def predict(workspace: Workspace, model: Result, table: Any = None, **params: Any) -> Result:
    given = table if isinstance(table, dict) and "uri" in table else workspace.table(table or TABLE)
    return workspace.run("algo_local_model_predict", params, given, model.out())


def evaluate(workspace: Workspace, columns: dict[str, list[Any]] = SCORED, **params: Any) -> Result:
    return workspace.run("algo_local_model_2c_eval", {"y_col": "y", **params}, workspace.table(columns))


class TestPredict:
    def test_columns_are_added_and_the_others_kept(self, workspace: Workspace, model: Result) -> None:
        result = predict(workspace, model)
        columns = result.columns()
        assert list(columns) == [
            *TABLE,
            "predict_result",
            "predict_probability",
            "predict_probability_0",
            "predict_probability_1",
        ]
        assert columns["predict_probability"] == columns["predict_probability_1"]
        assert columns["predict_result"] == [int(p >= 0.5) for p in columns["predict_probability"]]
        sidecar = result.sidecar()
        assert (sidecar["score_column"], sidecar["positive"]) == ("predict_probability", 1)

    def test_batches_give_the_same_answers(self, workspace: Workspace, model: Result) -> None:
        assert predict(workspace, model, batch_rows=7).columns() == predict(workspace, model).columns()

    def test_a_model_wired_to_the_table_port_stands_for_its_table(self, workspace: Workspace, model: Result) -> None:
        assert predict(workspace, model, model.out()).columns()["id"] == TABLE["id"]

    def test_names_threshold_and_kept_columns(self, workspace: Workspace, model: Result) -> None:
        columns = predict(
            workspace, model, threshold=0.9, result_col="r", score_col="s", keep_cols=["id"], class_probabilities=False
        ).columns()
        assert list(columns) == ["id", "r", "s"]
        assert columns["r"] == [int(p >= 0.9) for p in columns["s"]]

    def test_no_rows_give_no_rows(self, workspace: Workspace, model: Result) -> None:
        import pyarrow as pa

        result = predict(workspace, model, workspace.table(pa.table({"x": pa.array([], pa.float64())})))
        assert result.columns() == {
            name: []
            for name in ("x", "predict_result", "predict_probability", "predict_probability_0", "predict_probability_1")
        }

    def test_text_labels_stay_text(self, workspace: Workspace) -> None:
        columns = {"x": TABLE["x"], "y": ["good" if y else "bad" for y in Y]}
        params = {"y_col": "y", "pre_value": "bad"}
        model = workspace.run("algo_local_model_2c_l", params, workspace.table(columns))
        out = predict(workspace, model).columns()
        assert set(out["predict_result"]) == {"good", "bad"}
        assert out["predict_probability"] == out["predict_probability_bad"]

    def test_cluster_models_add_cluster(self, workspace: Workspace) -> None:
        model = workspace.run("algo_local_kmeans", {"x_cols": ["x"]}, workspace.table(TABLE))
        result = predict(workspace, model)
        assert result.columns()["cluster"] == model.columns(1)["cluster"] == result.columns()["predict_result"]

    def test_rows_prepared_otherwise_than_the_training_rows_are_remarked(
        self, workspace: Workspace, capsys: Any
    ) -> None:
        scaled = workspace.run("algo_local_standardize", {"columns": ["x"]}, workspace.table(TABLE))
        model = workspace.run("algo_local_model_2c_l", {"x_cols": ["x"], "y_col": "y"}, scaled.out())
        predict(workspace, model, scaled.out())
        assert "warning" not in capsys.readouterr().out
        predict(workspace, model)
        assert "did not go through" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("columns", "params", "error", "message"),
        [
            (TABLE, {"x_cols": ["X", "id"]}, InvalidParams, 'lacks features of the model: "x"; did you mean "X"?'),
            ({"X": [1.0]}, {}, InvalidInput, 'the table has no feature "x" (did you mean "X"?)'),
            ({"x": ["1"]}, {}, InvalidInput, 'feature "x" is string'),
            (TABLE, {"keep_cols": ["z"]}, InvalidInput, 'no column "z"'),
            (TABLE, {"result_col": "predict_probability_1"}, InvalidInput, "written twice"),
        ],
    )
    def test_errors(
        self, workspace: Workspace, model: Result, columns: dict, params: dict, error: type, message: str
    ) -> None:
        with pytest.raises(error) as caught:
            predict(workspace, model, columns, **params)
        assert message in caught.value.message

    def test_wiring_is_checked(self, workspace: Workspace, model: Result) -> None:
        with pytest.raises(InvalidInput, match=r"input 1 \(model\) is not wired"):
            workspace.run("algo_local_model_predict", {}, workspace.table(TABLE))
        with pytest.raises(InvalidInput, match="takes a Model, got a Table"):
            workspace.run("algo_local_model_predict", {}, workspace.table(TABLE), workspace.table(TABLE))


class TestBinaryEvaluation:
    @pytest.mark.parametrize("weighted", [False, True])
    def test_measures_are_those_of_scikit_learn(self, workspace: Workspace, weighted: bool) -> None:
        weights = RANDOM.uniform(0.1, 2, size=300)
        columns = {**SCORED, "w": weights.tolist()}
        found = evaluate(workspace, columns, score_col="p", weight_col="w" if weighted else None).metrics
        w = {"sample_weight": weights} if weighted else {}
        predicted = SCORE >= 0.5
        fpr, tpr, _ = metrics.roc_curve(Y, SCORE, **w)
        expected = {
            "auc": metrics.roc_auc_score(Y, SCORE, **w),
            "ks": max(tpr - fpr),
            "ap": metrics.average_precision_score(Y, SCORE, **w),
            "accuracy": metrics.accuracy_score(Y, predicted, **w),
            "precision": metrics.precision_score(Y, predicted, **w),
            "recall": metrics.recall_score(Y, predicted, **w),
            "f1": metrics.f1_score(Y, predicted, **w),
            "log_loss": metrics.log_loss(Y, SCORE, **w),
            "brier": metrics.brier_score_loss(Y, SCORE, **w),
        }
        assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-12)
        tn, fp, fn, tp = metrics.confusion_matrix(Y, predicted, **w).ravel()
        assert [found[k] for k in ("tn", "fp", "fn", "tp")] == pytest.approx([tn, fp, fn, tp])

    def test_charts_are_data(self, workspace: Workspace) -> None:
        result = evaluate(workspace, score_col="p", bins=5)
        charts = {chart["name"]: chart for chart in result.sidecar()["charts"]}
        assert list(charts) == ["confusion", "roc", "pr", "ks", "gain", "lift", "gains", "calibration"]
        for chart in charts.values():
            for series in chart.get("series", []):
                assert 2 <= len(series["points"]) <= 200
        assert charts["roc"]["series"][0]["points"][0] == [0, 0]
        assert charts["roc"]["series"][0]["points"][-1] == [1, 1]
        peak = max(point[1] for point in charts["ks"]["series"][2]["points"])
        assert peak == pytest.approx(result.metrics["ks"], abs=1e-6)
        assert [row[1] for row in charts["gains"]["rows"]] == [60] * 5
        assert charts["gains"]["rows"][-1][7] == 1
        assert charts["confusion"]["values"] == [
            [result.metrics["tn"], result.metrics["fp"]],
            [result.metrics["fn"], result.metrics["tp"]],
        ]
        assert result.json("report.json")["metrics"] == result.metrics

    def test_the_score_column_comes_from_the_table(self, workspace: Workspace, model: Result) -> None:
        scored = predict(workspace, model, score_col="mine")
        result = workspace.run("algo_local_model_2c_eval", {"y_col": "y"}, scored.out())
        assert result.metrics["auc"] == pytest.approx(metrics.roc_auc_score(Y, scored.columns()["mine"]))

    def test_without_scores_only_label_measures_exist(self, workspace: Workspace) -> None:
        result = evaluate(workspace)
        found = result.sidecar()["metrics"]
        assert "auc" not in result.metrics
        assert found["auc"] is None
        assert found["log_loss"] is None
        assert found["accuracy"] == pytest.approx(float(np.mean((SCORE >= 0.5) == Y)))

    def test_a_threshold_decides_instead_of_the_predictions(self, workspace: Workspace) -> None:
        found = evaluate(workspace, score_col="p", threshold=0.8).metrics
        assert found["tp"] == int(((SCORE >= 0.8) & (Y == 1)).sum())
        assert found["threshold"] == 0.8
        assert evaluate(workspace, score_col="p", pre_col=None).metrics["threshold"] == 0.5

    def test_the_positive_label_can_be_the_lesser_one(self, workspace: Workspace) -> None:
        columns = {**SCORED, "q": (1 - SCORE).tolist()}
        assert evaluate(workspace, columns, score_col="q", pre_value=0).metrics["auc"] == pytest.approx(
            evaluate(workspace, score_col="p").metrics["auc"]
        )

    def test_groups_are_measured_one_by_one(self, workspace: Workspace) -> None:
        columns = {**SCORED, "g": ["u"] * 100 + ["v"] * 150 + [None] * 50}
        rows = evaluate(workspace, columns, score_col="p", group_by="g").chart("groups")["rows"]
        assert [row[:2] for row in rows] == [["v", 150], ["u", 100], ["(missing)", 50]]
        assert rows[1][3] == pytest.approx(metrics.roc_auc_score(Y[:100], SCORE[:100]))

    def test_a_single_class_has_no_auc(self, workspace: Workspace) -> None:
        columns = {"y": [0, 0], "predict_result": [0, 1], "p": [0.1, 0.9]}
        found = evaluate(workspace, columns, score_col="p", pre_value=1).sidecar()["metrics"]
        assert (found["auc"], found["ks"], found["accuracy"], found["recall"]) == (None, None, 0.5, 0)

    @pytest.mark.parametrize(
        ("columns", "params", "error", "message"),
        [
            ({"predict_result": [1]}, {}, InvalidInput, 'no label column "y"'),
            ({"y": [0, 1]}, {}, InvalidInput, 'no prediction column "predict_result"'),
            ({"y": [0, 1]}, {"pre_col": None}, InvalidParams, "nothing to evaluate"),
            ({"y": [0, 1], "p": [0.5, 1.5]}, {"score_col": "p"}, InvalidInput, "must lie in [0, 1]"),
            ({"y": [0, 1], "predict_result": [0, 1]}, {"pre_value": 3}, InvalidParams, "3 is not one of the labels"),
            ({"y": [0, 1, 2], "predict_result": [0, 1, 2]}, {}, InvalidParams, "say which is positive"),
            ({"y": [0, 1], "predict_result": [0, 1]}, {"threshold": 0.5}, InvalidParams, "needs a score column"),
        ],
    )
    def test_errors(self, workspace: Workspace, columns: dict, params: dict, error: type, message: str) -> None:
        with pytest.raises(error) as caught:
            evaluate(workspace, columns, **params)
        assert message in caught.value.message


class TestClusterEvaluation:
    def test_a_column_without_a_model(self, workspace: Workspace) -> None:
        columns = {"a": [0.0, 1.0, 10.0, 11.0], "cluster": [0, 0, 1, 1], "kind": ["u", "u", "v", "v"]}
        result = workspace.run("algo_local_cluster_eval", {"label_col": "kind"}, workspace.table(columns))
        assert result.metrics["inertia"] == pytest.approx(1.0)
        assert result.metrics["silhouette"] == pytest.approx(
            metrics.silhouette_score([[0], [1], [10], [11]], [0, 0, 1, 1])
        )
        assert (result.metrics["ari"], result.metrics["nmi"]) == (1.0, 1.0)
        assert result.chart("sizes")["bars"] == [["0", 2], ["1", 2]]
        assert result.chart("classes")["values"] == [[2, 0], [0, 2]]

    def test_a_model_assigns_rows_that_have_no_cluster_yet(self, workspace: Workspace) -> None:
        model = workspace.run("algo_local_kmeans", {"x_cols": ["x"]}, workspace.table(TABLE))
        result = workspace.run("algo_local_cluster_eval", {}, workspace.table(TABLE), model.out())
        assert result.metrics["inertia"] == pytest.approx(model.metrics["inertia"])

    def test_the_silhouette_of_a_sample_is_close(self, workspace: Workspace) -> None:
        model = workspace.run("algo_local_kmeans", {"x_cols": ["x"]}, workspace.table(TABLE))
        sampled = workspace.run("algo_local_cluster_eval", {"silhouette_sample": 150}, model.out(1))
        assert sampled.metrics["silhouette"] == pytest.approx(model.metrics["silhouette"], abs=0.08)

    def test_one_cluster_has_no_silhouette(self, workspace: Workspace) -> None:
        result = workspace.run("algo_local_cluster_eval", {}, workspace.table({"a": [1.0, 2.0], "cluster": [0, 0]}))
        assert result.sidecar()["metrics"]["silhouette"] is None

    def test_errors(self, workspace: Workspace, model: Result) -> None:
        with pytest.raises(InvalidInput, match='no cluster column "cluster"'):
            workspace.run("algo_local_cluster_eval", {}, workspace.table({"a": [1.0]}))
        with pytest.raises(InvalidInput, match="clusters are integers"):
            workspace.run("algo_local_cluster_eval", {}, workspace.table({"a": [1.0], "cluster": ["x"]}))
        with pytest.raises(InvalidInput, match="not a cluster model"):
            workspace.run("algo_local_cluster_eval", {}, workspace.table(TABLE), model.out())
