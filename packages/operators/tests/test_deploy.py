"""algo_local_model_deploy and serving."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from celeriac.errors import ArtifactNotFound, InvalidParams
from celeriac.serving import DeploymentCache
from workspace import Result, Workspace

RANDOM = np.random.default_rng(5)
N = 120
INCOME = [None if i % 10 == 0 else float(v) for i, v in enumerate(RANDOM.normal(50, 10, N))]
GRADE = [["low", "mid", "high"][i % 3] for i in range(N)]
RAW = {
    "note": ["x"] * N,
    "income": INCOME,
    "grade": GRADE,
    "old_name": RANDOM.integers(20, 60, N).tolist(),
    "y": [int((v or 50) + 8 * (g == "high") > 52) for v, g in zip(INCOME, GRADE, strict=True)],
}


def pipeline(workspace: Workspace) -> tuple[Result, Result]:
    """fill -> encode -> rename -> split -> standardize -> train; returns the trained model and the prepared rows."""
    filled = workspace.run("algo_local_fill_missing", {"columns": ["income"]}, workspace.table(RAW))
    template = {"grade": ["low", "mid", "high"]}
    encoded = workspace.run("algo_local_label_encode", {"template": template}, filled.out())
    renamed = workspace.run("algo_local_select_columns", {"rename": {"old_name": "age"}}, encoded.out())
    parts = workspace.run("algo_local_split_data", {"ext1": 0.7}, renamed.out())
    scaled = workspace.run("algo_local_standardize", {"columns": ["income", "age"]}, parts.out())
    model = workspace.run("algo_local_model_2c_l", {"x_cols": ["income", "grade", "age"], "y_col": "y"}, scaled.out())
    return model, scaled


def deploy(workspace: Workspace, model: Result, *reports: Any, **params: Any) -> Result:
    return workspace.run("algo_local_model_deploy", params, model.out(), *reports)


def test_the_signature_is_that_of_the_raw_rows(workspace: Workspace) -> None:
    model, _ = pipeline(workspace)
    description = deploy(workspace, model, name="credit").raw["deployment"]
    assert description["signature"]["inputs"] == [
        {"name": "income", "type": "number", "nullable": True},
        {"name": "grade", "type": "string", "nullable": True},
        {"name": "old_name", "type": "number", "nullable": False},
    ]
    assert (description["name"], description["alias"]) == ("credit", "candidate")
    assert description["data_hash"].startswith("sha256:")
    assert {"python", "scikit_learn", "pandas", "pyarrow"} <= description["library_versions"].keys()


def test_served_answers_are_those_of_the_pipeline(workspace: Workspace) -> None:
    model, scaled = pipeline(workspace)
    deployed = deploy(workspace, model)
    offline = workspace.run("algo_local_model_predict", {}, scaled.out(), model.out()).columns()
    raw = {key: RAW[key] for key in ("income", "grade", "old_name")}
    by_age = {(g, age): i for i, (g, age) in enumerate(zip(offline["grade"], offline["age"], strict=True))}
    served = DeploymentCache().predict(
        deployed.out()["uri"], [dict(zip(raw, row, strict=True)) for row in zip(*raw.values(), strict=True)], None
    )["predictions"]
    assert len(served) == N
    offline_set = {round(p, 9) for p in offline["predict_probability"]}
    assert offline_set <= {round(answer["predict_probability"], 9) for answer in served}
    assert by_age
    assert set(served[0]) == {"predict_result", "predict_probability", "probabilities"}
    assert set(served[0]["probabilities"]) == {"0", "1"}


def test_the_sample_holds_raw_rows_with_python_s_answers(workspace: Workspace) -> None:
    model, _ = pipeline(workspace)
    deployed = deploy(workspace, model, sample_rows=20)
    sample = deployed.json("sample.json")["rows"]
    assert len(sample) == 20
    assert sample[0]["input"].keys() == {"income", "grade", "old_name"}
    answers = DeploymentCache().predict(deployed.out()["uri"], [row["input"] for row in sample], None)
    assert [row["output"] for row in sample] == answers["predictions"]


def test_metrics_of_a_wired_report_go_along(workspace: Workspace) -> None:
    model, scaled = pipeline(workspace)
    scored = workspace.run("algo_local_model_predict", {}, scaled.out(), model.out())
    report = workspace.run("algo_local_model_2c_eval", {"y_col": "y"}, scored.out())
    description = deploy(workspace, model, report.out(), alias=None).raw["deployment"]
    assert description["metrics"]["auc"] == report.metrics["auc"]
    assert description["alias"] is None
    assert description["name"] == "model_2c_l"


def test_cluster_models_are_served(workspace: Workspace) -> None:
    model = workspace.run("algo_local_kmeans", {"x_cols": ["old_name"]}, workspace.table(RAW))
    deployed = deploy(workspace, model)
    answers = DeploymentCache().predict(deployed.out()["uri"], [[30]], ["old_name"])["predictions"]
    assert answers == [{"predict_result": answers[0]["cluster"], "cluster": answers[0]["cluster"]}]


@pytest.mark.parametrize(
    ("row", "path", "expected", "got"),
    [
        ({"income": 1, "grade": "low"}, "rows[0].old_name", "number", "nothing"),
        ({"income": 1, "grade": "low", "old_name": None}, "rows[0].old_name", "number", "null"),
        ({"income": "1", "grade": "low", "old_name": 30}, "rows[0].income", "number", '"1"'),
        ({"income": True, "grade": "low", "old_name": 30}, "rows[0].income", "number", "true"),
        ({"income": 1, "grade": 3, "old_name": 30}, "rows[0].grade", "string", "3"),
        ([1, "low"], "rows[0]", "an object, or a list of 3 values", "a list of 2"),
        ("x", "rows[0]", "an object, or a list of 3 values", '"x"'),
    ],
)
def test_rows_that_do_not_fit_are_refused_by_field(
    workspace: Workspace, row: Any, path: str, expected: str, got: str
) -> None:
    uri = deploy(workspace, pipeline(workspace)[0]).out()["uri"]
    with pytest.raises(InvalidParams) as caught:
        DeploymentCache().predict(uri, [row], None)
    assert caught.value.details == [{"path": path, "expected": expected, "got": got}]


def test_unknown_columns_are_ignored_and_missing_nullable_ones_filled(workspace: Workspace) -> None:
    uri = deploy(workspace, pipeline(workspace)[0]).out()["uri"]
    cache = DeploymentCache()
    with_null = cache.predict(uri, [{"income": None, "grade": "odd", "old_name": 30, "extra": 1}], None)
    assert cache.predict(uri, [{"grade": "odd", "old_name": 30}], None) == with_null
    assert cache.predict(uri, [], None)["predictions"] == []


def test_only_the_last_deployments_stay_loaded(workspace: Workspace) -> None:
    model, _ = pipeline(workspace)
    uris = [deploy(workspace, model, name=f"m{i}").out()["uri"] for i in range(3)]
    cache = DeploymentCache(size=2)
    first = cache.get(uris[0])
    assert cache.get(uris[1]) and cache.get(uris[0]) is first
    assert cache.get(uris[2]) and cache.get(uris[0]) is first
    with pytest.raises(ArtifactNotFound):
        cache.get(uris[0].replace("run-1", "run-2"))


def test_a_signature_too_long_for_a_message_stays_in_the_sidecar(workspace: Workspace) -> None:
    wide = {f"a_rather_long_column_name_{i}": [float(i), float(i + 1), 0.0, 2.0] for i in range(900)}
    model = workspace.run("algo_local_model_2c_l", {"y_col": "y"}, workspace.table({**wide, "y": [0, 1, 0, 1]}))
    deployed = deploy(workspace, model)
    assert len(json.dumps(deployed.raw)) < 64 * 1024
    assert deployed.raw["deployment"]["signature"] is None
    assert len(deployed.sidecar()["signature"]["inputs"]) == 900
