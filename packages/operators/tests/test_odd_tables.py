"""What every algorithm that trains does with odd tables: a right model, or an error that says what to do.

`execute` lets an operator's own error through; anything else would reach the user as a message of scikit-learn.
"""

from __future__ import annotations

import re
from typing import Any

import pyarrow as pa
import pytest

from celeriac.artifacts.columns import matrix
from celeriac.artifacts.models import ModelArtifact
from celeriac.errors import InvalidInput, InvalidParams
from workspace import Result, Workspace

Columns = dict[str, Any]

TREES = {"n_estimators": 3}
CLASSIFIERS: dict[str, dict[str, Any]] = {
    "gbdt": {**TREES, "subsample": 0.5},
    "gbdt_early": {**TREES, "n_iter_no_change": 2, "validation_fraction": 0.2},
    "forest": {**TREES, "task": "classification", "oob_score": True, "class_weight": "balanced_subsample"},
    "2c_l": {},
    "2c_l_lbfgs": {"class_weight": "balanced", "solver": "lbfgs"},
    "mc_l": {},
    "mc_l_ovr": {"scheme": "ovr"},
}
REGRESSIONS: dict[str, dict[str, Any]] = {
    "gbdt_numbers": {**TREES, "task": "regression"},
    "gbdt_numbers_early": {**TREES, "task": "regression", "n_iter_no_change": 2},
    "forest_numbers": {**TREES, "task": "regression", "oob_score": True},
    "linear": {},
    "linear_lasso": {"method": "lasso"},
}
CLUSTERERS: dict[str, dict[str, Any]] = {
    "kmeans": {"n_clusters": 2, "k_max": 2},
    "kmeans_mini": {"n_clusters": 2, "mini_batch": True},
}
LEARNERS = CLASSIFIERS | REGRESSIONS | CLUSTERERS

ROWS = {"a": [0.1, 0.9, 0.3, 0.8, 0.2, 0.7], "b": [1.0, 5.0, 2.0, 4.0, 3.0, 6.0]}
TWO = [0, 1, 0, 1, 0, 1]

FINE = ""
NOT_FOR_REGRESSION = "a regression learns numbers"
ALONE = "is on one row only, and n_iter_no_change needs two of each"
FEW_CLUSTERS = "clusters need as many distinct rows"

