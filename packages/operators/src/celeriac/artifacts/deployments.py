"""Deployment artifacts: everything needed to serve a model, in one directory.

sidecar.json     name, signature, features, classes, chain (kinds and files), lineage
model.joblib     the estimator
transform-<i>.json   the chain, in order
sample.json      up to 50 raw rows with Python's answers, to check any other scorer against
"""

from __future__ import annotations

import datetime
import json
import math
from typing import Any

import pyarrow as pa

from ..errors import InvalidParams
from ..transforms import Transform
from . import commit, storage, strict_json, uris
from .columns import matrix
from .models import MODEL_FILE, ModelArtifact
from .tables import SIDECAR_FILE, read_sidecar
from .transforms import TRANSFORM_FILE, apply_chain, parse

SAMPLE_FILE = "sample.json"
MAX_PROBLEMS = 20
_TYPES = {"string": pa.string(), "boolean": pa.bool_(), "datetime": pa.timestamp("us")}


class Deployment:
    """A model with its chain of transforms, ready to answer requests."""

    def __init__(self, sidecar: dict[str, Any], model: ModelArtifact, chain: list[Transform]) -> None:
        self.name: str = sidecar["name"]
        self.signature: list[dict[str, Any]] = sidecar["signature"]["inputs"]
        self._model = model
        self._chain = chain

    @classmethod
    def load(cls, uri: str, *, committed: bool = True) -> Deployment:
        """Reads a deployment. Raises ArtifactNotFound. `committed=False` reads one that is being written."""
        sidecar = read_sidecar(uri) if committed else json.loads(storage.read_bytes(uris.join(uri, SIDECAR_FILE)))
        chain = [parse(storage.read_bytes(uris.join(uri, name))) for name in sidecar["chain"]]
        model = ModelArtifact(uri, sidecar)
        model.estimator  # noqa: B018  loaded now, not at the first request
        return cls(sidecar, model, chain)

    def predict(self, rows: list[Any], columns: list[str] | None = None) -> list[dict[str, Any]]:
        """One answer per row: predict_result, and for classifiers predict_probability and probabilities by label."""
        table = self._to_table(rows, columns)
        if table.num_rows == 0:
            return []
        return self.answers(apply_chain(self._chain, table, serving=True))

    def answers(self, features: pa.Table) -> list[dict[str, Any]]:
        """Answers for a table that went through the chain already."""
        model = self._model
        scores = model.score(matrix(features, model.features))
        labels = scores.labels.tolist()
        if scores.probabilities is None:
            return [{"predict_result": label, "cluster": label} for label in labels]
        names, positive = [_label(c) for c in model.classes], model.positive_index
        out = []
        for label, row in zip(labels, scores.probabilities.tolist(), strict=True):
            chance = row[positive] if positive is not None else max(row)
            probabilities = dict(zip(names, row, strict=True))
            out.append({"predict_result": label, "predict_probability": chance, "probabilities": probabilities})
        return out

    def _to_table(self, rows: list[Any], columns: list[str] | None) -> pa.Table:
        problems: list[dict[str, Any]] = []
        if not isinstance(rows, list):
            raise InvalidParams("rows must be a list", details=[_problem("rows", "a list", _shown(rows))])
        records = [self._record(row, columns, f"rows[{i}]", problems) for i, row in enumerate(rows)]
        values = {
            spec["name"]: [self._value(record, spec, i, problems) for i, record in enumerate(records)]
            for spec in self.signature
        }
        if problems:
            first = problems[0]
            more = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
            raise InvalidParams(
                f"{first['path']}: expected {first['expected']}, got {first['got']}{more}",
                details=problems[:MAX_PROBLEMS],
            )
        return pa.table(
            {s["name"]: pa.array(values[s["name"]], _TYPES.get(s["type"], pa.float64())) for s in self.signature}
        )

    def _record(
        self, row: Any, columns: list[str] | None, path: str, problems: list[dict[str, Any]]
    ) -> dict[str, Any] | None:
        if isinstance(row, dict):
            return row
        names = columns or [spec["name"] for spec in self.signature]
        if isinstance(row, list) and len(row) == len(names):
            return dict(zip(names, row, strict=True))
        got = f"a list of {len(row)}" if isinstance(row, list) else _shown(row)
        problems.append(_problem(path, f"an object, or a list of {len(names)} values", got))
        return None

    def _value(
        self, record: dict[str, Any] | None, spec: dict[str, Any], index: int, problems: list[dict[str, Any]]
    ) -> Any:
        """The value of one input, None when it is missing; what does not fit is added to `problems`."""
        name, wanted, path = spec["name"], spec["type"], f"rows[{index}].{spec['name']}"
        if record is None:
            return None
        value = record.get(name)
        if value is None or (isinstance(value, float) and math.isnan(value)):
            if not spec["nullable"]:
                problems.append(_problem(path, wanted, "null" if name in record else "nothing"))
            return None
        if wanted == "datetime":
            return self._moment(value, path, problems)
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        fits = {"string": isinstance(value, str), "boolean": isinstance(value, bool), "number": is_number}[wanted]
        if not fits:
            problems.append(_problem(path, wanted, _shown(value)))
            return None
        return float(value) if is_number else value

    @staticmethod
    def _moment(value: Any, path: str, problems: list[dict[str, Any]]) -> Any:
        try:
            return datetime.datetime.fromisoformat(value)
        except (TypeError, ValueError):
            problems.append(_problem(path, "datetime", _shown(value)))
            return None


