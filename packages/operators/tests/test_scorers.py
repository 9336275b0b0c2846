"""scorer.json: what converts, what does not, and what the deploying operator says about it."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeRegressor

from celeriac.artifacts import scorer_models
from celeriac.artifacts.scorer_models import NotNative, describe_estimator
from celeriac.artifacts.scorer_steps import describe_chain
from celeriac.errors import InvalidParams
from celeriac.transforms import FillMissing, LabelEncode, Rename, Standardize
from workspace import Result, Workspace

RANDOM = np.random.default_rng(3)
X = RANDOM.normal(size=(60, 3))
Y = (X[:, 0] + 0.2 * X[:, 1] > 0).astype(int)
LIMIT = 1 << 20
TABLE = {"a": X[:, 0].tolist(), "b": X[:, 1].tolist(), "y": Y.tolist()}


def inputs(**kinds: str) -> list[dict[str, Any]]:
    return [{"name": name, "type": kind, "nullable": True} for name, kind in kinds.items()]


def unpacked(text: str, kind: str) -> list[float]:
    return np.frombuffer(base64.b64decode(text), dtype=kind).tolist()


def test_numbers_are_lossless() -> None:
    model = LogisticRegression().fit(X, Y)
    described = json.loads(json.dumps(describe_estimator(model, LIMIT)))
    assert described["coefficients"] == model.coef_[0].tolist()
    assert described["intercepts"] == model.intercept_.tolist()
    assert (described["link"], described["outputs"]) == ("logistic", 1)


def test_trees_are_rows_of_nodes_with_numbered_leaves() -> None:
    model = DecisionTreeRegressor(max_depth=2).fit(X, X[:, 2] * 3)
    trees = describe_estimator(model, LIMIT)["trees"]
    inner, feature = model.tree_, unpacked(trees["feature"], "<i4")
    leaves = [node for node in range(inner.node_count) if inner.children_left[node] < 0]
    assert [node for node, at in enumerate(feature) if at < 0] == leaves
    assert unpacked(trees["values"], "<f8") == inner.value[leaves, 0, 0].tolist()
    assert [unpacked(trees["left"], "<i4")[node] for node in leaves] == list(range(len(leaves)))
    assert trees["count"] == 1 and unpacked(trees["roots"], "<i4") == [0]


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (GaussianNB(), "GaussianNB has no native scorer"),
        (HistGradientBoostingClassifier(max_iter=2), "HistGradientBoostingClassifier has no native scorer"),
        (GradientBoostingClassifier(n_estimators=2, init=LogisticRegression()), "init=LogisticRegression"),
        (OneVsRestClassifier(GaussianNB()), "OneVsRestClassifier of GaussianNB"),
        (type("Own", (LogisticRegression,), {})(), "Own has no native scorer"),
    ],
)
def test_an_estimator_that_may_predict_otherwise_does_not_convert(model: Any, reason: str) -> None:
    with pytest.raises(NotNative, match=reason):
        describe_estimator(model.fit(X, Y), LIMIT)


def test_models_of_several_targets_do_not_convert() -> None:
    with pytest.raises(NotNative, match="several targets"):
        describe_estimator(LinearRegression().fit(X, X[:, :2]), LIMIT)
    with pytest.raises(NotNative, match="several targets"):
        describe_estimator(DecisionTreeRegressor().fit(X, X[:, :2]), LIMIT)


def test_a_constant_first_guess_of_any_kind_converts() -> None:
    given = GradientBoostingClassifier(n_estimators=2, init=DummyClassifier(strategy="prior")).fit(X, Y)
    default = GradientBoostingClassifier(n_estimators=2).fit(X, Y)
    assert describe_estimator(given, LIMIT)["base"] == pytest.approx(describe_estimator(default, LIMIT)["base"])


def test_a_forest_too_large_to_describe_is_not_even_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    model = RandomForestClassifier(5, random_state=0).fit(X, Y)
    monkeypatch.setattr(scorer_models, "_packed", lambda *_: pytest.fail("it was begun"))
    with pytest.raises(NotNative, match="tree nodes take more than 100 bytes"):
        describe_estimator(model, 100)


def test_weights_of_leaves_become_shares() -> None:
    model = RandomForestClassifier(3, random_state=0).fit(X, Y)
    shares = describe_estimator(model, LIMIT)["trees"]["values"]
    for part in model.estimators_:  # as scikit-learn before 1.3 stored them

        class Inner:
            value = part.tree_.value * 17

        class Old:
            tree_ = Inner

        assert np.allclose(scorer_models._shares(Old), part.tree_.value[:, 0, :], rtol=0, atol=1e-15)
    assert np.allclose(np.reshape(unpacked(shares, "<f8"), (-1, 2)).sum(axis=1), 1)


def test_a_logistic_regression_of_an_earlier_release_keeps_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    two, three = LogisticRegression().fit(X, Y), LogisticRegression().fit(X, Y + (X[:, 2] > 0))

    def link(model: Any, version: str, chosen: str, solver: str = "lbfgs") -> str:
        monkeypatch.setattr(scorer_models.sklearn, "__version__", version)
        model.multi_class, model.solver = chosen, solver
        return scorer_models._logistic_link(model)

    assert link(two, "1.2.2", "auto") == link(two, "1.7.2", "deprecated") == link(two, "1.2.2", "ovr") == "logistic"
    assert link(two, "1.2.2", "multinomial") == "softmax_of_two"
    assert link(three, "1.5.0", "ovr") == link(three, "1.2.2", "auto", "liblinear") == "one_vs_rest"
    assert link(three, "1.2.2", "auto") == link(three, "1.8.0", "ovr") == "softmax"


def test_a_chain_becomes_steps_over_registers() -> None:
    table = pa.table({"a": [1, None, 3], "g": ["x", "?", None]})
    chain = [
        FillMissing.fit(
            table, [("a", "mean", None), ("g", "constant", "x")], match=["empty"], tokens=["?", 9], indicator=True
        ),
        Rename({"rename": {"a": "b"}}),
        LabelEncode.fit(
            table,
            ["g"],
            {"g": ["y", "x"]},
            order="sorted",
            unknown="error",
            unknown_code=-1,
            inverse=False,
            suffix="_i",
        ),
    ]
    described = describe_chain(chain, inputs(a="number", g="string"), ["b", "g_i", "a_missing"])
    assert described["registers"] == {"numbers": 4, "texts": 1}
    assert (described["loads"], described["features"]) == ([0, 0], [0, 3, 1])
    assert described["steps"] == [
        {"op": "blank_number", "at": 0, "tokens": [9.0]},
        {"op": "mark_number", "at": 0, "to": 1},
        {"op": "fill_number", "at": 0, "value": 2.0},
        {"op": "blank_text", "at": 0, "tokens": ["?", "9"], "spaces": True},
        {"op": "mark_text", "at": 0, "to": 2},
        {"op": "fill_text", "at": 0, "value": "x"},
        {"op": "encode_text", "at": 0, "to": 3, "column": "g", "values": ["y", "x"], "unknown": None},
    ]


def encoder(values: list[Any], **more: Any) -> LabelEncode:
    spec = {"name": "a", "dtype": "int64", "values": values}
    return LabelEncode(
        {"columns": [spec], "unknown": "code", "unknown_code": -1, "inverse": False, "suffix": None, **more}
    )


SCALER = Standardize({"columns": [{"name": "a", "mean": 0.0, "scale": 1.0}], "suffix": None})


@pytest.mark.parametrize(
    ("chain", "kind", "reason"),
    [
        ([], "datetime", 'the input "a" is a datetime'),
        ([], "string", 'the feature "a" is not a number'),
        ([encoder(["x"], inverse=True)], "number", "decoded from indexes"),
        ([encoder([1, "x"])], "number", "compared as text"),
        ([SCALER], "string", "to be standardised is string"),
    ],
)
def test_a_chain_that_arrow_must_run_does_not_convert(chain: list[Any], kind: str, reason: str) -> None:
    with pytest.raises(NotNative, match=reason):
        describe_chain(chain, inputs(a=kind), ["a"])


def trained(workspace: Workspace) -> Result:
    params = {"x_cols": ["a", "b"], "y_col": "y"}
    return workspace.run("algo_local_model_2c_l", params, workspace.table(TABLE))


def test_the_operator_writes_a_scorer_and_names_it(workspace: Workspace) -> None:
    deployed = workspace.run("algo_local_model_deploy", {"tolerance": 1e-9}, trained(workspace).out())
    sidecar = deployed.sidecar()
    assert sidecar["scorer"] == {"file": "scorer.json", "reason": None}
    assert "scorer.json" in sidecar["files"]
    assert sidecar["tolerance"] == 1e-9
    assert deployed.json("scorer.json")["feature_names"] == ["a", "b"]


def test_python_can_be_asked_for(workspace: Workspace) -> None:
    deployed = workspace.run("algo_local_model_deploy", {"runtime": "python"}, trained(workspace).out())
    sidecar = deployed.sidecar()
    assert sidecar["scorer"] == {"file": None, "reason": "the deployment asked for Python"}
    assert "scorer.json" not in sidecar["files"]


def test_what_does_not_convert_is_python_s_or_fails_where_native_was_asked_for(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = trained(workspace)
    monkeypatch.setattr(scorer_models, "_DESCRIBERS", {})
    reason = "LogisticRegression has no native scorer"
    deployed = workspace.run("algo_local_model_deploy", {}, model.out())
    assert deployed.sidecar()["scorer"] == {"file": None, "reason": reason}
    with pytest.raises(InvalidParams, match=reason):
        workspace.run("algo_local_model_deploy", {"runtime": "native"}, model.out())


def test_a_broken_description_leaves_the_model_to_python(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    model = trained(workspace)

    def broken(_: Any) -> dict[str, Any]:
        raise AttributeError("coef_")

    monkeypatch.setitem(scorer_models._DESCRIBERS, LogisticRegression, broken)
    deployed = workspace.run("algo_local_model_deploy", {}, model.out())
    assert deployed.sidecar()["scorer"] == {"file": None, "reason": "AttributeError: coef_"}


def test_the_scores_of_the_training_rows_are_kept(workspace: Workspace) -> None:
    deployed = workspace.run("algo_local_model_deploy", {}, trained(workspace).out())
    histogram = deployed.sidecar()["score_histogram"]
    assert histogram == deployed.raw["deployment"]["score_histogram"]
    assert (histogram["score"], histogram["rows"], len(histogram["edges"])) == ("predict_probability", 60, 11)
    assert histogram["edges"] == sorted(histogram["edges"])
    assert histogram["shares"] == pytest.approx([0.1] * 10)


def test_each_cluster_has_its_share(workspace: Workspace) -> None:
    params = {"x_cols": ["a", "b"], "n_clusters": 4}
    model = workspace.run("algo_local_kmeans", params, workspace.table(TABLE))
    histogram = workspace.run("algo_local_model_deploy", {}, model.out()).sidecar()["score_histogram"]
    sizes = model.sidecar()["summary"]["sizes"]
    assert histogram["score"] == "cluster"
    assert histogram["edges"] == [0, 1, 2, 3, 4]
    assert histogram["shares"] == pytest.approx([size / 60 for size in sizes])


def test_equal_scores_share_a_bin(workspace: Workspace) -> None:
    constant = {"a": [1.0] * 40, "y": [0, 1] * 20}
    model = workspace.run("algo_local_model_2c_l", {"y_col": "y"}, workspace.table(constant))
    histogram = workspace.run("algo_local_model_deploy", {}, model.out()).sidecar()["score_histogram"]
    assert histogram["shares"] == [1]
    assert len(histogram["edges"]) == 2


def test_serving_fills_forward_within_a_row_only() -> None:
    table = pa.table({"a": [5.0, None, 7.0, None]})
    fill = FillMissing.fit(table, [("a", "ffill", None)], match=[], tokens=[], indicator=False)
    assert fill.apply(table).column("a").to_pylist() == [5, 5, 7, 7]
    assert fill.apply(table, serving=True).column("a").to_pylist() == [5, 5, 7, 5]
