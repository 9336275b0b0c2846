"""Every algorithm has a valid manifest, and every manifest an algorithm."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from celeriac import registry

MANIFESTS = sorted(registry.BUILTIN_DIR.glob("algo_*.json"))
by_name = pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)


@by_name
def test_a_manifest_follows_the_schema(path: Path) -> None:
    schema = json.loads((registry.BUILTIN_DIR / "manifest.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(json.loads(path.read_text(encoding="utf-8")))


@by_name
def test_its_parameters_are_a_valid_schema_whose_defaults_are_valid(path: Path) -> None:
    manifest = json.loads(path.read_text(encoding="utf-8"))
    params = manifest["params"]
    jsonschema.Draft202012Validator.check_schema(params)
    for name, spec in params["properties"].items():
        if name not in params.get("required", []):
            jsonschema.Draft202012Validator(spec).validate(spec["default"])


@by_name
def test_its_ports_are_numbered_from_zero(path: Path) -> None:
    manifest = json.loads(path.read_text(encoding="utf-8"))
    for side in ("inputs", "outputs"):
        assert [port["index"] for port in manifest[side]] == list(range(len(manifest[side])))


@by_name
def test_its_module_can_run(path: Path) -> None:
    assert callable(registry.find(path.stem).run)


def test_every_module_has_a_manifest() -> None:
    modules = {path.stem for path in registry.BUILTIN_DIR.glob("algo_*.py")}
    assert modules == {path.stem for path in MANIFESTS}


def test_the_issue_s_algorithms_are_all_there() -> None:
    listed = {manifest["algo_name"] for manifest in registry.manifests()}
    wanted = "read_file split_data model_2c_l model_gbdt model_predict model_2c_eval model_deploy standardize"
    wanted += " fill_missing select_columns kmeans cluster_eval label_encode pass_through"
    wanted += " model_forest model_linear model_mc_l regression_eval model_batch_predict model_mc_eval model_eval"
    assert listed == {f"algo_local_{name}" for name in wanted.split()}


def test_test_algorithms_are_listed_only_on_request() -> None:
    extra = {m["algo_name"] for m in registry.manifests(include_hidden=True)} - {
        m["algo_name"] for m in registry.manifests()
    }
    assert extra == {"algo_local_test_sleep", "algo_local_test_fail", "algo_local_test_crash"}
