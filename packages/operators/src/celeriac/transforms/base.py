"""What every fitted transform can do."""

from __future__ import annotations

import abc
from typing import Any, ClassVar

import pyarrow as pa

from ..artifacts.columns import require

# A column that is needed: {"dtype": logical type, "nullable": whether missing values are dealt with}
Need = dict[str, Any]


class Transform(abc.ABC):
    """A fitted transform: immutable, defined by `kind` and the JSON object `state`."""

    kind: ClassVar[str]

    def __init__(self, state: dict[str, Any]) -> None:
        self.state = state

    @abc.abstractmethod
    def apply(self, table: pa.Table, *, serving: bool = False) -> pa.Table:
        """The transformed table.

        Serving: columns that are absent are left alone (a request brings only what the model needs) and rows are
        never dropped. Otherwise an absent column raises InvalidInput.
        """

    @abc.abstractmethod
    def requires(self, needed: dict[str, Need]) -> dict[str, Need]:
        """The input columns from which the output columns `needed` can be computed, in the same order."""

    @property
    @abc.abstractmethod
    def columns(self) -> list[str]:
        """Input columns this transform reads."""

    def _present(self, table: pa.Table, serving: bool) -> list[dict[str, Any]]:
        specs = self.state["columns"]
        if not serving:
            require(table, [spec["name"] for spec in specs])
            return specs
        present = set(table.column_names)
        return [spec for spec in specs if spec["name"] in present]
