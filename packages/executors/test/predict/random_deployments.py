"""Random models behind random chains, deployed by our own writer, with Python's answers to rows they have not seen.

    python random_deployments.py DIRECTORY SEED

writes deployments below DIRECTORY and prints one JSON line each: {"name", "uri", "rows", "answers"}; the answer is null
for a row that Python refuses.
"""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import ElasticNet, Lasso, LinearRegression, LogisticRegression, Ridge
from sklearn.multiclass import OneVsRestClassifier
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from celeriac.artifacts import uris
from celeriac.artifacts.columns import logical_type, matrix
from celeriac.artifacts.commit import Outputs
from celeriac.artifacts.deployments import Deployment, signature, write_deployment
from celeriac.artifacts.models import ModelArtifact, write_model
from celeriac.artifacts.transforms import write_transform
from celeriac.errors import OperatorError
from celeriac.transforms import FillMissing, LabelEncode, Rename, Standardize, Transform

ROWS, UNSEEN = 160, 40
TEXTS = ["red", "green", "blue", "ünï", "10", " spaced "]
LINEAR = {"solver": "liblinear"}

MODELS: dict[str, tuple[str, Any]] = {
    "logistic": ("two", lambda: LogisticRegression(**LINEAR)),
    "logistic_balanced": ("two", lambda: LogisticRegression(class_weight="balanced", C=30)),
    "multinomial": ("many", lambda: LogisticRegression(max_iter=300)),
    "one_vs_rest": ("many", lambda: OneVsRestClassifier(LogisticRegression(class_weight="balanced", **LINEAR))),
    "one_vs_rest_of_two": ("two", lambda: OneVsRestClassifier(LogisticRegression(**LINEAR))),
    "ols": ("value", LinearRegression),
    "ridge": ("value", lambda: Ridge(alpha=2.0, fit_intercept=False)),
    "lasso": ("value", lambda: Lasso(alpha=0.05)),
    "elastic_net": ("value", lambda: ElasticNet(alpha=0.05)),
    "boosted": ("two", lambda: GradientBoostingClassifier(n_estimators=25, subsample=0.8)),
    "boosted_exponential": ("two", lambda: GradientBoostingClassifier(n_estimators=15, loss="exponential")),
    "boosted_from_zero": ("two", lambda: GradientBoostingClassifier(n_estimators=9, init="zero", max_leaf_nodes=7)),
    "boosted_many": ("many", lambda: GradientBoostingClassifier(n_estimators=12, max_features="sqrt")),
    "boosted_many_from_zero": ("many", lambda: GradientBoostingClassifier(n_estimators=5, init="zero", ccp_alpha=0.1)),
    "boosted_value": ("value", lambda: GradientBoostingRegressor(n_estimators=20)),
    "boosted_huber": ("value", lambda: GradientBoostingRegressor(n_estimators=12, loss="huber")),
    "boosted_quantile": ("value", lambda: GradientBoostingRegressor(n_estimators=12, loss="quantile")),
    "forest": ("two", lambda: RandomForestClassifier(n_estimators=15, class_weight="balanced")),
    "forest_many": ("many", lambda: RandomForestClassifier(n_estimators=11, max_leaf_nodes=20)),
    "forest_of_few_rows": ("many", lambda: RandomForestClassifier(n_estimators=7, max_samples=0.2, ccp_alpha=0.05)),
    "forest_of_leaves": ("two", lambda: RandomForestClassifier(n_estimators=3, min_samples_leaf=ROWS)),
    "forest_value": ("value", lambda: RandomForestRegressor(n_estimators=12)),
    "extra_trees": ("many", lambda: ExtraTreesClassifier(n_estimators=9, max_depth=6)),
    "extra_trees_value": ("value", lambda: ExtraTreesRegressor(n_estimators=9)),
    "tree": ("many", lambda: DecisionTreeClassifier(class_weight="balanced")),
    "tree_value": ("value", lambda: DecisionTreeRegressor(max_depth=5)),
    "kmeans_of_one": ("clusters", lambda: KMeans(1, n_init=1)),
    "kmeans": ("clusters", lambda: KMeans(4, n_init=2)),
    "mini_batch_kmeans": ("clusters", lambda: MiniBatchKMeans(3, n_init=2)),
}
LABELS: dict[str, list[list[Any]]] = {
    "two": [["no", "yes"], [0, 1], [False, True], [1.0, 1e16]],
    "many": [["a", "b", "c"], [10, 2, 33, -4], [-2.0, 1e16, 3.0]],
}


def raw_table(random: np.random.Generator, rows: int, *, unseen: bool) -> pa.Table:
    """Numbers of different scale, some missing; text with tokens, blanks and unknown values; booleans."""
    texts = [*TEXTS, "?", " \t", ""] + (["never seen", "RED"] if unseen else [])
    missing = random.random((rows, 2)) < 0.15

    def holed(values: list[Any], column: int) -> list[Any]:
        return [None if is_missing else v for v, is_missing in zip(values, missing[:, column], strict=True)]

    return pa.table(
        {
            "amount": pa.array(holed((random.normal(0, 1, rows) * 10.0 ** random.integers(-3, 6)).tolist(), 0)),
            "age": pa.array(random.integers(0, 90, rows).tolist()),
            "grade": pa.array([texts[i] for i in random.integers(0, len(texts), rows)]),
            "is_new": pa.array(holed((random.random(rows) < 0.4).tolist(), 1)),
            "ratio": pa.array(random.random(rows).tolist()),
            "code": pa.array([float(v) for v in random.integers(1, 5, rows)]),
        }
    )


