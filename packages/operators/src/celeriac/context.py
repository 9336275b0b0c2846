"""What an algorithm's `run(ctx)` gets.

    def run(ctx):
        table = ctx.table(0).read()                # pyarrow.Table; ctx.frame(0) for pandas
        ctx.progress(0, 1, "working")
        ctx.write_table(0, table)                  # pyarrow.Table or pandas.DataFrame
        ctx.metric("rows_kept", table.num_rows)

Everything an operator prints goes to its log. Outputs become visible together when `run` returns.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

import pyarrow as pa

from .artifacts import models, reports, tables, transforms
from .artifacts.columns import normalised
from .artifacts.commit import Outputs
from .artifacts.models import ModelArtifact
from .artifacts.table_writer import TableWriter
from .artifacts.tables import TableArtifact
from .errors import InvalidInput, InvalidParams, OperatorError
from .transforms import Transform

PROGRESS_INTERVAL_S = 0.1

Reporter = Callable[[float, float, str], None]


class Context:
    """One attempt of one operator task: parameters, inputs, outputs, progress.

    Attributes: `params` (defaults filled in), `run_id`, `operator_id`, `attempt` (from 1), `algo_name`, `datasets`,
    `artifact_root` (URI or None), `outputs` (the staging area).
    """

    def __init__(
        self,
        task: dict[str, Any],
        manifest: dict[str, Any],
        params: dict[str, Any],
        report: Reporter | None = None,
    ) -> None:
        self.params = params
        self.run_id: str = task.get("run_id", "")
        self.operator_id: str = task.get("operator_id", "")
        self.attempt: int = task.get("attempt", 1)
        self.algo_name: str = manifest["algo_name"]
        self.datasets: dict[str, dict[str, Any]] = task.get("datasets") or {}
        self.artifact_root: str | None = task.get("artifact_root")
        self.outputs = Outputs(task.get("output_prefix") or "")
        self._manifest = manifest
        self._inputs: dict[str, list[dict[str, Any]]] = task.get("inputs") or {}
        self._opened: dict[tuple[int, str], Any] = {}
        self._report = report
        self._reported_at = 0.0
        self._left_out: set[int] = set()
        self._result: dict[str, Any] = {"outputs": {}, "metrics": {}, "compat": []}

    # Inputs

    def has_input(self, port: int) -> bool:
        return self.reference(port) is not None

    def reference(self, port: int) -> dict[str, Any] | None:
        """What is wired to a port, unread: {"uri", "type"}; None when nothing is (or an empty reference)."""
        wired = self._inputs.get(str(port)) or []
        if len(wired) > 1:
            raise InvalidInput(f"input {port} takes one artifact, {len(wired)} are wired")
        return wired[0] if wired and wired[0].get("uri") else None

    def table(self, port: int = 0) -> TableArtifact:
        """The table at a port. A model wired there stands for the table it was fitted on."""
        return self._open(port, "Table", TableArtifact)

    def frame(self, port: int = 0) -> Any:
        """The table at a port as a pandas DataFrame; integer columns with missing values become Int64."""
        table = self.table(port).read()
        frame = table.to_pandas()
        for name in table.column_names:
            column = table.column(name)
            if column.null_count and pa.types.is_integer(column.type):
                frame[name] = column.to_pandas(integer_object_nulls=True).astype("Int64")
        return frame

    def model(self, port: int) -> ModelArtifact:
        return self._open(port, "Model", ModelArtifact)

    def transform(self, port: int) -> Transform:
        return self._open(port, "Transform", transforms.read_transform)

    def report_input(self, port: int) -> dict[str, Any]:
        """The sidecar of a report: {"metrics", "charts"}."""
        return self._open(port, "Report", tables.read_sidecar)

    def _open(self, port: int, wanted: str, reader: Callable[[str], Any]) -> Any:
        reference = self.reference(port)
        if reference is None:
            raise InvalidInput(f"input {port} ({self._port_name(port)}) is not wired")
        uri, kind = reference["uri"], reference.get("type", wanted)
        if kind == "Model" and wanted == "Table":
            uri, kind = ModelArtifact(uri).sidecar["fitted_on"], "Table"
        if kind != wanted:
            raise InvalidInput(f"input {port} ({self._port_name(port)}) takes a {wanted}, got a {kind}")
        if (port, wanted) not in self._opened:
            self._opened[port, wanted] = reader(uri)
        return self._opened[port, wanted]

    def _port_name(self, port: int) -> str:
        return next((spec["name"] for spec in self._manifest["inputs"] if spec["index"] == port), "no such port")

    # Outputs

    def write_table(
        self,
        port: int,
        table: Any,
        *,
        transforms_added: Iterable[str] = (),
        facts: dict[str, Any] | None = None,
    ) -> str:
        """Writes a table (Arrow or pandas) and returns its URI.

        It inherits the transforms and column facts of the table at input 0, if there is one; `transforms_added` are
        appended to the former, `facts` are merged into the sidecar.
        """
        if not isinstance(table, pa.Table):
            table = pa.Table.from_pandas(table, preserve_index=False)
        table = normalised(table)
        merged = {**self._inherited(table), **(facts or {})}
        merged["transforms"] = [*merged.get("transforms", []), *transforms_added]
        sidecar = tables.write_table(self._place(port, "Table"), table, merged | self._created_by())
        return self._written(port, "Table", rows=sidecar["rows"])

    def table_writer(self, port: int, schema: pa.Schema, *, with_csv: bool = False) -> TableWriter:
        """Writes a table in parts; hand it to `end_table` when all are written."""
        return TableWriter(self._place(port, "Table"), schema, with_csv=with_csv)

    def end_table(self, port: int, writer: TableWriter, facts: dict[str, Any]) -> str:
        """Ends a table that was written in parts and returns its URI. Unlike `write_table`, nothing is inherited."""
        writer.close({"transforms": [], **facts, **self._created_by()})
        return self._written(port, "Table", rows=writer.rows)

    def write_model(self, port: int, estimator: Any, facts: dict[str, Any]) -> str:
        """Writes a fitted estimator and returns its URI. `facts`: see `artifacts.models.write_model`."""
        sidecar = models.write_model(self._place(port, "Model"), estimator, facts | self._created_by())
        self._result["metrics"].update(sidecar.get("metrics") or {})
        return self._written(port, "Model")

    def write_transform(self, port: int | str, transform: Transform, facts: dict[str, Any] | None = None) -> str:
        """Writes a fitted transform and returns its URI. A port that is a name is not an output of the operator."""
        name = str(port)
        place = self._place(port, "Transform") if isinstance(port, int) else self.outputs.place(name)
        transforms.write_transform(place, transform, (facts or {}) | self._created_by())
        return self._written(port, "Transform") if isinstance(port, int) else self.outputs.uri(name)

    def write_report(self, port: int, metrics: dict[str, Any], charts: list[dict[str, Any]], **facts: Any) -> str:
        """Writes a report and returns its URI; its metrics also become metrics of the operator task."""
        reports.write_report(self._place(port, "Report"), metrics, charts, facts | self._created_by())
        self._result["metrics"].update(metrics)
        return self._written(port, "Report")

    def pass_on(self, port: int, reference: dict[str, Any] | None, rows: int | None = None) -> None:
        """Makes an artifact that exists already the output of a port, without copying; None: no output."""
        if reference is None:
            self._left_out.add(port)
            return
        kind = self._output_type(port)
        out: dict[str, Any] = {"type": kind, "uri": reference["uri"]}
        if reference.get("type", kind) != kind:
            out["uri"] = ModelArtifact(reference["uri"]).sidecar["fitted_on"]
        if rows is not None:
            out["rows"] = rows
        self._result["outputs"][str(port)] = out

    def metric(self, name: str, value: float | None) -> None:
        """Records a flat metric of this operator task."""
        self._result["metrics"][name] = value

    def compat(self, records: Iterable[dict[str, Any]]) -> None:
        """Records how parameters of 2018 were mapped."""
        self._result["compat"].extend(records)

    def deployment(self, description: dict[str, Any]) -> None:
        """Asks the scheduler to register a model version."""
        self._result["deployment"] = description

    def progress(self, current: float, total: float, message: str = "", *, at_once: bool = False) -> None:
        """Reports progress; at most ten reports a second are sent, the first and the last always.

        `at_once`: sent in any case. For the start of a long stage, whose report would otherwise come after it.
        """
        if self._report is None:
            return
        now = time.monotonic()
        is_due = not self._reported_at or now - self._reported_at >= PROGRESS_INTERVAL_S
        if current < total and not is_due and not at_once:
            return
        self._reported_at = now
        self._report(current, total, message)

    def result(self) -> dict[str, Any]:
        """What the operator produced, without measures that do not exist. Raises OperatorError for a missing output."""
        written = self._result["outputs"].keys() | map(str, self._left_out)
        missing = [o["index"] for o in self._manifest["outputs"] if str(o["index"]) not in written]
        if missing:
            raise OperatorError(f"{self.algo_name} wrote no output {', '.join(map(str, missing))}: a bug in it")
        metrics = {name: value for name, value in self._result["metrics"].items() if value is not None}
        return self._result | {"metrics": metrics}

    def _place(self, port: int, kind: str) -> str:
        if self._output_type(port) != kind:
            raise OperatorError(f"output {port} of {self.algo_name} is a {self._output_type(port)}, not a {kind}")
        return self.outputs.place(str(port))

    def _output_type(self, port: int) -> str:
        for spec in self._manifest["outputs"]:
            if spec["index"] == port:
                return spec["type"]
        raise OperatorError(f"{self.algo_name} has no output {port}")

    def _written(self, port: int, kind: str, **facts: Any) -> str:
        uri = self.outputs.uri(str(port))
        self._result["outputs"][str(port)] = {"type": kind, "uri": uri, **facts}
        return uri

    def write_deployment(self, port: int, write: Callable[[str], None]) -> str:
        """Lets `write(place)` fill the directory of a deployment artifact; returns its URI."""
        write(self._place(port, "Deployment"))
        return self._written(port, "Deployment")

    def _inherited(self, table: pa.Table) -> dict[str, Any]:
        source = next((s for s in self._manifest["inputs"] if s["index"] == 0 and s["type"] == "Table"), None)
        if source is None or not self.has_input(0):
            return {}
        sidecar = self.table(0).sidecar
        facts = {k: sidecar[k] for k in tables.COLUMN_FACTS if sidecar.get(k) in table.column_names}
        for key in ("positive", "clustered_by", "task", "classes"):
            if facts and key in sidecar:
                facts[key] = sidecar[key]
        return facts | {"transforms": self.table(0).transforms}

    def _created_by(self) -> dict[str, Any]:
        names = ("run_id", "operator_id", "attempt", "algo_name")
        return {"created_by": {name: getattr(self, name) for name in names}}

    def invalid(self, param: str, message: str) -> InvalidParams:
        """An InvalidParams that names a parameter of this algorithm."""
        text = f"{self.algo_name}: {param}: {message}"
        return InvalidParams(text, problems=[{"param": param, "message": message}])
