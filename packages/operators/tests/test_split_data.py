"""algo_local_split_data."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from celeriac.errors import InvalidInput, InvalidParams
from workspace import Workspace


def split(workspace: Workspace, columns: dict[str, list[Any]], **params: Any) -> tuple[dict, dict]:
    result = workspace.run("algo_local_split_data", params, workspace.table(columns))
    return result.columns(0), result.columns(1)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.integers(0, 40), share=st.floats(0.01, 0.99), seed=st.integers(0, 99), shuffle=st.booleans())
def test_a_ratio_split_loses_and_repeats_no_row(
    workspace: Workspace, rows: int, share: float, seed: int, shuffle: bool
) -> None:
    first, second = split(workspace, {"n": list(range(rows))}, ext1=share, seed=seed, shuffle=shuffle)
    assert sorted(first["n"] + second["n"]) == list(range(rows))
    assert len(first["n"]) == round(share * rows)
    assert first["n"] == sorted(first["n"])


def test_the_seed_decides(workspace: Workspace) -> None:
    rows = {"n": list(range(100))}
    assert split(workspace, rows, ext1=0.5) == split(workspace, rows, ext1=0.5, seed=0)
    assert split(workspace, rows, ext1=0.5) != split(workspace, rows, ext1=0.5, seed=1)


def test_without_shuffle_the_first_rows_are_taken(workspace: Workspace) -> None:
    first, second = split(workspace, {"n": [1, 2, 3, 4, 5]}, ext1=0.6, shuffle=False)
    assert (first["n"], second["n"]) == ([1, 2, 3], [4, 5])


def test_stratify_keeps_shares_missing_values_included(workspace: Workspace) -> None:
    labels = ["a"] * 50 + ["b"] * 30 + [None] * 20
    first, _ = split(workspace, {"y": labels}, ext1=0.8, stratify="y")
    assert {label: first["y"].count(label) for label in ("a", "b", None)} == {"a": 40, "b": 24, None: 16}


def test_a_threshold_sends_missing_values_to_the_second(workspace: Workspace) -> None:
    first, second = split(workspace, {"a": [1.0, 2.0, None, 3.0]}, split_type=2, ext1="a", ext2=2)
    assert (first["a"], second["a"]) == ([1.0], [2.0, None, 3.0])


def test_a_threshold_on_dates(workspace: Workspace) -> None:
    days = [datetime.datetime(2018, 1, day) for day in (1, 2, 3)]
    first, second = split(workspace, {"d": [*days, None]}, split_type=2, ext1="d", ext2="2018-01-02")
    assert (first["d"], second["d"]) == (days[:1], [*days[1:], None])


def test_modulo_sends_the_remainder_to_the_second(workspace: Workspace) -> None:
    first, second = split(workspace, {"n": [-5, 4, 5, None, 10]}, split_type=3, ext1="n", ext2=5)
    assert (first["n"], second["n"]) == ([4, None], [-5, 5, 10])
    first, second = split(workspace, {"n": [-4, 1, 6, 2]}, split_type=3, ext1="n", ext2=5, remainder=1)
    assert (first["n"], second["n"]) == ([2], [-4, 1, 6])


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"split_type": 2, "ext1": "A", "ext2": 1}, InvalidInput, 'no column (ext1) "A" (did you mean "a"?)'),
        ({"split_type": 2, "ext1": "s", "ext2": 1}, InvalidInput, "needs numbers or dates"),
        ({"split_type": 2, "ext1": "a", "ext2": "x"}, InvalidParams, "must be a number"),
        ({"split_type": 3, "ext1": "f", "ext2": 2}, InvalidInput, "modulo needs integers"),
        ({"split_type": 3, "ext1": "a", "ext2": 2, "remainder": 2}, InvalidParams, "less than the modulus"),
        ({"stratify": "zz"}, InvalidInput, 'no stratify column "zz"'),
    ],
)
def test_columns_that_do_not_fit_are_refused(workspace: Workspace, params: dict, error: type, message: str) -> None:
    with pytest.raises(error) as caught:
        split(workspace, {"a": [1, 2], "f": [1.5, 2.5], "s": ["x", "y"]}, **params)
    assert message in caught.value.message
