"""Deployment artifacts: everything needed to serve a model, in one directory.

sidecar.json     name, signature, features, classes, chain (kinds and files), lineage
model.joblib     the estimator
transform-<i>.json   the chain, in order
scorer.json      the same without Python, where the model and its chain convert exactly; see `scorers`
sample.json      up to 50 raw rows with Python's answers, to check any other scorer against
"""

from __future__ import annotations

import datetime
import json
import math
import re
from typing import Any

import numpy as np
import pyarrow as pa

from ..errors import InvalidParams, OperatorError
from ..transforms import Transform
from . import commit, storage, strict_json, uris
from .columns import matrix
from .models import MODEL_FILE, ModelArtifact, Scores
from .scorers import SCORER_FILE, NotNative, scorer_json
from .tables import SIDECAR_FILE, read_sidecar
from .transforms import TRANSFORM_FILE, apply_chain, parse

SAMPLE_FILE = "sample.json"
MAX_PROBLEMS = 20
SAMPLE_CELLS = 100_000  # of `sample.json`, at most
FLOAT32_OVERFLOW = 2.0**128 - 2.0**103  # from here on a double is infinite as a float32
# The part of ISO 8601 that the gateway takes as well (`check-rows.ts`); `fromisoformat` alone takes more.
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2})?)?", re.ASCII)
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

    @property
    def model(self) -> ModelArtifact:
        return self._model

    def prepare(self, table: pa.Table) -> pa.Table:
        """Rows with the columns of the signature, after the chain: what the model takes."""
        return apply_chain(self._chain, table, serving=True)

    def predict(self, rows: list[Any], columns: list[str] | None = None) -> list[dict[str, Any]]:
        """One answer per row: predict_result, and for classifiers predict_probability and probabilities by label."""
        table = self._to_table(rows, columns)
        if table.num_rows == 0:
            return []
        return self.answers(apply_chain(self._chain, table, serving=True))

    def answers(self, features: pa.Table) -> list[dict[str, Any]]:
        """Answers for a table that went through the chain already."""
        model = self._model
        x = matrix(features, model.features)
        self._require_float32(x)
        scores = model.score(x)
        self._require_finite(scores)
        labels = scores.labels.tolist()
        if model.is_regression:
            return [{"predict_result": value} for value in labels]
        if scores.probabilities is None:
            return [{"predict_result": label, "cluster": label} for label in labels]
        names, positive = [_label(c) for c in model.classes], model.positive_index
        out = []
        for label, row in zip(labels, scores.probabilities.tolist(), strict=True):
            chance = row[positive] if positive is not None else max(row)
            probabilities = dict(zip(names, row, strict=True))
            out.append({"predict_result": label, "predict_probability": chance, "probabilities": probabilities})
        return out

    def _require_float32(self, x: np.ndarray) -> None:
        """Raises InvalidParams for rows that trees cannot take. scikit-learn does too, with an error of no row."""
        if not self._model.takes_float32:
            return
        rows, columns = np.nonzero(np.abs(x) >= FLOAT32_OVERFLOW)
        if len(rows):
            names = self._model.features
            raise _row_problems(
                [
                    _problem(f"rows[{row}]", f'a number that the model can take as "{names[column]}"', repr(value))
                    for row, column, value in zip(rows, columns, x[rows, columns].tolist(), strict=True)
                ]
            )

    def _require_finite(self, scores: Scores) -> None:
        """Raises InvalidParams for rows whose numbers are so large that the model overflows: JSON has no infinity."""
        answers = scores.labels if self._model.is_regression else scores.probabilities
        if answers is None or np.isfinite(answers).all():
            return
        finite = np.isfinite(answers).reshape(len(answers), -1).all(axis=1)
        wanted = "a row for which the answer of the model is finite"
        raise _row_problems([_problem(f"rows[{row}]", wanted, "another") for row in np.flatnonzero(~finite)])

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
            raise _row_problems(problems)
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
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and _is_double(value)
        fits = {"string": isinstance(value, str), "boolean": isinstance(value, bool), "number": is_number}[wanted]
        if not fits:
            problems.append(_problem(path, wanted, _shown(value)))
            return None
        return float(value) if is_number else value

    @staticmethod
    def _moment(value: Any, path: str, problems: list[dict[str, Any]]) -> Any:
        try:
            if _MOMENT.fullmatch(value) is None:
                raise ValueError(value)
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
    if model.is_clustering or model.is_regression:
        names = ["predict_result", "cluster"] if model.is_clustering else ["predict_result"]
        return {"inputs": inputs, "outputs": [{"name": name, "type": "number"} for name in names]}
    kind = (
        "boolean" if isinstance(model.classes[0], bool) else "string" if isinstance(model.classes[0], str) else "number"
    )
    outputs = [{"name": "predict_result", "type": kind}, {"name": "predict_probability", "type": "number"}]
    return {"inputs": inputs, "outputs": outputs}