# What is in the table; what a classifier, a regression and a clustering say of it (FINE: they make a model of it); and
# what single learners say that others of their kind do not.
CASES: dict[str, tuple[Columns, str, str, str, dict[str, str]]] = {
    "one row": (
        {"a": [0.5], "y": [1]}, "value", FINE, FEW_CLUSTERS,
        {"gbdt_numbers_early": "none are left to train on"},
    ),
    "two rows": ({"a": [0.5, 0.7], "y": [0, 1]}, FINE, FINE, FINE, {"gbdt_early": ALONE}),
    "three rows": ({"a": [0.5, 0.7, 0.1], "y": [0, 1, 0]}, FINE, FINE, FINE, {"gbdt_early": ALONE}),
    "no rows": (
        {"a": pa.array([], pa.float64()), "y": pa.array([], pa.int64())}, "no rows", "no rows", FEW_CLUSTERS, {},
    ),
    "one feature": ({"a": ROWS["a"], "y": TWO}, FINE, FINE, FINE, {}),
    "no feature": ({"y": TWO}, "no columns but the label", "no columns but the label", "no numeric columns", {}),
    "boolean features": ({"a": [True, False] * 3, "b": [False, False, True] * 2, "y": TWO}, FINE, FINE, FINE, {}),
    "boolean labels": ({**ROWS, "y": [True, False] * 3}, FINE, NOT_FOR_REGRESSION, FINE, {}),
    "text feature": ({**ROWS, "t": list("abcabc"), "y": TWO}, '"t" is string', '"t" is string', FINE, {}),
    "text labels": ({**ROWS, "y": ["no", "yes"] * 3}, FINE, NOT_FOR_REGRESSION, FINE, {}),
    "numbers as text labels": ({**ROWS, "y": ["10", "2"] * 3}, FINE, NOT_FOR_REGRESSION, FINE, {}),
    "labels in a dictionary": (
        {**ROWS, "y": pa.array(["no", "yes"] * 3).dictionary_encode()}, FINE, NOT_FOR_REGRESSION, FINE, {},
    ),
    "constant label": ({**ROWS, "y": [1] * 6}, "value", FINE, FINE, {}),
    "constant feature": ({"a": [2.0] * 6, "y": TWO}, FINE, FINE, FEW_CLUSTERS, {}),
    "a label on one row": ({**ROWS, "y": [0, 0, 0, 0, 0, 1]}, FINE, FINE, FINE, {"gbdt_early": ALONE}),
    "a missing label": (
        {**ROWS, "y": [0, 1, None, 1, 0, 1]}, "1 missing values; leave those rows out", "the first in row 2", FINE, {},
    ),
    "a label that is NaN": (
        {**ROWS, "y": [0.0, 1.0, float("nan"), 1.0, 0.0, 1.0]}, "1 missing values", "the first in row 2", FINE, {},
    ),
    "an infinite label": (
        {**ROWS, "y": [0.0, 1.0, float("inf"), 1.0, 0.0, 1.0]}, "not class labels", r"row 2 \(infinite", FINE, {},
    ),
    "no label at all": (
        {**ROWS, "y": pa.array([None] * 6, pa.float64())}, "6 missing values", "is missing in every row", FINE, {},
    ),
    "labels without a type": ({**ROWS, "y": pa.nulls(6)}, "6 missing values", NOT_FOR_REGRESSION, FINE, {}),
    "a feature that is missing in every row": (
        {**ROWS, "c": pa.array([None] * 6, pa.float64()), "y": TWO},
        *['"c" is missing in every row; leave it out'] * 3, {},
    ),
    "a feature without a type": ({**ROWS, "c": pa.nulls(6), "y": TWO}, '"c" is string', '"c" is string', FINE, {}),
    "labels 3, 7, 40": (
        {**ROWS, "y": [3, 7, 40] * 2}, FINE, FINE, FINE,
        {
            "gbdt_early": "parts the 6 rows into 4 and 2 .* each of the 3 labels",
            "2c_l": "must have exactly 2 distinct values, has 3: 3, 7, 40",
            "2c_l_lbfgs": "must have exactly 2 distinct values",
        },
    ),
    "labels -1 and 1": ({**ROWS, "y": [-1, 1] * 3}, FINE, FINE, FINE, {}),
    "a continuous target": (
        {**ROWS, "y": [0.5, 1.25, 2.0, 3.5, 0.1, 0.9]}, "with a fraction: .* train a regression", FINE, FINE,
        dict.fromkeys(("2c_l", "2c_l_lbfgs"), "with a fraction: .* train a regression"),
    ),
    "huge whole labels": ({**ROWS, "y": [2**60, 2**60 + 1] * 3}, "not class labels", FINE, FINE, {}),
    "labels beyond int64": (
        {**ROWS, "y": pa.array([2**64 - 1, 0] * 3, pa.uint64())}, r"beyond 2\^63: not class labels", FINE, FINE, {},
    ),
    # Of float64 they are one number.
    "huge whole features": ({"a": [2**62 + n for n in range(6)], "y": TWO}, FINE, FINE, FEW_CLUSTERS, {}),
    "features at the end of float64": (
        {"a": [1.7e308, -1.7e308] * 3, "y": TWO}, '"a" has values beyond', '"a" has values beyond', "beyond .* squares",
        {"2c_l_lbfgs": FINE, "mc_l": FINE},
    ),
    "decimal labels": (
        {**ROWS, "y": pa.array([1, 2] * 3, pa.decimal128(20, 2))},
        "labels are numbers, text or booleans", FINE, FINE, {},
    ),
    "dates as labels": (
        {**ROWS, "y": pa.array([0, 1] * 3, pa.timestamp("s"))}, "is datetime", NOT_FOR_REGRESSION, FINE, {},
    ),
    "dates as features": (
        {"a": pa.array(range(6), pa.timestamp("s")), "y": TWO},
        '"a" is datetime', '"a" is datetime', "no numeric columns", {},
    ),
    "lists as features": ({"a": [[1.0], [2.0]] * 3, "y": TWO}, '"a" is list', '"a" is list', "no numeric columns", {}),
}  # fmt: skip


