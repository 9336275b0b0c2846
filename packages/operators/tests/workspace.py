"""Runs operators against a temporary artifact root."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from celeriac.artifacts import uris
from celeriac.artifacts.commit import Outputs
from celeriac.artifacts.tables import TableArtifact, write_table
from celeriac.operator_task import execute

Reference = dict[str, Any]


class Result:
    """The result of an operator, with its artifacts at hand."""

    def __init__(self, raw: dict[str, Any]) -> None:
        self.raw = raw
        self.metrics = raw["metrics"]
        self.compat = {record["param"]: record for record in raw["compat"]}

    def out(self, port: int = 0) -> Reference:
        return self.raw["outputs"][str(port)]

    def table(self, port: int = 0) -> pa.Table:
        return TableArtifact(self.out(port)["uri"]).read()

    def columns(self, port: int = 0) -> dict[str, list[Any]]:
        return self.table(port).to_pydict()

    def sidecar(self, port: int = 0) -> dict[str, Any]:
        return self.json("sidecar.json", port)

    def json(self, name: str, port: int = 0) -> Any:
        return json.loads((uris.to_path(self.out(port)["uri"]) / name).read_text(encoding="utf-8"))

    def chart(self, name: str, port: int = 0) -> dict[str, Any]:
        return next(chart for chart in self.sidecar(port)["charts"] if chart["name"] == name)


class Workspace:
    """An artifact root. Tables are given as columns; operators run as their task would run them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.uri = uris.from_path(root)
        self.datasets: dict[str, dict[str, Any]] = {}
        self._numbers = itertools.count(1)

    def prefix(self, operator_id: str, attempt: int = 1) -> str:
        return uris.join(self.uri, "runs", "run-1", operator_id, str(attempt))

    def table(self, columns: dict[str, list[Any]] | pa.Table, **facts: Any) -> Reference:
        """A committed table artifact."""
        outputs = Outputs(self.prefix(f"given-{next(self._numbers)}"))
        table = columns if isinstance(columns, pa.Table) else pa.table(columns)
        write_table(outputs.place("0"), table, {"transforms": [], **facts})
        reference = {"uri": outputs.uri("0"), "type": "Table"}
        outputs.commit({"outputs": {"0": reference}})
        return reference

    def dataset(self, name: str, content: str | bytes | Path, **facts: Any) -> str:
        """A data set; returns its id."""
        path = content if isinstance(content, Path) else self.root / "datasets" / name
        if not isinstance(content, Path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        self.datasets[name] = {"uri": uris.from_path(path), "format": "auto", "name": name, **facts}
        return name

    def task(self, algo_name: str, params: dict[str, Any], *inputs: Reference | None, **more: Any) -> dict[str, Any]:
        """The kwargs of celeriac.run_operator."""
        operator_id = more.pop("operator_id", f"{algo_name}-{next(self._numbers)}")
        attempt = more.get("attempt", 1)
        return {
            "run_id": "run-1",
            "operator_id": operator_id,
            "attempt": attempt,
            "algo_name": algo_name,
            "params": params,
            "inputs": {str(i): [given] for i, given in enumerate(inputs) if given is not None},
            "output_prefix": self.prefix(operator_id, attempt),
            "datasets": self.datasets,
            "artifact_root": self.uri,
            **more,
        }

    def run(self, algo_name: str, params: dict[str, Any], *inputs: Reference | None, **more: Any) -> Result:
        return Result(execute(self.task(algo_name, params, *inputs, **more)))
