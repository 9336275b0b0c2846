"""algo_local_model_mc_l, and what follows a model of more than two classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from celeriac.artifacts.deployments import Deployment
from celeriac.artifacts.models import ModelArtifact
from celeriac.errors import InvalidInput, InvalidParams
from workspace import Result, Workspace

RANDOM = np.random.default_rng(3)
X = RANDOM.normal(size=(150, 2))
LABELS = np.array(["u", "v", "w"])[np.digitize(X[:, 0] + RANDOM.normal(scale=0.5, size=150), [-0.5, 0.5])]
COLUMNS = {"a": X[:, 0].tolist(), "b": X[:, 1].tolist(), "y": LABELS.tolist()}


def train(workspace: Workspace, columns: dict[str, list] = COLUMNS, **params: Any) -> Result:
    return workspace.run("algo_local_model_mc_l", {"y_col": "y", **params}, workspace.table(columns))


def probabilities(result: Result) -> np.ndarray:
    return ModelArtifact(result.out()["uri"]).score(X).probabilities


def test_multinomial_is_scikit_learns(workspace: Workspace) -> None:
    result = train(workspace, C=0.5, tol=1e-8, class_weight={"v": 2})
    expected = LogisticRegression(C=0.5, tol=1e-8, class_weight={"v": 2}).fit(X, LABELS)
    np.testing.assert_allclose(probabilities(result), expected.predict_proba(X), atol=1e-12)
    sidecar = result.sidecar()
    assert (sidecar["task"], sidecar["classes"], sidecar["positive"]) == (
        "multiclass_classification", ["u", "v", "w"], None,
    )  # fmt: skip
    assert [c["label"] for c in sidecar["summary"]["classes"]] == ["u", "v", "w"]
    assert sidecar["metrics"]["converged"] == 1


def test_each_class_against_the_rest_is_scikit_learns(workspace: Workspace) -> None:
    result = train(workspace, scheme="ovr", class_weight="balanced", tol=1e-8)
    binary = LogisticRegression(solver="liblinear", class_weight="balanced", tol=1e-8)
    expected = OneVsRestClassifier(binary).fit(X, LABELS)
    np.testing.assert_allclose(probabilities(result), expected.predict_proba(X), atol=1e-9)
    assert len(result.sidecar()["summary"]["classes"]) == 3


@pytest.mark.parametrize("scheme", ["multinomial", "ovr"])
def test_two_classes_do_as_well(workspace: Workspace, scheme: str) -> None:
    result = train(workspace, {**COLUMNS, "y": (LABELS == "u").tolist()}, scheme=scheme)
    sidecar = result.sidecar()
    assert (sidecar["task"], sidecar["positive"]) == ("binary_classification", True)
    assert [c["label"] for c in sidecar["summary"]["classes"]] == ["true"]
    assert probabilities(result).shape == (150, 2)


def test_weights_count_rows(workspace: Workspace) -> None:
    weights = (np.arange(150) % 3).astype(float)
    result = train(workspace, {**COLUMNS, "w": weights.tolist()}, weight_col="w", tol=1e-8)
    expected = LogisticRegression(tol=1e-8).fit(X, LABELS, weights)
    np.testing.assert_allclose(probabilities(result), expected.predict_proba(X), atol=1e-12)


def test_it_says_when_the_solver_gave_up(workspace: Workspace) -> None:
    assert train(workspace, max_iter=1).metrics["converged"] == 0


@pytest.mark.parametrize("algo", ["mc_l", "gbdt", "forest"])
def test_a_model_of_three_classes_is_scored_and_served(workspace: Workspace, algo: str) -> None:
    trees = {} if algo == "mc_l" else {"n_estimators": 4}
    table = workspace.table(COLUMNS)
    model = workspace.run(f"algo_local_model_{algo}", {"y_col": "y", **trees}, table)
    scored = workspace.run("algo_local_model_predict", {}, table, model.out()).columns()
    likely = [scored[f"predict_probability_{label}"] for label in "uvw"]
    assert scored["predict_probability"] == np.max(likely, axis=0).tolist()
    assert scored["predict_result"] == np.array(["u", "v", "w"])[np.argmax(likely, axis=0)].tolist()
    deployed = workspace.run("algo_local_model_deploy", {"name": "m"}, model.out())
    answer = Deployment.load(deployed.out()["uri"]).predict([{"a": COLUMNS["a"][0], "b": COLUMNS["b"][0]}])[0]
    assert answer["predict_result"] == scored["predict_result"][0]
    assert list(answer["probabilities"].values()) == pytest.approx([column[0] for column in likely], abs=1e-12)


@pytest.mark.parametrize(
    ("columns", "params", "error", "message"),
    [
        ({"y": ["u"] * 150}, {}, InvalidInput, "has one value only"),
        ({"y": [f"l{i}" for i in range(150)] * 10, "a": [0.0] * 1500, "b": [1.0] * 1500}, {}, None, ""),
        ({"y": list(range(1500)), "a": [0.0] * 1500, "b": [1.0] * 1500}, {}, InvalidInput, "1500 values: not a class"),
        ({}, {"solver": "liblinear"}, InvalidParams, "solver liblinear needs scheme ovr"),
        ({}, {"penalty": "l1"}, InvalidParams, "solver lbfgs supports penalty l2 and null"),
        ({}, {"scheme": "ovr", "penalty": None}, InvalidParams, "solver liblinear supports penalty l1 and l2"),
        ({}, {"scheme": "ovr", "class_weight": {"u": 1}}, InvalidParams, "scheme ovr takes no weights"),
        ({"a": [-2e30] * 150}, {"scheme": "ovr"}, InvalidInput, 'feature "a" has values beyond ±1e+30'),
        ({}, {"pre_value": "z"}, InvalidParams, "pre_value: z is not one of the labels in the data: u, v, w"),
    ],
)
def test_errors(workspace: Workspace, columns: dict, params: dict, error: type | None, message: str) -> None:
    if error is None:
        assert len(train(workspace, COLUMNS | columns, max_iter=1).sidecar()["classes"]) == 150
        return
    with pytest.raises(error) as caught:
        train(workspace, COLUMNS | columns, **params)
    assert message in caught.value.message
