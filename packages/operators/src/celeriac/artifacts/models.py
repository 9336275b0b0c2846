"""Model artifacts: `model.joblib` (the fitted scikit-learn estimator) beside `sidecar.json`.

The file is a pickle: models are only read from artifacts that this system committed.
"""

from __future__ import annotations

import io
from typing import Any, NamedTuple

import joblib
import numpy as np
import pyarrow as pa

from ..errors import ArtifactNotFound
from . import commit, storage, strict_json, uris
from .tables import SIDECAR_FILE, read_sidecar

MODEL_FILE = "model.joblib"
_FLOAT32_MODULES = ("sklearn.tree.", "sklearn.ensemble._forest", "sklearn.ensemble._gb")


class Scores(NamedTuple):
    """Answers of a model for n rows."""

    labels: np.ndarray  # (n,) predicted label, cluster, or (float64) value of a regression
    probabilities: np.ndarray | None  # (n, len(classes)); None for cluster models and regressions


class ModelArtifact:
    """A committed model. The sidecar is read at once, the estimator when first used."""

    def __init__(self, uri: str, sidecar: dict[str, Any] | None = None) -> None:
        self.uri = uri
        self.sidecar = sidecar or read_sidecar(uri)
        self._estimator: Any = None

    @property
    def features(self) -> list[str]:
        return [feature["name"] for feature in self.sidecar["features"]]

    @property
    def classes(self) -> list[Any]:
        """Labels in the order of the probabilities; empty for cluster models and regressions."""
        return self.sidecar.get("classes") or []

    @property
    def positive(self) -> Any:
        return self.sidecar.get("positive")

    @property
    def is_clustering(self) -> bool:
        return self.sidecar["task"] == "clustering"

    @property
    def is_regression(self) -> bool:
        return self.sidecar["task"] == "regression"

    @property
    def takes_float32(self) -> bool:
        """Whether the estimator compares float32, as trees do: greater numbers are refused by it."""
        return type(self.estimator).__module__.startswith(
            ("sklearn.tree.", "sklearn.ensemble._forest", "sklearn.ensemble._gb")
        )

    @property
    def estimator(self) -> Any:
        """The fitted scikit-learn estimator."""
        if self._estimator is None:
            self._estimator = load_estimator(uris.join(self.uri, MODEL_FILE))
        return self._estimator

    def score(self, features: np.ndarray, threshold: float | None = None) -> Scores:
        """Labels (of a regression: values) and probabilities for a matrix of shape (n, features).

        `threshold`: with two classes, the positive label from this probability on; None: the model's own rule.
        """
        if self.is_clustering:
            return Scores(self.estimator.predict(features).astype(np.int64), None)
        if self.is_regression:
            return Scores(np.asarray(self.estimator.predict(features), dtype=np.float64), None)
        probabilities = self.estimator.predict_proba(features)
        classes = self.estimator.classes_
        if threshold is None or len(classes) != 2:
            return Scores(classes[np.argmax(probabilities, axis=1)], probabilities)
        positive = self.positive_index
        chosen = np.where(probabilities[:, positive] >= threshold, positive, 1 - positive)
        return Scores(classes[chosen], probabilities)

    @property
    def positive_index(self) -> int | None:
        """Index of the positive label in `classes`; None when the model has none."""
        positive = self.positive
        return None if positive is None else self.classes.index(positive)


def load_estimator(uri: str) -> Any:
    """Reads a stored estimator. Raises ArtifactNotFound."""
    try:
        return joblib.load(io.BytesIO(storage.read_bytes(uri)))
    except FileNotFoundError as problem:
        raise ArtifactNotFound(f"{uri} does not exist", uri=uri) from problem


def write_model(place: str, estimator: Any, facts: dict[str, Any]) -> dict[str, Any]:
    """Writes the estimator and its sidecar into the directory `place`; returns the sidecar.

    `facts`: algorithm, task, params, compat, features, target, positive, classes, fitted_on, transforms, metrics,
    summary, created_by.
    """
    buffer = io.BytesIO()
    joblib.dump(estimator, buffer)
    storage.write_bytes(uris.join(place, MODEL_FILE), buffer.getbuffer())
    sidecar = {
        "format": 1,
        "type": "Model",
        "files": [MODEL_FILE],
        "bytes": buffer.getbuffer().nbytes,
        "created_at": commit.utc_now(),
        **facts,
    }
    storage.write_bytes(uris.join(place, SIDECAR_FILE), strict_json.dumps(sidecar))
    return sidecar


def label_array(values: np.ndarray) -> pa.Array:
    """Predicted labels as an Arrow array: text stays text, whatever numpy calls it."""
    return pa.array(values.tolist(), pa.string()) if values.dtype == object else pa.array(values)
