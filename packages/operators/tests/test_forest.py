"""algo_local_model_forest: the forest is scikit-learn's, whatever chunks and threads it was grown in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from celeriac.algorithms import algo_local_model_forest as forest
from celeriac.artifacts.models import ModelArtifact
from celeriac.errors import InvalidInput, InvalidParams
from celeriac.training import TrainingSet
from workspace import Result, Workspace

RANDOM = np.random.default_rng(5)
X = RANDOM.normal(size=(150, 4))
SCORE = X[:, 0] + X[:, 1] * X[:, 2] + RANDOM.normal(scale=0.3, size=150)
FEATURES = {name: X[:, i].tolist() for i, name in enumerate("abcd")}
LABELS = np.digitize(SCORE, [-0.5, 0.5])
CLASSES = {**FEATURES, "y": LABELS.tolist()}
NUMBERS = {**FEATURES, "y": SCORE.tolist()}


def train(workspace: Workspace, columns: dict[str, list], **params: Any) -> Result:
    return workspace.run("algo_local_model_forest", {"y_col": "y", **params}, workspace.table(columns))


def probabilities(result: Result) -> np.ndarray:
    return ModelArtifact(result.out()["uri"]).score(X).probabilities


@pytest.fixture(params=[0.0, 60.0], ids=["a tree per chunk", "doubling chunks"])
def chunks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forest, "CHUNK_S", request.param)


@pytest.mark.usefixtures("chunks")
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"max_depth": 3, "class_weight": "balanced", "criterion": "entropy", "max_features": 2},
        {"class_weight": "balanced_subsample", "max_samples": 0.5, "min_samples_leaf": 3, "random_state": 9},
        {"bootstrap": False, "max_leaf_nodes": 6, "max_features": 0.5, "class_weight": {"0": 1, "1": 2, "2": 1}},
    ],
)
def test_classes(workspace: Workspace, params: dict[str, Any]) -> None:
    result = train(workspace, CLASSES, n_estimators=11, **params)
    arguments = {"random_state": 0, **params}
    if isinstance(arguments.get("class_weight"), dict):
        arguments["class_weight"] = {0: 1, 1: 2, 2: 1}
    expected = RandomForestClassifier(n_estimators=11, **arguments).fit(X, LABELS)
    np.testing.assert_array_equal(probabilities(result), expected.predict_proba(X))
    np.testing.assert_array_equal(
        [item["importance"] for item in result.sidecar()["summary"]["importances"]],
        np.sort(expected.feature_importances_)[::-1],
    )


@pytest.mark.usefixtures("chunks")
@pytest.mark.parametrize("params", [{}, {"criterion": "absolute_error", "max_depth": 4}, {"max_features": "log2"}])
def test_numbers(workspace: Workspace, params: dict[str, Any]) -> None:
    result = train(workspace, NUMBERS, n_estimators=7, oob_score=True, **params)
    expected = RandomForestRegressor(n_estimators=7, oob_score=True, random_state=0, **params).fit(X, SCORE)
    found = ModelArtifact(result.out()["uri"])
    np.testing.assert_array_equal(found.score(X).labels, expected.predict(X))
    assert result.metrics["oob_score"] == expected.oob_score_
    assert result.metrics["train_r2"] == pytest.approx(expected.score(X, SCORE))
    assert (found.sidecar["task"], found.classes, found.positive) == ("regression", [], None)


def test_the_out_of_bag_score_of_all_trees(workspace: Workspace) -> None:
    result = train(workspace, CLASSES, n_estimators=15, oob_score=True)
    expected = RandomForestClassifier(n_estimators=15, oob_score=True, random_state=0).fit(X, LABELS)
    assert result.metrics["oob_score"] == expected.oob_score_
    assert result.metrics["trees"] == 15
    assert result.metrics["depth"] == max(tree.get_depth() for tree in expected.estimators_)
    assert result.metrics["leaves"] == sum(tree.get_n_leaves() for tree in expected.estimators_)


@pytest.mark.usefixtures("chunks")
def test_trees_are_grown_once() -> None:
    class Watch:
        """The context that `grow` needs: after each chunk, the trees there are."""

        def __init__(self) -> None:
            self.grown: list[list[Any]] = []

        def progress(self, done: int, total: int, _message: str) -> None:
            assert (done, total) == (len(model.estimators_), 6)
            self.grown.append(list(model.estimators_))

    watch, model = Watch(), RandomForestClassifier(6, random_state=0, n_jobs=1)
    features = [{"name": name, "dtype": "float64"} for name in "abcd"]
    forest.grow(watch, model, TrainingSet(features, X, LABELS, None), wants_oob=False)
    assert [len(trees) for trees in watch.grown] in ([1, 2, 3, 4, 5, 6], [1, 3, 6])
    for trees in watch.grown:
        assert all(tree is kept for tree, kept in zip(trees, model.estimators_, strict=False))


def test_threads_change_nothing_and_are_not_stored(workspace: Workspace) -> None:
    many = train(workspace, CLASSES, n_estimators=9, n_jobs=-1)
    np.testing.assert_array_equal(
        probabilities(many), RandomForestClassifier(9, random_state=0).fit(X, LABELS).predict_proba(X)
    )
    estimator = ModelArtifact(many.out()["uri"]).estimator
    assert (estimator.n_jobs, estimator.warm_start, estimator.n_estimators) == (None, False, 9)


def test_threads_are_bounded_by_the_processors() -> None:
    assert forest.usable_jobs(None) == 1
    assert forest.usable_jobs(256) == forest.usable_jobs(-1) <= 256


def test_weights_count_rows(workspace: Workspace) -> None:
    weights = (np.arange(150) % 4).astype(float)
    result = train(workspace, {**CLASSES, "w": weights.tolist()}, weight_col="w", n_estimators=5)
    expected = RandomForestClassifier(5, random_state=0).fit(X, LABELS, weights)
    np.testing.assert_array_equal(probabilities(result), expected.predict_proba(X))


def test_auto_decides_by_the_labels(workspace: Workspace) -> None:
    for column, task in (
        (["u", "v"] * 75, "binary_classification"),
        ([True, False] * 75, "binary_classification"),
        ([i % 20 for i in range(150)], "multiclass_classification"),
        ([i % 21 for i in range(150)], "regression"),
        ([0.5, 1.0] * 75, "regression"),
    ):
        result = train(workspace, {**FEATURES, "y": column}, n_estimators=1, max_depth=1)
        assert result.sidecar()["task"] == task


def test_the_report_shows_the_importances(workspace: Workspace) -> None:
    result = train(workspace, NUMBERS, n_estimators=5)
    assert {name for name, _ in result.chart("importances", 1)["bars"]} == set("abcd")
    assert result.sidecar(1)["metrics"].keys() >= {"trees", "train_r2", "train_seconds"}


@pytest.mark.parametrize(
    ("columns", "params", "error", "message"),
    [
        ({"y": [1] * 150}, {}, InvalidInput, "has one value only"),
        ({"y": ["u", None] * 75}, {}, InvalidInput, "has 75 missing values"),
        ({"y": ["u", "v"] * 75}, {"task": "regression"}, InvalidInput, "a regression learns numbers"),
        ({"y": [2**60, 2**60 + 1] * 75}, {}, InvalidInput, "which JSON does not carry exactly"),
        ({}, {"class_weight": {"7": 1}}, InvalidParams, "class_weight: 7 is not one of the labels"),
        ({}, {"criterion": "poisson"}, InvalidParams, "poisson is no criterion of a classification"),
        ({"y": SCORE.tolist()}, {"class_weight": "balanced"}, InvalidParams, "a regression has no classes"),
        ({"y": SCORE.tolist()}, {"criterion": "poisson"}, InvalidParams, "poisson needs labels that are not negative"),
        ({}, {"task": "regression", "pre_value": 1}, InvalidParams, "task regression has no classes"),
        ({}, {"bootstrap": False, "oob_score": True}, InvalidParams, "need bootstrap: true"),
        ({}, {"n_jobs": 0}, InvalidParams, "n_jobs"),
    ],
)
def test_errors(workspace: Workspace, columns: dict, params: dict, error: type, message: str) -> None:
    with pytest.raises(error) as caught:
        train(workspace, CLASSES | columns, **params)
    assert message in caught.value.message
