"""Renamed columns."""

from __future__ import annotations

import pyarrow as pa

from ..artifacts.columns import require
from .base import Need, Transform


class Rename(Transform):
    """State: {"rename": {old: new}}."""

    kind = "rename"

    @property
    def columns(self) -> list[str]:
        return list(self.state["rename"])

    def apply(self, table: pa.Table, *, serving: bool = False) -> pa.Table:
        if not serving:
            require(table, self.columns)
        mapping = self.state["rename"]
        if serving:  # columns that were dropped before the renaming are still there
            taken = {new for old, new in mapping.items() if old in table.column_names} - set(mapping)
            table = table.drop_columns([name for name in table.column_names if name in taken])
        return table.rename_columns([mapping.get(name, name) for name in table.column_names])

    def requires(self, needed: dict[str, Need]) -> dict[str, Need]:
        original = {new: old for old, new in self.state["rename"].items()}
        return {original.get(name, name): need for name, need in needed.items()}
