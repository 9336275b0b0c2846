"""algo_local_model_deploy and serving."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from celeriac.algorithms import algo_local_model_deploy
from celeriac.errors import ArtifactNotFound, InvalidParams
from celeriac.serving import LoadedDeployments
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
    assert description["algorithm"] == "algo_local_model_2c_l"
    assert {"python", "scikit_learn", "pandas", "pyarrow"} <= description["library_versions"].keys()


def test_served_answers_are_those_of_the_pipeline(workspace: Workspace) -> None:
    model, scaled = pipeline(workspace)
    deployed = deploy(workspace, model)
    offline = workspace.run("algo_local_model_predict", {}, scaled.out(), model.out()).columns()
    raw = {key: RAW[key] for key in ("income", "grade", "old_name")}
    by_age = {(g, age): i for i, (g, age) in enumerate(zip(offline["grade"], offline["age"], strict=True))}
    served = LoadedDeployments().predict(
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
    answers = LoadedDeployments().predict(deployed.out()["uri"], [row["input"] for row in sample], None)
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
    answers = LoadedDeployments().predict(deployed.out()["uri"], [[30]], ["old_name"])["predictions"]
    assert answers == [{"predict_result": answers[0]["cluster"], "cluster": answers[0]["cluster"]}]
    outputs = deployed.raw["deployment"]["signature"]["outputs"]
    assert [output["name"] for output in outputs] == list(answers[0])  # what protocols say that the model answers


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
        LoadedDeployments().predict(uri, [row], None)
    assert caught.value.details == [{"path": path, "expected": expected, "got": got}]


@pytest.mark.parametrize(
    ("algo", "params", "value", "expected", "got"),
    [
        ("forest", {"n_estimators": 2}, 3.5e38, 'a number that the model can take as "income"', "3.5e+38"),
        ("gbdt", {"n_estimators": 2}, -3.5e38, 'a number that the model can take as "income"', "-3.5e+38"),
        ("linear", {}, 1e308, "a row for which the answer of the model is finite", "another"),
        ("2c_l", {}, 10**400, "number", "1" + "0" * 98 + "…"),
    ],
)
def test_numbers_too_large_for_the_model_are_refused_by_row(
    workspace: Workspace, algo: str, params: dict, value: Any, expected: str, got: str
) -> None:
    columns = {"income": [0.0, 1.0, 2.0, 3.0], "y": [0, 0, 1, 1] if algo != "linear" else [0.0, 1e3, 2e3, 3e3]}
    model = workspace.run(f"algo_local_model_{algo}", {"y_col": "y", **params}, workspace.table(columns))
    uri = deploy(workspace, model, runtime="python").out()["uri"]
    with pytest.raises(InvalidParams) as caught:
        LoadedDeployments().predict(uri, [[1], [value]], None)
    path = "rows[1].income" if algo == "2c_l" else "rows[1]"
    assert caught.value.details == [{"path": path, "expected": expected, "got": got}]


def test_a_column_may_take_the_name_of_one_that_was_dropped(workspace: Workspace) -> None:
    encoded = workspace.run(
        "algo_local_label_encode", {"columns": ["grade"], "keep_original": True, "suffix": "_i"}, workspace.table(RAW)
    )
    kept = {"include": ["grade_i", "old_name", "y"], "rename": {"old_name": "grade"}}
    renamed = workspace.run("algo_local_select_columns", kept, encoded.out())
    model = workspace.run("algo_local_model_2c_l", {"y_col": "y"}, renamed.out())
    deployed = deploy(workspace, model, runtime="native")
    expected = workspace.run("algo_local_model_predict", {}, renamed.out(), model.out()).columns()[
        "predict_probability"
    ]
    rows = [{"grade": g, "old_name": age} for g, age in zip(RAW["grade"], RAW["old_name"], strict=True)]
    answers = LoadedDeployments().predict(deployed.out()["uri"], rows, None)["predictions"]
    assert [answer["predict_probability"] for answer in answers] == pytest.approx(expected, abs=1e-12)


def test_the_sample_of_a_wide_table_is_short(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(algo_local_model_deploy, "SAMPLE_CELLS", 7)
    assert len(deploy(workspace, pipeline(workspace)[0]).json("sample.json")["rows"]) == 2


def test_unknown_columns_are_ignored_and_missing_nullable_ones_filled(workspace: Workspace) -> None:
    uri = deploy(workspace, pipeline(workspace)[0]).out()["uri"]
    cache = LoadedDeployments()
    with_null = cache.predict(uri, [{"income": None, "grade": "odd", "old_name": 30, "extra": 1}], None)
    assert cache.predict(uri, [{"grade": "odd", "old_name": 30}], None) == with_null
    assert cache.predict(uri, [], None)["predictions"] == []


def test_deployments_stay_loaded_until_they_are_unloaded(workspace: Workspace) -> None:
    model, _ = pipeline(workspace)
    uris = [deploy(workspace, model, name=f"m{i}").out()["uri"] for i in range(2)]
    loaded = LoadedDeployments()
    first, second = loaded.get(uris[0]), loaded.get(uris[1])
    loaded.unload([uris[1], "file:///never/loaded"])
    assert loaded.get(uris[0]) is first
    assert loaded.get(uris[1]) is not second
    with pytest.raises(ArtifactNotFound):
        loaded.get(uris[0].replace("run-1", "run-2"))


def test_a_load_tells_its_memory_and_what_batches_of_one_two_and_three_cost(workspace: Workspace) -> None:
    uri = deploy(workspace, pipeline(workspace)[0]).out()["uri"]
    answer = LoadedDeployments().load(uri, [[1, "low", 30], [2, "mid", 31]])
    assert answer["bytes"] > 0
    assert [rows for rows, _ in answer["timings"]] == [1, 2, 3]
    assert all(seconds > 0 for _, seconds in answer["timings"])


def test_a_warm_up_that_fails_does_not_fail_the_load(workspace: Workspace) -> None:
    uri = deploy(workspace, pipeline(workspace)[0]).out()["uri"]
    assert LoadedDeployments().load(uri, [["x"]])["timings"] == []


def test_a_signature_too_long_for_a_message_stays_in_the_sidecar(workspace: Workspace) -> None:
    wide = {f"a_rather_long_column_name_{i}": [float(i), float(i + 1), 0.0, 2.0] for i in range(900)}
    model = workspace.run("algo_local_model_2c_l", {"y_col": "y"}, workspace.table({**wide, "y": [0, 1, 0, 1]}))
    deployed = deploy(workspace, model)
    assert len(json.dumps(deployed.raw)) < 64 * 1024
    assert deployed.raw["deployment"]["signature"] is None
    assert len(deployed.sidecar()["signature"]["inputs"]) == 900
