"""Fitted scikit-learn estimators (1.2 to 1.9) as plain numbers.

linear    {"kind", "link", "outputs", "coefficients": [outputs x features], "intercepts": [outputs]}
boosted   {"kind", "link", "outputs", "base": [outputs], "trees": {...}}; tree i adds to output i % outputs
averaged  {"kind", "outputs", "trees": {...}}; a leaf has `outputs` values, the answer is their mean over the trees
kmeans    {"kind", "outputs": clusters, "centres": [clusters x features]}

Links turn outputs into probabilities: `logistic` (one output: that of the second label), `half_logistic` (of twice the
output), `softmax`, `softmax_of_two` (of minus and plus the one output), `one_vs_rest` (logistic, made to sum to 1);
`identity` leaves a value.

trees     {"count", "roots", "feature", "threshold", "left", "right", "values"}, packed; nodes of all trees in one row.
A node with feature -1 is a leaf and `left` its number. Features are cast to float32, thresholds are float64, `<=` goes
left. Leaf values of boosted trees are multiplied by the learning rate already.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import sklearn
from sklearn import cluster, dummy, ensemble, linear_model, multiclass, tree

from ..sklearn_compat import parse_version

BYTES_PER_NODE = 24  # four int32 and a double, without what base64 adds


class NotNative(Exception):
    """The model or its chain has no exact description; the text says why."""


def describe_estimator(estimator: Any, limit_bytes: int) -> dict[str, Any]:
    """The estimator as JSON, for descriptions of up to about `limit_bytes`. Raises NotNative."""
    # Exact types: a subclass may predict otherwise.
    describe = _DESCRIBERS.get(type(estimator))
    if describe is None:
        raise NotNative(f"{type(estimator).__name__} has no native scorer")
    nodes = sum(part.tree_.node_count for part in _trees(estimator))
    if nodes * BYTES_PER_NODE > limit_bytes:
        raise NotNative(f"its {nodes} tree nodes take more than {limit_bytes} bytes")
    return describe(estimator)


def _trees(estimator: Any) -> Iterable[Any]:
    if isinstance(estimator, tree.BaseDecisionTree):
        return [estimator]
    found = getattr(estimator, "estimators_", None)
    is_forest = isinstance(estimator, ensemble.BaseEnsemble)
    return np.ravel(found).tolist() if is_forest and found is not None else []


def _logistic_regression(model: Any) -> dict[str, Any]:
    return _linear(model.coef_, model.intercept_, _logistic_link(model))


def _logistic_link(model: Any) -> str:
    is_binary = len(model.classes_) == 2
    if parse_version(sklearn.__version__) >= (1, 8):
        return "logistic" if is_binary else "softmax"
    chosen = model.multi_class
    is_automatic = chosen in ("auto", "deprecated")
    if chosen in ("ovr", "warn") or (is_automatic and (is_binary or model.solver == "liblinear")):
        return "logistic" if is_binary else "one_vs_rest"
    return "softmax_of_two" if is_binary else "softmax"


def _one_vs_rest(model: Any) -> dict[str, Any]:
    parts = model.estimators_
    for part in parts:
        if type(part) is not linear_model.LogisticRegression or _logistic_link(part) != "logistic":
            raise NotNative(f"OneVsRestClassifier of {type(part).__name__} has no native scorer")
    if model.multilabel_:
        raise NotNative("OneVsRestClassifier of several labels a row has no native scorer")
    coefficients = np.concatenate([part.coef_ for part in parts])
    intercepts = np.concatenate([np.broadcast_to(part.intercept_, 1) for part in parts])
    return _linear(coefficients, intercepts, "logistic" if len(parts) == 1 else "one_vs_rest")


def _linear_regression(model: Any) -> dict[str, Any]:
    coefficients = np.atleast_2d(model.coef_)
    if len(coefficients) != 1:
        raise NotNative("regression of several targets has no native scorer")
    return _linear(coefficients, model.intercept_, "identity")


def _linear(coefficients: Any, intercepts: Any, link: str) -> dict[str, Any]:
    weights = np.asarray(coefficients, dtype=np.float64)
    added = np.broadcast_to(np.asarray(intercepts, dtype=np.float64), len(weights))
    _require_finite(weights, added)
    return {
        "kind": "linear",
        "link": link,
        "outputs": len(weights),
        "coefficients": weights.ravel().tolist(),
        "intercepts": added.tolist(),
    }


def _boosted(model: Any) -> dict[str, Any]:
    # The first guess is a constant, unless somebody gave an estimator for it.
    is_constant = isinstance(model.init_, str) or type(model.init_) in (dummy.DummyClassifier, dummy.DummyRegressor)
    if not is_constant:
        raise NotNative(f"{type(model).__name__} with init={type(model.init_).__name__} has no native scorer")
    outputs = model.estimators_.shape[1]
    base = np.ravel(model._raw_predict_init(np.zeros((1, model.n_features_in_), dtype=np.float32)))
    link = "identity"
    if isinstance(model, ensemble.GradientBoostingClassifier):
        binary = "half_logistic" if model.loss == "exponential" else "logistic"
        link = binary if outputs == 1 else "softmax"
    _require_finite(base)
    described = _packed(_trees(model), lambda part: model.learning_rate * part.tree_.value[:, 0, :1])
    return {"kind": "boosted", "link": link, "outputs": outputs, "base": base.tolist(), "trees": described}


def _averaged_classifier(model: Any) -> dict[str, Any]:
    _require_single_output(model)
    return {"kind": "averaged", "outputs": len(model.classes_), "trees": _packed(_trees(model), _shares)}


def _averaged_regressor(model: Any) -> dict[str, Any]:
    _require_single_output(model)
    described = _packed(_trees(model), lambda part: part.tree_.value[:, 0, :1])
    return {"kind": "averaged", "outputs": 1, "trees": described}


def _require_single_output(model: Any) -> None:
    if model.n_outputs_ != 1:
        raise NotNative(f"{type(model).__name__} of several targets has no native scorer")


def _shares(part: Any) -> np.ndarray:
    """Share of each class per node. Before 1.3 nodes hold weights, which `predict_proba` divides by their sum."""
    values = part.tree_.value[:, 0, :]
    sums = values.sum(axis=1, keepdims=True)
    if np.allclose(sums, 1, rtol=0, atol=1e-9):
        return values
    sums[sums == 0] = 1
    return values / sums


def _packed(parts: Iterable[Any], values_of: Callable[[Any], np.ndarray]) -> dict[str, Any]:
    columns: dict[str, list[np.ndarray]] = {k: [] for k in ("feature", "threshold", "left", "right", "values")}
    roots, nodes, leaves = [], 0, 0
    for part in parts:
        inner = part.tree_
        is_leaf = inner.children_left < 0
        count = int(is_leaf.sum())
        numbers = leaves + np.cumsum(is_leaf) - 1
        roots.append(nodes)
        columns["feature"].append(np.where(is_leaf, -1, inner.feature))
        columns["threshold"].append(np.where(is_leaf, 0.0, inner.threshold))
        columns["left"].append(np.where(is_leaf, numbers, inner.children_left + nodes))
        columns["right"].append(np.where(is_leaf, 0, inner.children_right + nodes))
        columns["values"].append(values_of(part)[is_leaf].ravel())
        nodes, leaves = nodes + inner.node_count, leaves + count
    joined = {key: np.concatenate(arrays) for key, arrays in columns.items()}
    _require_finite(joined["threshold"], joined["values"])
    kinds = {"threshold": "<f8", "values": "<f8"}
    packed = {key: _base64(array, kinds.get(key, "<i4")) for key, array in joined.items()}
    return {"count": len(roots), "roots": _base64(np.asarray(roots), "<i4"), **packed}


def _base64(array: np.ndarray, kind: str) -> str:
    return base64.b64encode(np.ascontiguousarray(array, dtype=kind).tobytes()).decode()


def _kmeans(model: Any) -> dict[str, Any]:
    centres = np.asarray(model.cluster_centers_)
    if centres.dtype != np.float64:
        raise NotNative(f"k-means fitted in {centres.dtype} has no native scorer")
    _require_finite(centres)
    return {"kind": "kmeans", "outputs": len(centres), "centres": centres.ravel().tolist()}


def _require_finite(*arrays: np.ndarray) -> None:
    if not all(np.isfinite(array).all() for array in arrays):
        raise NotNative("the model holds numbers that are not finite")


_DESCRIBERS: dict[type, Callable[[Any], dict[str, Any]]] = {
    linear_model.LogisticRegression: _logistic_regression,
    multiclass.OneVsRestClassifier: _one_vs_rest,
    **dict.fromkeys(
        (linear_model.LinearRegression, linear_model.Ridge, linear_model.Lasso, linear_model.ElasticNet),
        _linear_regression,
    ),
    **dict.fromkeys((ensemble.GradientBoostingClassifier, ensemble.GradientBoostingRegressor), _boosted),
    **dict.fromkeys(
        (
            ensemble.RandomForestClassifier,
            ensemble.ExtraTreesClassifier,
            tree.DecisionTreeClassifier,
            tree.ExtraTreeClassifier,
        ),
        _averaged_classifier,
    ),
    **dict.fromkeys(
        (
            ensemble.RandomForestRegressor,
            ensemble.ExtraTreesRegressor,
            tree.DecisionTreeRegressor,
            tree.ExtraTreeRegressor,
        ),
        _averaged_regressor,
    ),
    **dict.fromkeys((cluster.KMeans, cluster.MiniBatchKMeans), _kmeans),
}