def random_chain(random: np.random.Generator, table: pa.Table) -> tuple[list[Transform], pa.Table, list[str]]:
    """Fits a chain on the table; returns it, what it makes of the table, and the features."""
    chain: list[Transform] = []

    def add(transform: Transform) -> None:
        nonlocal table
        chain.append(transform)
        table = transform.apply(table)

    def one_of(*values: Any) -> Any:
        return values[random.integers(len(values))]

    plan = [
        ("amount", one_of("mean", "median", "min", "constant", "ffill"), 1.25),
        ("grade", one_of("mode", "constant"), "other"),
        ("is_new", one_of("mode", "constant"), True),
        ("age", "median", None),
    ]
    plan = [(name, strategy, value if strategy == "constant" else None) for name, strategy, value in plan]
    add(FillMissing.fit(table, plan, match=["null", "empty"], tokens=["?", 13, 0], indicator=one_of(True, False)))
    if one_of(True, False):
        add(Rename({"rename": {"age": "years", "ratio": "share"}}))
    age, ratio = ("years", "share") if "years" in table.column_names else ("age", "ratio")
    encode: dict[str, Any] = {
        "inverse": False,
        "order": one_of("appearance", "frequency", "sorted"),
        "unknown_code": -1,
    }
    if one_of(True, True, False):
        given = {"grade": one_of(["blue", "red", "blue"], [*TEXTS, "other", 10])}
        add(LabelEncode.fit(table, ["grade"], given, unknown="code", suffix=None, **encode))
    else:
        add(LabelEncode.fit(table, ["grade"], {}, unknown="error", suffix=None, **encode))
    add(LabelEncode.fit(table, ["code"], {"code": [4, 2.0, 1]}, unknown="code", suffix="_index", **encode))
    spread: dict[str, Any] = {"with_mean": one_of(True, False), "with_std": one_of(True, False), "ddof": one_of(0, 1)}
    add(Standardize.fit(table, [age, "amount", "is_new"], suffix=None, **spread))
    add(Standardize.fit(table, [ratio], suffix="_z", **spread))
    made = [age, "amount", "grade", "is_new", f"{ratio}_z", ratio, "code_index"]
    made += [name for name in ("amount_missing", "grade_missing") if name in table.column_names]
    order = random.permutation(len(made))
    return chain, table, [made[i] for i in order[: random.integers(1, len(made) + 1)]]


def labels_of(random: np.random.Generator, kind: str, x: np.ndarray) -> np.ndarray:
    signal = x @ random.normal(0, 1, x.shape[1]) / (x.std() + 1) + random.normal(0, 0.3, len(x))
    if kind in ("value", "clusters"):
        return signal * 1_000
    labels = LABELS[kind][random.integers(len(LABELS[kind]))]
    cuts = np.quantile(signal, np.linspace(0, 1, len(labels) + 1)[1:-1])
    return np.asarray(labels, dtype=object if isinstance(labels[0], str) else None)[np.searchsorted(cuts, signal)]


def deploy(root: str, name: str, random: np.random.Generator) -> dict[str, Any]:
    kind, make = MODELS[name]
    estimator = make()
    if "random_state" in estimator.get_params():
        estimator.set_params(random_state=int(random.integers(1 << 30)))
    raw = raw_table(random, ROWS, unseen=False)
    chain, table, names = random_chain(random, raw)
    x = matrix(table, names)
    y = labels_of(random, kind, x)
    estimator.fit(x, y)
    classes = np.unique(y).tolist() if kind in LABELS else None
    task = {"value": "regression", "clusters": "clustering"}.get(kind, "classification")
    positive = classes[random.integers(2)] if kind == "two" and classes else None
    features = [{"name": n, "dtype": logical_type(table.schema.field(n).type)} for n in names]
    facts = {"task": task, "classes": classes, "positive": positive, "features": features}

    outputs = Outputs(uris.join(root, "models", name))
    write_model(outputs.place("0"), estimator, facts)
    places = [f"t{i}" for i in range(len(chain))]
    for place, transform in zip(places, chain, strict=True):
        write_transform(outputs.place(place), transform, {})
    outputs.commit({})
    model = ModelArtifact(outputs.uri("0"))
    accepted = signature(model, chain)
    inputs = [spec["name"] for spec in accepted["inputs"]]

    deployed = Outputs(uris.join(root, "deployments", name))
    sidecar = {"name": name, "signature": accepted}
    chain_uris = [outputs.uri(place) for place in places]
    write_deployment(deployed.place("0"), model, chain_uris, sidecar, raw.select(inputs).slice(0, 20), "native")
    deployed.commit({})
    uri = deployed.uri("0")
    rows = raw_table(random, UNSEEN, unseen=True).select(inputs).to_pylist()
    return {"name": name, "uri": uri, "rows": rows, "answers": [answer(Deployment.load(uri), row) for row in rows]}


def answer(deployment: Deployment, row: dict[str, Any]) -> Any:
    try:
        return deployment.predict([row])[0]
    except OperatorError:
        return None


def main() -> None:
    root, seed = uris.from_path(Path(sys.argv[1])), int(sys.argv[2])
    with contextlib.redirect_stdout(sys.stderr):  # the writer prints what it did
        made = [deploy(root, name, np.random.default_rng([seed, index])) for index, name in enumerate(MODELS)]
    for line in made:
        print(json.dumps(line))


if __name__ == "__main__":
    main()
