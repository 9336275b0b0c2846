"""algo_local_model_mc_eval, and algo_local_model_eval, which chooses among the evaluations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sk

from celeriac.errors import InvalidInput
from workspace import Result, Workspace

RANDOM = np.random.default_rng(13)
CLASSES = np.array(["u", "v", "w"])
LIKELY = RANDOM.dirichlet([1, 1, 1], size=80)
TRUTH = CLASSES[[RANDOM.choice(3, p=row) for row in LIKELY]]
PREDICTED = CLASSES[np.argmax(LIKELY, axis=1)]
SCORED: dict[str, Any] = {
    "y": TRUTH.tolist(),
    "predict_result": PREDICTED.tolist(),
    **{f"p_{label}": LIKELY[:, i].tolist() for i, label in enumerate(CLASSES)},
}


def evaluate(workspace: Workspace, columns: dict[str, Any] = SCORED, **params: Any) -> Result:
    return workspace.run("algo_local_model_mc_eval", {"y_col": "y", **params}, workspace.table(columns))


def test_the_measures_are_scikit_learns(workspace: Workspace) -> None:
    expected = {
        "accuracy": sk.accuracy_score(TRUTH, PREDICTED),
        "kappa": sk.cohen_kappa_score(TRUTH, PREDICTED),
        "log_loss": sk.log_loss(TRUTH, LIKELY),
        "auc": sk.roc_auc_score(TRUTH, LIKELY, multi_class="ovr"),
        "classes": 3,
        "rows": 80,
    }
    for prefix, average in (("", "macro"), ("weighted_", "weighted")):
        found = sk.precision_recall_fscore_support(TRUTH, PREDICTED, average=average)
        expected |= {
            f"{prefix}{name}": value for name, value in zip(("precision", "recall", "f1"), found, strict=False)
        }
    assert evaluate(workspace, score_col="p").metrics == pytest.approx(expected)


def test_charts_show_each_class(workspace: Workspace) -> None:
    result = evaluate(workspace, {**SCORED, "g": ["x", "y"] * 40}, score_col="p", group_by="g")
    assert result.chart("confusion")["values"] == sk.confusion_matrix(TRUTH, PREDICTED).tolist()
    table = result.chart("classes")
    of_v = dict(zip(table["columns"], table["rows"][1], strict=True))
    assert (of_v["label"], of_v["rows"]) == ("v", (TRUTH == "v").sum())
    assert of_v["recall"] == pytest.approx((PREDICTED[TRUTH == "v"] == "v").mean())
    assert of_v["auc"] == pytest.approx(sk.roc_auc_score(TRUTH == "v", LIKELY[:, 1]))
    accuracies = [row[2] for row in result.chart("groups")["rows"]]
    assert accuracies == pytest.approx([(TRUTH == PREDICTED)[::2].mean(), (TRUTH == PREDICTED)[1::2].mean()])


def test_weights_count_rows(workspace: Workspace) -> None:
    weights = np.arange(80) % 3
    metrics = evaluate(workspace, {**SCORED, "w": weights.tolist()}, score_col="p", weight_col="w").metrics
    truth, predicted, likely = (np.repeat(part, weights, axis=0) for part in (TRUTH, PREDICTED, LIKELY))
    assert metrics["f1"] == pytest.approx(sk.f1_score(truth, predicted, average="macro"))
    assert metrics["kappa"] == pytest.approx(sk.cohen_kappa_score(truth, predicted))
    assert metrics["auc"] == pytest.approx(sk.roc_auc_score(truth, likely, multi_class="ovr"))


def test_without_scores_and_with_labels_that_were_never_learned(workspace: Workspace) -> None:
    result = evaluate(workspace, {"y": [1, 2, 3, 3], "predict_result": [1.0, 2.0, 2.0, 2.0]})
    assert result.metrics["accuracy"] == 0.5
    assert result.metrics["classes"] == 3
    assert "auc" not in result.metrics
    assert result.chart("classes")["rows"][2][:3] == ["3", 2.0, 0.0]


def test_many_classes_are_shown_in_part(workspace: Workspace) -> None:
    labels = [f"l{i:02}" for i in range(40)] + ["l39"] * 5
    result = evaluate(workspace, {"y": labels, "predict_result": labels[::-1]})
    shown = result.chart("confusion")
    assert len(shown["rows"]) == 31
    assert shown["rows"][-2:] == ["l39", "(others)"]
    assert np.sum(shown["values"]) == 45


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"y": [None, *SCORED["y"][1:]]}, 'label column "y" has 1 missing values'),
        ({"p_u": [1.5] * 80}, "must lie in [0, 1]"),
        ({"y": [], "predict_result": [], "p_u": [], "p_v": [], "p_w": []}, "no rows to evaluate"),
    ],
)
def test_errors(workspace: Workspace, columns: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        evaluate(workspace, SCORED | columns, score_col="p")
    assert message in caught.value.message


class TestByTheModel:
    x = RANDOM.normal(size=60)

    def scored(self, workspace: Workspace, algo: str, labels: list[Any], **params: Any) -> Result:
        table = workspace.table({"a": self.x.tolist(), "y": labels})
        model = workspace.run(f"algo_local_{algo}", params, table)
        return workspace.run("algo_local_model_predict", {}, table, model.out())

    def measured(self, workspace: Workspace, algo: str, labels: list[Any], **params: Any) -> tuple[Result, Result]:
        scored = self.scored(workspace, f"model_{algo}", labels, y_col="y", **params)
        return scored, workspace.run("algo_local_model_eval", {"y_col": "y"}, scored.out())

    def test_two_classes(self, workspace: Workspace) -> None:
        scored, report = self.measured(workspace, "2c_l", (self.x > 0).astype(int).tolist())
        same = workspace.run("algo_local_model_2c_eval", {"y_col": "y"}, scored.out())
        assert report.metrics == same.metrics
        assert report.metrics["auc"] == 1

    def test_three_classes(self, workspace: Workspace) -> None:
        labels = np.digitize(self.x, [-0.5, 0.5]).tolist()
        scored, report = self.measured(workspace, "forest", labels, n_estimators=5)
        same = workspace.run("algo_local_model_mc_eval", {"y_col": "y"}, scored.out())
        assert report.metrics == same.metrics
        assert report.metrics["auc"] > 0.9

    def test_whole_numbers_that_a_regression_predicts(self, workspace: Workspace) -> None:
        labels = np.digitize(self.x, [-0.5, 0.5]).tolist()
        _, report = self.measured(workspace, "forest", labels, n_estimators=5, task="regression")
        assert report.metrics["r2"] > 0.5

    def test_clusters_have_another_evaluation(self, workspace: Workspace) -> None:
        scored = self.scored(workspace, "kmeans", [0] * 60, x_cols=["a"])
        with pytest.raises(InvalidInput, match="algo_local_cluster_eval"):
            workspace.run("algo_local_model_eval", {"y_col": "y"}, scored.out())

    @pytest.mark.parametrize(
        ("labels", "measure"), [([0, 1, 1, 0], "tp"), (["u", "v", "w", "u"], "kappa"), ([0.5, 1, 2, 3], "rmse")]
    )
    def test_a_table_from_elsewhere(self, workspace: Workspace, labels: list[Any], measure: str) -> None:
        table = workspace.table({"y": labels, "predict_result": labels})
        assert measure in workspace.run("algo_local_model_eval", {"y_col": "y"}, table).metrics

    def test_one_class_against_the_others_is_scored_by_its_own_column(self, workspace: Workspace) -> None:
        labels = np.digitize(self.x, [-0.5, 0.5])
        scored = self.scored(workspace, "model_mc_l", labels.tolist(), y_col="y")
        likely = np.array(scored.columns()["predict_probability_1"])
        for algo in ("model_eval", "model_2c_eval"):
            report = workspace.run(f"algo_local_{algo}", {"y_col": "y", "pre_value": 1}, scored.out())
            assert report.metrics["auc"] == pytest.approx(sk.roc_auc_score(labels == 1, likely))

    def test_the_other_label_of_two_is_scored_by_its_own_column(self, workspace: Workspace) -> None:
        labels = (self.x > 0).astype(int).tolist()
        scored = self.scored(workspace, "model_2c_l", labels, y_col="y")
        given = {"y_col": "y", "pre_value": 0}
        assert workspace.run("algo_local_model_2c_eval", given, scored.out()).metrics["auc"] == 1
        bare = workspace.run("algo_local_select_columns", {"include": ["y", "predict_result"]}, scored.out())
        metrics = workspace.run("algo_local_model_2c_eval", given, bare.out()).metrics
        assert ("auc" in metrics, metrics["accuracy"] > 0.9) == (False, True)
        kept = {"include": ["y", "predict_result", "predict_probability"]}
        other = workspace.run("algo_local_select_columns", kept, scored.out())
        assert "auc" not in workspace.run("algo_local_model_2c_eval", given, other.out()).metrics
