"""The scores that a model gave to the rows it was trained on: what its later scores are compared with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from .artifacts.columns import matrix
from .artifacts.models import ModelArtifact
from .artifacts.tables import TableArtifact
from .errors import ArtifactNotFound, InvalidInput

ROWS = 20_000
BINS = 10


def score_histogram(model: ModelArtifact) -> dict[str, Any] | None:
    """{"score", "edges", "shares", "rows"} over up to 20,000 rows, evenly spaced, of the training table.

    `score` is the key of the answer that is counted: `predict_probability`, `predict_result` of a regression, or
    `cluster`. Bin i holds edges[i] <= score < edges[i + 1]; the first bin also what is below, the last what is from its
    edge on. Edges are deciles, fewer where they coincide; each cluster has a bin. None: the table is gone, or empty.
    """
    try:
        table = TableArtifact(model.sidecar["fitted_on"]).read()
        features = matrix(_spaced(table.select(model.features)), model.features)
    except (ArtifactNotFound, InvalidInput, KeyError):
        return None
    if len(features) == 0:
        return None
    name, scores = _scores(model, features)
    edges = _edges(model, scores)
    bins = np.clip(np.searchsorted(edges, scores, side="right") - 1, 0, len(edges) - 2)
    shares = np.bincount(bins, minlength=len(edges) - 1) / len(scores)
    return {"score": name, "edges": edges.tolist(), "shares": shares.tolist(), "rows": len(scores)}


def _spaced(table: pa.Table) -> pa.Table:
    if table.num_rows <= ROWS:
        return table
    return table.take(pa.array(np.linspace(0, table.num_rows - 1, ROWS).astype(np.int64)))


def _scores(model: ModelArtifact, features: np.ndarray) -> tuple[str, np.ndarray]:
    found = model.score(features)
    if found.probabilities is None:
        return ("cluster" if model.is_clustering else "predict_result"), found.labels
    positive = model.positive_index
    chances = found.probabilities.max(axis=1) if positive is None else found.probabilities[:, positive]
    return "predict_probability", chances


def _edges(model: ModelArtifact, scores: np.ndarray) -> np.ndarray:
    if model.is_clustering:
        return np.arange(len(model.estimator.cluster_centers_) + 1, dtype=np.float64)
    edges = np.unique(np.quantile(scores, np.linspace(0, 1, BINS + 1)))
    return edges if len(edges) > 1 else np.array([edges[0], edges[0]])
