"""Measures of a clustering.

`x` has shape (rows, features), `clusters` (rows,) holds integers. A measure that does not exist for the data (one
cluster only, say) is null.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.metrics import (
    adjusted_rand_score,
    calinski_harabasz_score,
    davies_bouldin_score,
    normalized_mutual_info_score,
    silhouette_score,
)

from .artifacts import reports

Array = np.ndarray


def measure(x: Array, clusters: Array, *, centres: Array | None, sample: int, seed: int) -> dict[str, Any]:
    """inertia (to `centres`, else to the means of the clusters), silhouette, calinski_harabasz, davies_bouldin,
    clusters, rows."""
    labels, indexes, sizes = np.unique(clusters, return_inverse=True, return_counts=True)
    if centres is None:
        sums = np.zeros((len(labels), x.shape[1]))
        np.add.at(sums, indexes, x)
        nearest = (sums / sizes[:, None])[indexes]
    else:
        nearest = centres[clusters]
    out: dict[str, Any] = {
        "inertia": float(((x - nearest) ** 2).sum()),
        "silhouette": None,
        "calinski_harabasz": None,
        "davies_bouldin": None,
        "clusters": len(labels),
        "rows": len(x),
    }
    if 2 <= len(labels) < len(x):
        out["silhouette"] = silhouette(x, clusters, sample, seed)
        out["calinski_harabasz"] = float(calinski_harabasz_score(x, clusters))
        out["davies_bouldin"] = float(davies_bouldin_score(x, clusters))
    return out


def silhouette(x: Array, clusters: Array, sample: int, seed: int) -> float | None:
    """Mean silhouette, of at most `sample` rows drawn with `seed`; null when the draw has fewer than 2 clusters."""
    if len(x) > sample:
        chosen = np.sort(np.random.default_rng(seed).permutation(len(x))[:sample])
        x, clusters = x[chosen], clusters[chosen]
    if not 2 <= len(np.unique(clusters)) < len(x):
        return None
    return float(silhouette_score(x, clusters))


def agreement(truth: Array, clusters: Array) -> dict[str, float]:
    """Adjusted Rand index and normalised mutual information with known classes."""
    names = np.array([str(value) for value in truth.tolist()])
    return {
        "ari": float(adjusted_rand_score(names, clusters)),
        "nmi": float(normalized_mutual_info_score(names, clusters)),
    }


def charts(x: Array, clusters: Array, names: list[str]) -> list[dict[str, Any]]:
    """Sizes of the clusters, and the mean of each feature per cluster."""
    labels, sizes = np.unique(clusters, return_counts=True)
    bars = [(str(label), int(size)) for label, size in zip(labels, sizes, strict=True)]
    means = [[int(label), *x[clusters == label].mean(axis=0).round(6).tolist()] for label in labels]
    return [
        reports.bar("sizes", "Cluster sizes", "cluster", "rows", bars),
        reports.table("centres", "Cluster means", ["cluster", *names], means),
    ]


def cross_table(truth: Array, clusters: Array, name: str) -> dict[str, Any]:
    """Rows per class and cluster."""
    classes, class_index = np.unique([str(value) for value in truth.tolist()], return_inverse=True)
    labels, cluster_index = np.unique(clusters, return_inverse=True)
    counts = np.zeros((len(classes), len(labels)), dtype=int)
    np.add.at(counts, (class_index, cluster_index), 1)
    title = f"{name} (rows) by cluster (columns)"
    return reports.matrix("classes", title, classes.tolist(), [str(v) for v in labels], counts)
