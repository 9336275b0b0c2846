"""K-means clustering."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import sklearn
from sklearn.cluster import KMeans, MiniBatchKMeans

from ..artifacts import reports
from ..artifacts.columns import matrix, numeric_names, with_column
from ..cluster_metrics import charts, measure, silhouette
from ..context import Context
from ..errors import InvalidInput
from ..sklearn_compat import map_kmeans, parse_version
from ..training import TrainingSet, feature_specs, model_facts

OWN = ("x_cols", "n_clusters", "k_max", "mini_batch", "batch_size", "silhouette_sample")
CLUSTER_COLUMN = "cluster"


def run(ctx: Context) -> None:
    table = ctx.table(0).read()
    names = ctx.params["x_cols"] or numeric_names(table)
    if not names:
        raise InvalidInput("the table has no numeric columns to cluster by")
    x = matrix(table, names)
    given = {name: value for name, value in ctx.params.items() if name not in OWN}
    mapping = map_kmeans(given, parse_version(sklearn.__version__))
    ctx.compat(mapping.records)
    counts = cluster_counts(ctx, x, names)
    tried = search(ctx, x, mapping.kwargs, counts)
    model = tried[0][0] if len(tried) == 1 else max(tried, key=lambda t: -2.0 if t[1] is None else t[1])[0]
    clusters = model.labels_.astype(np.int64)
    sample, seed = ctx.params["silhouette_sample"], mapping.kwargs["random_state"]
    centres = model.cluster_centers_
    metrics = measure(x, clusters, centres=centres, sample=sample, seed=seed) | {"inertia": float(model.inertia_)}
    metrics["iterations"] = int(model.n_iter_)
    data = TrainingSet(feature_specs(table, names), x, clusters, None)
    sizes = np.bincount(clusters, minlength=model.n_clusters)
    facts = model_facts(
        ctx,
        data,
        task="clustering",
        target=None,
        positive=None,
        classes=None,
        compat=mapping.records,
        metrics=metrics,
        summary={"centres": centres.tolist(), "sizes": sizes.tolist()},
    )
    uri = ctx.write_model(0, model, facts)
    out = with_column(table, CLUSTER_COLUMN, pa.array(clusters))
    ctx.write_table(1, out, facts={"cluster_column": CLUSTER_COLUMN, "clustered_by": names, "model": uri})
    ctx.write_report(2, metrics, [*charts(x, clusters, names), *by_count(tried)], model=uri)


def cluster_counts(ctx: Context, x: np.ndarray, names: list[str]) -> list[int]:
    """The numbers of clusters to try. Raises when there are too few distinct rows, or given centres do not fit."""
    least, most, init = ctx.params["n_clusters"], ctx.params["k_max"], ctx.params["init"]
    if most is not None and most < max(least, 2):
        raise ctx.invalid("k_max", f"must be at least {max(least, 2)}, got {most}")
    if isinstance(init, list):
        if len(init) != least:
            raise ctx.invalid("init", f"has {len(init)} centres for {least} clusters")
        if any(len(centre) != len(names) for centre in init):
            raise ctx.invalid("init", f"every centre must have {len(names)} numbers, one per feature")
    counts = [least] if most is None else list(range(max(least, 2), most + 1))
    if len(x) < counts[-1] or (len(x) <= 100_000 and len(np.unique(x, axis=0)) < counts[-1]):
        distinct = len(np.unique(x, axis=0))
        raise InvalidInput(f"{counts[-1]} clusters need as many distinct rows; the table has {distinct}")
    return counts


def search(ctx: Context, x: np.ndarray, kwargs: dict[str, Any], counts: list[int]) -> list[tuple[KMeans, float | None]]:
    """A fitted model per number of clusters, with its silhouette when there are several to choose from."""
    starts, tried = kwargs["n_init"], []
    for index, count in enumerate(counts):
        model = fit(ctx, x, kwargs, count, index * starts, len(counts) * starts)
        value = None
        if len(counts) > 1:
            value = silhouette(x, model.labels_, ctx.params["silhouette_sample"], kwargs["random_state"])
            print(f"{count} clusters: inertia {model.inertia_:.6f}, silhouette {value}")
        tried.append((model, value))
    return tried


def fit(ctx: Context, x: np.ndarray, kwargs: dict[str, Any], count: int, done: int, total: int) -> KMeans:
    """The best of `n_init` starts. They share one random state, so that the result is that of n_init at once."""
    random = np.random.RandomState(kwargs["random_state"])
    arguments = {**kwargs, "n_clusters": count, "n_init": 1, "random_state": random}
    if isinstance(arguments["init"], list):
        arguments["init"] = np.asarray(arguments["init"], dtype=np.float64)
    make = KMeans
    if ctx.params["mini_batch"]:
        arguments.pop("algorithm")
        arguments["batch_size"] = ctx.params["batch_size"]
        make = MiniBatchKMeans
    best: KMeans | None = None
    for start in range(kwargs["n_init"]):
        model = make(**arguments).fit(x)
        if best is None or model.inertia_ < best.inertia_:
            best = model
        ctx.progress(done + start + 1, total, f"{count} clusters, start {start + 1} of {kwargs['n_init']}")
    best.random_state = kwargs["random_state"]  # the stored model holds the seed, not the state of the generator
    return best


def by_count(tried: list[tuple[KMeans, float | None]]) -> list[dict[str, Any]]:
    """Inertia and silhouette over the number of clusters, when several were tried."""
    if len(tried) == 1:
        return []
    counts = [model.n_clusters for model, _ in tried]
    inertia = {"inertia": (counts, [model.inertia_ for model, _ in tried])}
    scored = [(model.n_clusters, value) for model, value in tried if value is not None]
    silhouettes = {"silhouette": ([c for c, _ in scored], [v for _, v in scored])}
    return [
        reports.curve("inertia_by_k", "Inertia by number of clusters", "clusters", "inertia", inertia),
        reports.curve("silhouette_by_k", "Silhouette by number of clusters", "clusters", "silhouette", silhouettes),
    ]