def signature(model: ModelArtifact, chain: list[Transform]) -> dict[str, Any]:
    """What a request must bring: the model's features traced back through the chain.

    {"inputs": [{"name", "type", "nullable"}], "outputs": [{"name", "type"}]}; types are `number`, `string`,
    `boolean`, `datetime`.
    """
    needed = {f["name"]: {"dtype": f["dtype"], "nullable": False} for f in model.sidecar["features"]}
    for transform in reversed(chain):
        needed = transform.requires(needed)
    inputs = [
        {"name": name, "type": _kind(need["dtype"]), "nullable": need["nullable"]} for name, need in needed.items()
    ]
    if model.is_clustering:
        return {"inputs": inputs, "outputs": [{"name": "predict_result", "type": "number"}]}
    kind = (
        "boolean" if isinstance(model.classes[0], bool) else "string" if isinstance(model.classes[0], str) else "number"
    )
    outputs = [{"name": "predict_result", "type": kind}, {"name": "predict_probability", "type": "number"}]
    return {"inputs": inputs, "outputs": outputs}


def write_deployment(
    place: str, model: ModelArtifact, chain_uris: list[str], sidecar: dict[str, Any], sample: pa.Table
) -> list[dict[str, Any]]:
    """Copies model and chain into `place`, answers the sample with the copy, and returns the sample's answers."""
    storage.write_bytes(uris.join(place, MODEL_FILE), storage.read_bytes(uris.join(model.uri, MODEL_FILE)))
    files = []
    for index, uri in enumerate(chain_uris):
        files.append(f"transform-{index}.json")
        storage.write_bytes(uris.join(place, files[-1]), storage.read_bytes(uris.join(uri, TRANSFORM_FILE)))
    inherited = (
        "task",
        "algorithm",
        "library",
        "library_version",
        "features",
        "target",
        "positive",
        "classes",
    )
    whole = {
        "format": 1,
        "type": "Deployment",
        **{key: model.sidecar.get(key) for key in inherited},
        "chain": files,
        "files": [MODEL_FILE, *files, SAMPLE_FILE],
        "created_at": commit.utc_now(),
        **sidecar,
    }
    storage.write_bytes(uris.join(place, SIDECAR_FILE), strict_json.dumps(whole))
    rows = [strict_json.plain(row) for row in sample.to_pylist()]
    answers = Deployment.load(place, committed=False).predict(rows)
    columns = [spec["name"] for spec in whole["signature"]["inputs"]]
    pairs = [{"input": {c: row.get(c) for c in columns}, "output": out} for row, out in zip(rows, answers, strict=True)]
    storage.write_bytes(uris.join(place, SAMPLE_FILE), strict_json.dumps({"format": 1, "rows": pairs}))
    return answers


def _problem(path: str, expected: str, got: str) -> dict[str, Any]:
    return {"path": path, "expected": expected, "got": got}


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 100 else text[:99] + "…"


def _kind(dtype: str) -> str:
    return dtype if dtype in _TYPES else "number"


def _label(value: Any) -> str:
    from ..training import label_text

    return label_text(value)
