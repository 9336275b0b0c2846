"""The parameter mapping, version by version; and every mapping is accepted by the installed scikit-learn."""

from __future__ import annotations

import json
import math
import warnings
from typing import Any

import numpy as np
import pytest
import sklearn
from sklearn.cluster import KMeans
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from celeriac import registry
from celeriac.params import prepare
from celeriac.sklearn_compat import Mapping, map_gbdt, map_kmeans, map_logistic, parse_version

VERSIONS = ["1.2", "1.4", "1.6", "1.8", "1.9"]
OWN = {
    "x_cols",
    "y_col",
    "pre_value",
    "weight_col",
    "task",
    "n_clusters",
    "k_max",
    "mini_batch",
    "batch_size",
    "silhouette_sample",
}
MAPPERS = {"model_2c_l": map_logistic, "model_gbdt": map_gbdt, "kmeans": map_kmeans}


def mapped(algo: str, version: str, **given: Any) -> Mapping:
    name = f"algo_local_{algo}"
    schema = json.loads((registry.BUILTIN_DIR / f"{name}.json").read_text())["params"]
    given = given if algo == "kmeans" else {"y_col": "y", **given}
    params = {key: value for key, value in prepare(name, schema, given).items() if key not in OWN}
    return MAPPERS[algo](params, parse_version(version))


def actions(mapping: Mapping) -> dict[str, tuple[str, Any]]:
    return {record["param"]: (record["action"], record["to"]) for record in mapping.records}


@pytest.mark.parametrize("version", VERSIONS)
def test_logistic_regression_of_the_canonical_document(version: str) -> None:
    mapping = mapped("model_2c_l", version, penalty="l2", C=1, multi_class="ovr", n_jobs=1, solver="liblinear")
    expected = {"multi_class": ("dropped", None)}
    if parse_version(version) >= (1, 8):
        expected["penalty"] = ("renamed", {"l1_ratio": 0.0})
        assert "penalty" not in mapping.kwargs
    else:
        assert mapping.kwargs["penalty"] == "l2"
        assert "l1_ratio" not in mapping.kwargs
    assert actions(mapping) == expected
    assert not {"multi_class", "n_jobs", "warm_start"} & mapping.kwargs.keys()
    assert mapping.kwargs["solver"] == "liblinear"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("none", ["none", "None", None])
def test_no_penalty(version: str, none: str | None) -> None:
    mapping = mapped("model_2c_l", version, solver="lbfgs", penalty=none, class_weight="none")
    if parse_version(version) >= (1, 8):
        assert mapping.kwargs["C"] == math.inf
    else:
        assert mapping.kwargs["penalty"] is None
    assert mapping.kwargs["class_weight"] is None
    assert ("penalty" in actions(mapping)) == (none is not None)


def test_jobs_are_recorded_only_when_they_asked_for_something() -> None:
    assert actions(mapped("model_2c_l", "1.6", n_jobs=4)) == {"n_jobs": ("dropped", None)}


@pytest.mark.parametrize("version", VERSIONS)
def test_gbdt_of_the_canonical_document(version: str) -> None:
    mapping = mapped(
        "model_gbdt", version, loss="deviance", criterion="friedman_mse", presort="auto", min_impurity_split=None
    )
    expected = {
        "loss": ("rewritten", "log_loss"),
        "presort": ("dropped", None),
        "random_state": ("rewritten", 0),
    }
    if parse_version(version) >= (1, 9):
        expected["criterion"] = ("dropped", None)
        assert "criterion" not in mapping.kwargs
    else:
        assert mapping.kwargs["criterion"] == "friedman_mse"
    assert actions(mapping) == expected


@pytest.mark.parametrize("version", VERSIONS)
def test_gbdt_criterion_mse(version: str) -> None:
    mapping = mapped("model_gbdt", version, criterion="mse", random_state=1)
    if parse_version(version) >= (1, 9):
        assert actions(mapping) == {"criterion": ("dropped", None)}
    else:
        assert actions(mapping) == {"criterion": ("rewritten", "squared_error")}


@pytest.mark.parametrize("version", VERSIONS)
def test_kmeans(version: str) -> None:
    mapping = mapped(
        "kmeans",
        version,
        algorithm="full",
        n_init="auto",
        init="random",
        precompute_distances="auto",
        n_jobs=2,
        random_state=5,
    )
    assert actions(mapping) == {
        "algorithm": ("rewritten", "lloyd"),
        "n_init": ("rewritten", 10),
        "precompute_distances": ("dropped", None),
        "n_jobs": ("dropped", None),
    }


@pytest.mark.parametrize(
    ("algo", "estimator", "given"),
    [
        ("model_2c_l", LogisticRegression, {"multi_class": "auto", "n_jobs": 3, "class_weight": "None"}),
        ("model_2c_l", LogisticRegression, {"solver": "saga", "penalty": "elasticnet", "l1_ratio": 0.5}),
        ("model_2c_l", LogisticRegression, {"solver": "newton-cholesky", "penalty": None}),
        ("model_2c_l", LogisticRegression, {"dual": True, "verbose": False}),
        ("model_gbdt", GradientBoostingClassifier, {"loss": "deviance", "criterion": "mse", "presort": True}),
        (
            "model_gbdt",
            GradientBoostingClassifier,
            {"max_features": "auto", "min_impurity_split": 1e-7, "subsample": 1},
        ),
        ("model_gbdt", GradientBoostingClassifier, {"loss": "exponential", "ccp_alpha": 0.01, "min_samples_leaf": 0.1}),
        ("kmeans", KMeans, {"algorithm": "elkan", "copy_x": False}),
    ],
)
def test_the_installed_scikit_learn_takes_it_without_complaint(algo: str, estimator: type, given: dict) -> None:
    kwargs = mapped(algo, sklearn.__version__, **given).kwargs
    x, y = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2
    with warnings.catch_warnings():
        warnings.simplefilter("error", FutureWarning)
        warnings.simplefilter("error", DeprecationWarning)
        warnings.filterwarnings("error", message=".*(n_jobs|l1_ratio|penalty).*")
        warnings.filterwarnings("ignore", message=".*(converge|max_iter).*")
        # scikit-learn 1.8 says this of its own translation of C = infinity
        warnings.filterwarnings("ignore", message="Setting penalty=None will ignore the C")
        estimator(**kwargs).fit(x, y)
