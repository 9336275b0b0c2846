"""algo_local_standardize, algo_local_fill_missing, algo_local_label_encode and algo_local_select_columns."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.preprocessing import StandardScaler

from celeriac.errors import InvalidInput, InvalidParams
from workspace import Result, Workspace


def apply(
    workspace: Workspace, algo: str, table: dict[str, list[Any]], transform: Any = None, /, **params: Any
) -> Result:
    return workspace.run(f"algo_local_{algo}", params, workspace.table(table), transform)


GAPS = {
    "i": [1, None, 3, 3],
    "f": [None, 1.0, 2.0, 6.0],
    "s": ["b", "a", None, "a"],
    "b": [True, None, True, False],
}
NAMED = {"a": [1], "b1": [2], "b2": [3], "c": [4]}


class TestStandardize:
    @given(hnp.arrays(np.float64, st.tuples(st.integers(2, 30), st.just(2)), elements=st.floats(-1e6, 1e6)))
    def test_statistics_are_those_of_scikit_learn(self, values: np.ndarray) -> None:
        import pyarrow as pa

        from celeriac.transforms import Standardize

        table = pa.table({"a": values[:, 0], "b": values[:, 1]})
        fitted = Standardize.fit(table, ["a", "b"], with_mean=True, with_std=True, ddof=0, suffix=None)
        scaler = StandardScaler().fit(values)
        means = [spec["mean"] for spec in fitted.state["columns"]]
        np.testing.assert_allclose(means, scaler.mean_, rtol=1e-9, atol=1e-6)
        for spec, expected in zip(fitted.state["columns"], scaler.scale_, strict=True):
            # a spread of rounding size: both call it none, not always at the same value
            assert spec["scale"] == pytest.approx(expected, rel=1e-6) or spec["scale"] == 1 or expected == 1

    def test_a_wired_transform_is_applied_and_passed_on(self, workspace: Workspace) -> None:
        fitted = apply(workspace, "standardize", {"a": [0, 2], "s": ["x", "y"]})
        other = apply(workspace, "standardize", {"a": [4], "s": ["z"]}, fitted.out(1))
        assert fitted.columns() == {"a": [-1.0, 1.0], "s": ["x", "y"]}
        assert other.columns()["a"] == [3.0]
        assert other.out(1)["uri"] == fitted.out(1)["uri"]
        assert other.sidecar()["transforms"] == [fitted.out(1)["uri"]]

    def test_missing_stays_missing_and_a_constant_becomes_zero(self, workspace: Workspace) -> None:
        result = apply(workspace, "standardize", {"a": [1.0, None, 3.0], "k": [5, 5, 5]})
        assert result.columns() == {"a": [-1.0, None, 1.0], "k": [0.0, 0.0, 0.0]}

    def test_exclude_ddof_and_kept_originals(self, workspace: Workspace) -> None:
        result = apply(workspace, "standardize", {"a": [0, 2], "y": [0, 1]}, exclude=["y"], ddof=1, keep_original=True)
        assert result.columns() == {
            "a": [0, 2],
            "y": [0, 1],
            "a_std": pytest.approx([-(0.5**0.5), 0.5**0.5]),
        }

    def test_errors(self, workspace: Workspace) -> None:
        with pytest.raises(InvalidInput, match='column "s" is string; only numbers'):
            apply(workspace, "standardize", {"s": ["x"]}, columns=["s"])
        with pytest.raises(InvalidInput, match="too few"):
            apply(workspace, "standardize", {"a": [None, 1.0]}, ddof=1)
        fitted = apply(workspace, "standardize", {"a": [0, 2]})
        with pytest.raises(InvalidInput, match='no column "a"'):
            apply(workspace, "standardize", {"b": [1]}, fitted.out(1))
        with pytest.raises(InvalidInput, match='already has a column "a_std"'):
            apply(workspace, "standardize", {"a": [0, 2], "a_std": [0, 2]}, columns=["a"], keep_original=True)


class TestFillMissing:
    @pytest.mark.parametrize(
        ("strategy", "i", "f"),
        [
            ("auto", 3, 2.0),
            ("mean", 7 / 3, 3.0),
            ("median", 3, 2.0),
            ("mode", 3, 1.0),
            ("min", 1, 1.0),
            ("max", 3, 6.0),
            ("ffill", 1, 1.0),
        ],
    )
    def test_strategies_on_numbers(self, workspace: Workspace, strategy: str, i: float, f: float) -> None:
        columns = {name: GAPS[name] for name in "if"}
        result = apply(workspace, "fill_missing", columns, strategy=strategy)
        assert result.columns()["i"][1] == pytest.approx(i)
        assert result.columns()["f"][0] == f
        assert result.metrics["missing_before"] == 2

    def test_strategies_per_column(self, workspace: Workspace) -> None:
        result = apply(
            workspace,
            "fill_missing",
            GAPS,
            strategies={"i": {"strategy": "constant", "fill_value": -1}, "s": "max", "f": "drop"},
            indicator=True,
        )
        assert result.columns() == {
            "i": [-1, 3, 3],
            "f": [1.0, 2.0, 6.0],
            "s": ["a", "b", "a"],
            "b": [True, True, False],
            "i_missing": [1, 0, 0],
            "f_missing": [0, 0, 0],
            "s_missing": [0, 1, 0],
            "b_missing": [1, 0, 0],
        }

    def test_empty_text_and_tokens_count_when_asked_for(self, workspace: Workspace) -> None:
        columns = {"s": ["?", " ", "x", "x"], "n": [-999, 1, 1, 2]}
        result = apply(workspace, "fill_missing", columns, match=["null", "empty"], tokens=["?", -999], strategy="mode")
        assert result.columns() == {"s": ["x"] * 4, "n": [1, 1, 1, 2]}

    def test_what_was_fitted_fills_other_tables(self, workspace: Workspace) -> None:
        fitted = apply(workspace, "fill_missing", {"d": [datetime.datetime(2018, 1, 1), None]}, strategy="min")
        other = apply(workspace, "fill_missing", {"d": [None, datetime.datetime(2019, 1, 1)]}, fitted.out(1))
        assert other.columns()["d"] == [datetime.datetime(2018, 1, 1), datetime.datetime(2019, 1, 1)]

    @pytest.mark.parametrize(
        ("params", "error", "message"),
        [
            ({"strategy": "mean"}, InvalidInput, 'column "s" is string; mean needs numbers'),
            ({"strategy": "constant", "fill_value": "x"}, InvalidParams, "cannot be filled in"),
            ({"strategies": {"i": "constant"}}, InvalidParams, "constant needs fill_value"),
            ({"strategies": {"z": "mean"}}, InvalidInput, 'no column "z"'),
            ({"strategies": {"i": "mean"}, "exclude": ["i"]}, InvalidParams, "also excluded"),
        ],
    )
    def test_errors(self, workspace: Workspace, params: dict, error: type, message: str) -> None:
        with pytest.raises(error) as caught:
            apply(workspace, "fill_missing", GAPS, **params)
        assert message in caught.value.message

    def test_a_column_without_values_has_no_statistic(self, workspace: Workspace) -> None:
        with pytest.raises(InvalidInput, match='column "a" has no values at all'):
            apply(workspace, "fill_missing", {"a": [None, None]})


class TestLabelEncode:
    def test_an_ordered_template_gives_indexes_and_minus_one(self, workspace: Workspace) -> None:
        result = apply(workspace, "label_encode", {"s": ["mid", "low", "odd", None]}, template=["low", "mid", "high"])
        assert result.columns()["s"] == [1, 0, -1, -1]

    @pytest.mark.parametrize(
        ("order", "codes"), [("lexical", [1, 0, 1, 2]), ("frequency", [0, 1, 0, 2]), ("appearance", [0, 1, 0, 2])]
    )
    def test_orders_of_learned_templates(self, workspace: Workspace, order: str, codes: list[int]) -> None:
        assert apply(workspace, "label_encode", {"s": ["b", "a", "b", "c"]}, order=order).columns()["s"] == codes

    def test_there_is_one_zero(self, workspace: Workspace) -> None:
        template = {"n": [0.0, 1.0], "m": [-0.0, 1.0]}
        result = apply(workspace, "label_encode", {"n": [-0.0, 0.0], "m": [0.0, -0.0]}, template=template)
        assert result.columns() == {"n": [0, 0], "m": [0, 0]}

    def test_numbers_and_booleans_have_templates_too(self, workspace: Workspace) -> None:
        columns = {"n": [3, 1, 9], "b": [True, False, None]}
        result = apply(workspace, "label_encode", columns, template={"n": [1, 3], "b": [False, True]})
        assert result.columns() == {"n": [1, 0, -1], "b": [1, 0, -1]}
        assert apply(workspace, "label_encode", {"n": [3, 1]}, template={"n": ["1", "3"]}).columns()["n"] == [1, 0]

    def test_unknown_values_can_be_an_error(self, workspace: Workspace) -> None:
        fitted = apply(workspace, "label_encode", {"s": ["a"]}, unknown="error")
        with pytest.raises(InvalidInput, match="the first in row 1: 'z'"):
            apply(workspace, "label_encode", {"s": ["a", "z"]}, fitted.out(1))

    def test_decoding_turns_indexes_back(self, workspace: Workspace) -> None:
        result = apply(workspace, "label_encode", {"s": [1, 0, -1, 7]}, template={"s": ["a", "b"]}, inverse=True)
        assert result.columns()["s"] == ["b", "a", None, None]

    def test_errors(self, workspace: Workspace) -> None:
        with pytest.raises(InvalidInput, match="no text columns"):
            apply(workspace, "label_encode", {"n": [1]})
        with pytest.raises(InvalidParams, match='template for "z"'):
            apply(workspace, "label_encode", {"s": ["a"]}, columns=["s"], template={"z": ["a"]})
        with pytest.raises(InvalidParams, match="inverse"):
            apply(workspace, "label_encode", {"s": [1]}, columns=["s"], inverse=True)


class TestSelectColumns:
    def test_include_regex_exclude_rename_and_order(self, workspace: Workspace) -> None:
        result = apply(
            workspace,
            "select_columns",
            NAMED,
            include=["c", "a"],
            regex=r"b\d",
            exclude=["b1"],
            rename={"a": "x"},
            order=["x"],
        )
        assert list(result.columns().items()) == [("x", [1]), ("c", [4]), ("b2", [3])]

    def test_a_renaming_joins_the_chain_of_transforms(self, workspace: Workspace) -> None:
        plain = apply(workspace, "select_columns", NAMED, exclude=["a"])
        renamed = apply(workspace, "select_columns", NAMED, rename={"a": "x"})
        assert plain.sidecar()["transforms"] == []
        assert len(renamed.sidecar()["transforms"]) == 1

    @pytest.mark.parametrize(
        ("params", "error", "message"),
        [
            ({"include": ["B1"]}, InvalidInput, 'no column "B1" (did you mean "b1"?)'),
            ({"exclude": ["a", "b1", "b2", "c"]}, InvalidInput, "no column is left"),
            ({"rename": {"a": "c"}}, InvalidInput, 'two columns would be named "c"'),
            ({"rename": {"a": "x"}, "exclude": ["a"]}, InvalidParams, "renamed but not kept"),
            ({"regex": "("}, InvalidParams, "not a regular expression"),
            ({"order": ["z"]}, InvalidInput, 'no ordered column "z"'),
        ],
    )
    def test_errors(self, workspace: Workspace, params: dict, error: type, message: str) -> None:
        with pytest.raises(error) as caught:
            apply(workspace, "select_columns", NAMED, **params)
        assert message in caught.value.message