def write_deployment(
    place: str,
    model: ModelArtifact,
    chain_uris: list[str],
    sidecar: dict[str, Any],
    sample: pa.Table,
    runtime: str = "auto",
) -> list[dict[str, Any]]:
    """Copies model and chain into `place`, answers the sample with the copy, and returns the sample's answers.

    `runtime`: `auto` adds a `scorer.json` where that is exact, `native` raises InvalidParams where it is not, `python`
    adds none. The sidecar's `scorer` is {"file": its name or null, "reason": why there is none}.
    """
    storage.write_bytes(uris.join(place, MODEL_FILE), storage.read_bytes(uris.join(model.uri, MODEL_FILE)))
    files = []
    for index, uri in enumerate(chain_uris):
        files.append(f"transform-{index}.json")
        storage.write_bytes(uris.join(place, files[-1]), storage.read_bytes(uris.join(uri, TRANSFORM_FILE)))
    scorer = _write_scorer(place, model, files, sidecar["signature"]["inputs"], runtime)
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
        "files": [MODEL_FILE, *files, SAMPLE_FILE, *([scorer["file"]] if scorer["file"] else [])],
        "runtime": runtime,
        "scorer": scorer,
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


def _write_scorer(
    place: str, model: ModelArtifact, files: list[str], inputs: list[dict[str, Any]], runtime: str
) -> dict[str, Any]:
    if runtime == "python":
        return {"file": None, "reason": "the deployment asked for Python"}
    try:
        chain = [parse(storage.read_bytes(uris.join(place, name))) for name in files]
        content = scorer_json(model, chain, inputs)
    except OperatorError:
        raise
    except Exception as problem:  # an estimator with other attributes than those of its type is Python's, too
        reason = str(problem) if isinstance(problem, NotNative) else f"{type(problem).__name__}: {problem}"
        if runtime == "native":
            raise InvalidParams(f"runtime native: {reason}; choose auto or python") from problem
        print(f"no native scorer, Python serves the model: {reason}")
        return {"file": None, "reason": reason}
    storage.write_bytes(uris.join(place, SCORER_FILE), content)
    print(f"native scorer: {len(content)} bytes")
    return {"file": SCORER_FILE, "reason": None}


def _row_problems(problems: list[dict[str, Any]]) -> InvalidParams:
    first = problems[0]
    more = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
    return InvalidParams(
        f"{first['path']}: expected {first['expected']}, got {first['got']}{more}",
        details=problems[:MAX_PROBLEMS],
    )


def _problem(path: str, expected: str, got: str) -> dict[str, Any]:
    return {"path": path, "expected": expected, "got": got}


def _is_double(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number of hundreds of digits
        return False


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 100 else text[:99] + "…"


def _kind(dtype: str) -> str:
    return dtype if dtype in _TYPES else "number"


def _label(value: Any) -> str:
    from ..training import label_text

    return label_text(value)
