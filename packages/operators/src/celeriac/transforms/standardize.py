"""Mean 0 and standard deviation 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from ..artifacts.columns import is_numeric, logical_type, numbers, refuse, require, with_columns
from ..errors import InvalidInput
from .base import Need, Transform


class Standardize(Transform):
    """(value - mean) / scale per column; missing values stay missing.

    State: {"columns": [{"name", "dtype", "mean", "scale"}], "suffix": str | null}; with a suffix the result goes to
    a new column.
    """

    kind = "standardize"

    @classmethod
    def fit(
        cls,
        table: pa.Table,
        names: Sequence[str],
        *,
        with_mean: bool,
        with_std: bool,
        ddof: int,
        suffix: str | None,
    ) -> Standardize:
        """Statistics over the values that are there. A column without spread gets scale 1, as in scikit-learn.

        Raises InvalidInput for a column that is absent, not numeric or has no values at all.
        """
        require(table, names)
        if suffix:
            refuse(table, [name + suffix for name in names], "standardize")
        return cls({"columns": [_fit(table, n, with_mean, with_std, ddof) for n in names], "suffix": suffix})

    @property
    def columns(self) -> list[str]:
        return [spec["name"] for spec in self.state["columns"]]

    def apply(self, table: pa.Table, *, serving: bool = False) -> pa.Table:
        suffix, made = self.state["suffix"] or "", {}
        for spec in self._present(table, serving):
            column = table.column(spec["name"])
            if not is_numeric(column.type):
                raise _not_numeric(spec["name"], column.type)
            values = (numbers(column) - spec["mean"]) / spec["scale"]
            made[spec["name"] + suffix] = pa.array(values, from_pandas=True)
        return with_columns(table, made)

    def requires(self, needed: dict[str, Need]) -> dict[str, Need]:
        suffix = self.state["suffix"] or ""
        made = {spec["name"] + suffix: spec for spec in self.state["columns"]}
        out: dict[str, Need] = {}
        for name, need in needed.items():
            if name in made:
                out[made[name]["name"]] = {**need, "dtype": made[name]["dtype"]}
            else:
                out.setdefault(name, need)
        return out


def _fit(table: pa.Table, name: str, with_mean: bool, with_std: bool, ddof: int) -> dict[str, Any]:
    column = table.column(name)
    if not is_numeric(column.type):
        raise _not_numeric(name, column.type)
    values = numbers(column)
    values = values[~np.isnan(values)]
    if len(values) <= ddof or not np.isfinite(values).all():
        reason = "has infinite values" if len(values) > ddof else f"has {len(values)} values: too few"
        raise InvalidInput(f'column "{name}" {reason}; standardize cannot be fitted on it', column=name)
    mean, std = float(values.mean()), float(values.std(ddof=ddof))
    is_constant = std <= 10 * np.finfo(np.float64).eps * max(abs(mean), np.finfo(np.float64).tiny)
    return {
        "name": name,
        "dtype": logical_type(column.type),
        "mean": mean if with_mean else 0.0,
        "scale": std if with_std and not is_constant else 1.0,
    }


def _not_numeric(name: str, kind: pa.DataType) -> InvalidInput:
    return InvalidInput(f'column "{name}" is {logical_type(kind)}; only numbers can be standardized', column=name)
