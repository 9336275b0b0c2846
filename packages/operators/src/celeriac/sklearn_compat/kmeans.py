"""KMeans.

Source: changelogs of scikit-learn 0.25/1.0 (precompute_distances, n_jobs removed), 1.1 and 1.3 (algorithm auto and
full), 1.2 (n_init auto).
"""

from __future__ import annotations

from typing import Any

from .records import Mapping, Version


def map_kmeans(params: dict[str, Any], version: Version) -> Mapping:
    """Arguments for KMeans. `params` has the manifest's estimator parameters, defaults filled in."""
    del version  # all supported versions take the same arguments
    mapping = Mapping(dict(params))
    kwargs = mapping.kwargs
    if kwargs["algorithm"] in ("auto", "full"):
        mapping.rewrite("algorithm", "lloyd", "auto and full were removed in scikit-learn 1.3; the result is the same")
    mapping.drop("precompute_distances", "removed in scikit-learn 1.0; it only changed the speed")
    mapping.drop("n_jobs", "removed in scikit-learn 1.0")
    mapping.drop("copy_x", "the input is never changed", silent=(None, True))
    if kwargs["n_init"] == "auto":
        restarts = 10 if kwargs["init"] == "random" else 1
        mapping.rewrite("n_init", restarts, "auto is 10 with random centres, else 1")
    if isinstance(kwargs["init"], list) and kwargs["n_init"] != 1:
        kwargs["n_init"] = 1  # every start would be the same
    mapping.seed(matters=True)
    kwargs["verbose"] = int(kwargs["verbose"] or 0)
    return mapping
