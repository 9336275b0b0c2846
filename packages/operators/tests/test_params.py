"""Parameters against manifests."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from celeriac import params, registry
from celeriac.errors import InvalidParams

SCHEMAS = {path.stem: json.loads(path.read_text())["params"] for path in registry.BUILTIN_DIR.glob("algo_*.json")}
scalars = st.none() | st.booleans() | st.integers(-5, 300) | st.floats(-2, 2, allow_nan=False) | st.text(max_size=4)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


def prepare(algo: str, **given: Any) -> dict[str, Any]:
    return params.prepare(f"algo_local_{algo}", SCHEMAS[f"algo_local_{algo}"], given)


def refused(algo: str, **given: Any) -> str:
    with pytest.raises(InvalidParams) as caught:
        prepare(algo, **given)
    return caught.value.message


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_the_checker_agrees_with_the_jsonschema_package(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(SCHEMAS)))
    schema = SCHEMAS[name]
    given_params = {}
    for key in data.draw(st.lists(st.sampled_from([*schema["properties"], "unknown"]), max_size=6, unique=True)):
        spec = schema["properties"].get(key, {})
        usual = [v for v in (spec.get("default"), *spec.get("enum", [])) if v is not None] or ["x"]
        given_params[key] = data.draw(values | st.sampled_from(usual))
    expected = jsonschema.Draft202012Validator(schema).is_valid(given_params)
    assert params.is_valid(schema, given_params) == expected


def test_defaults_are_filled_in_and_interface_flags_left_out() -> None:
    out = prepare("model_2c_l", y_col="y", senior=True)
    assert out["solver"] == "liblinear"
    assert "senior" not in out


def test_whole_floats_count_as_integers() -> None:
    out = prepare("model_gbdt", y_col="y", n_estimators=10.0, min_samples_leaf=1.0)
    assert out["n_estimators"] == 10
    assert isinstance(out["min_samples_leaf"], int)


def test_every_problem_is_named_at_once() -> None:
    message = refused("model_gbdt", n_estimator=10, max_depth="5", learning_rate=-1)
    assert "y_col: is required" in message
    assert 'n_estimator: is not a parameter; did you mean "n_estimators"?' in message
    assert 'max_depth: must be integer or null, got string "5"' in message
    assert "learning_rate: must be at least 0, got -1" in message


def test_values_withdrawn_since_2018_are_refused_with_the_reason() -> None:
    assert '"mae" is not supported: withdrawn in scikit-learn' in refused("model_gbdt", y_col="y", criterion="mae")
    assert "no equivalent" in refused("model_gbdt", y_col="y", min_impurity_split=0.01)


@pytest.mark.parametrize(
    ("algo", "given_params", "message"),
    [
        ("split_data", {"ext1": 1}, "split_type 1 (ratio) needs ext1 between 0 and 1"),
        ("split_data", {"ext1": 0.5, "ext2": 3}, "split_type 1 (ratio)"),
        ("split_data", {"split_type": 2, "ext1": "a"}, "split_type 2 (threshold) needs"),
        ("split_data", {"split_type": 3, "ext1": "a", "ext2": 1}, "split_type 3 (modulo) needs"),
        ("split_data", {"split_type": 4}, "split_type: must be one of 1, 2, 3; got 4"),
        ("split_data", {"shuffle": False, "stratify": "a"}, "stratify needs shuffle"),
        ("read_file", {}, "exactly one of data_id and uri must be given"),
        ("read_file", {"data_id": 1, "uri": "/x"}, "exactly one of data_id and uri must be given"),
        ("model_2c_l", {"y_col": "y", "penalty": None}, "solver liblinear supports penalty l1 and l2"),
        ("model_2c_l", {"y_col": "y", "solver": "lbfgs", "penalty": "l1"}, "support penalty l2 and null"),
        ("model_2c_l", {"y_col": "y", "solver": "saga", "penalty": "elasticnet"}, "l1_ratio is given with"),
        ("model_2c_l", {"y_col": "y", "l1_ratio": 0.5}, "l1_ratio is given with"),
        ("model_2c_l", {"y_col": "y", "dual": True, "penalty": "l1"}, "dual: true needs solver liblinear"),
        ("model_2c_l", {"y_col": "y", "multi_class": "multinomial"}, "liblinear does not support multi_class"),
        ("fill_missing", {"strategy": "constant"}, "strategy constant needs fill_value"),
        ("kmeans", {"k_max": 5, "init": [[1.0]]}, "k_max needs init"),
        ("model_2c_l", {"y_col": True}, "y_col: must be string, got boolean true"),
        ("kmeans", {"x_cols": ["a", "a"]}, 'x_cols: repeats "a"'),
    ],
)
def test_combinations_are_refused_with_a_clear_message(algo: str, given_params: dict, message: str) -> None:
    assert message in refused(algo, **given_params)


def test_an_unknown_schema_keyword_is_a_bug_in_the_manifest() -> None:
    with pytest.raises(ValueError, match="multipleOf"):
        params.is_valid({"multipleOf": 2}, 3)