def algo_of(learner: str) -> str:
    known = ("2c_l", "mc_l", "gbdt", "forest", "linear", "kmeans")
    name = next(name for name in known if learner.startswith(name))
    return f"algo_local_{name}" if name == "kmeans" else f"algo_local_model_{name}"


def fit(workspace: Workspace, learner: str, columns: Columns, **more: Any) -> Result:
    params = {**LEARNERS[learner], **more}
    if learner not in CLUSTERERS:
        params["y_col"] = "y"
    return workspace.run(algo_of(learner), params, workspace.table(pa.table(columns)))


def said(workspace: Workspace, learner: str, columns: Columns, **more: Any) -> str:
    """FINE, and then the model scores rows; else the operator's own error. Any other exception fails the test."""
    try:
        model = ModelArtifact(fit(workspace, learner, columns, **more).out()["uri"])
    except (InvalidInput, InvalidParams) as error:
        assert "scikit-learn cannot" not in str(error)
        return str(error)
    rows = matrix(pa.table(columns), model.features)
    assert len(model.score(rows).labels) == len(rows)
    return FINE


@pytest.mark.parametrize("learner", LEARNERS)
@pytest.mark.parametrize("case", CASES)
def test_a_model_or_what_is_wrong_with_the_table(workspace: Workspace, case: str, learner: str) -> None:
    columns, classifier, regression, clustering, own = CASES[case]
    of_kind = classifier if learner in CLASSIFIERS else regression if learner in REGRESSIONS else clustering
    expected = own.get(learner, of_kind)
    given = columns if learner not in CLUSTERERS else {name: c for name, c in columns.items() if name != "y"}
    answer = said(workspace, learner, given)
    assert (answer == FINE) == (expected == FINE), answer
    assert re.search(expected, answer), answer


WEIGHTS = {
    "of each row": ([1.0, 2.0, 1.5, 0.5, 1.0, 3.0], FINE),
    "of one label alone": ([1.0, 0.0] * 3, "one value only on rows with a positive weight"),
    "of no row": ([0.0] * 6, "no negative and some positive"),
    "below 0": ([1.0, -1.0] * 3, "no negative and some positive"),
    "that is missing": ([1.0, None] * 3, "missing"),
}


@pytest.mark.parametrize("learner", [name for name in CLASSIFIERS if name != "mc_l_ovr"])
@pytest.mark.parametrize("weights", WEIGHTS)
def test_a_classifier_with_weights(workspace: Workspace, weights: str, learner: str) -> None:
    column, expected = WEIGHTS[weights]
    answer = said(workspace, learner, {**ROWS, "y": TWO, "w": column}, weight_col="w")
    assert (answer == FINE) == (expected == FINE), answer
    assert re.search(expected, answer), answer


@pytest.mark.parametrize("learner", REGRESSIONS)
def test_a_regression_with_weights_on_one_row(workspace: Workspace, learner: str) -> None:
    """Parted for early stopping, one of the parts weighs nothing: there scikit-learn divides by zero."""
    columns = {**ROWS, "y": TWO, "w": [0.0, 0.0, 0.0, 5.0, 0.0, 0.0]}
    try:
        fit(workspace, learner, columns, weight_col="w")
    except InvalidInput as error:
        assert learner == "gbdt_numbers_early"
        assert "n_iter_no_change" in str(error)


@pytest.mark.parametrize("learner", LEARNERS)
def test_a_feature_named_twice(workspace: Workspace, learner: str) -> None:
    columns = {**ROWS, "y": TWO}
    with pytest.raises(InvalidParams, match="x_cols"):
        fit(workspace, learner, columns, x_cols=["a", "a"])


def test_columns_of_one_name_do_not_become_a_table(workspace: Workspace) -> None:
    twice = pa.table([pa.array([1.0, 2.0]), pa.array([3.0, 4.0]), pa.array([0, 1])], names=["a", "a", "y"])
    with pytest.raises(InvalidInput, match='two columns named "a"'):
        workspace.table(twice)
