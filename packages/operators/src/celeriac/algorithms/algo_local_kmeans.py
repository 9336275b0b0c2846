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
from ..kmeans_iterations import iterations_heard
from ..sklearn_compat import map_kmeans, parse_version
from ..training import SQUARE_MAX, TrainingSet, feature_specs, model_facts, require_within
from ..watched_fit import WatchedFit, watched_fit

OWN = ("x_cols", "n_clusters", "k_max", "mini_batch", "batch_size", "silhouette_sample")
CLUSTER_COLUMN = "cluster"


class Progress:
    """Iterations done, of those there can be at most: every start may take `max_iter` and most take far fewer."""

    def __init__(self, ctx: Context, counts: list[int], starts: int, max_iter: int) -> None:
        self.iterations = 0  # of all starts
        self._ctx = ctx
        self._starts, self._max_iter = starts, max_iter
        self._total = len(counts) * starts * max_iter
        self._done = 0
        self._label = ""

    def start(self, count: int, start: int) -> None:
        self._label = f"{count} clusters, start {start + 1} of {self._starts}"
        self._ctx.progress(self._done * self._max_iter, self._total, self._label)

    def heard(self, iteration: int, last: int | None, inertia: str) -> None:
        """An iteration of the present start. Mini batches have steps: then `last` is their greatest number."""
        share = min(iteration / (last or self._max_iter), 1)
        at = self._done * self._max_iter + int(share * self._max_iter)
        unit = "step" if last else "iteration"
        self._ctx.progress(at, self._total, f"{self._label}, {unit} {iteration}, inertia {inertia}")

    def end(self, iterations: int) -> None:
        self._done += 1
        self.iterations += iterations
        self._ctx.progress(self._done * self._max_iter, self._total, f"{self._label}: {iterations} iterations")


def run(ctx: Context) -> None:
    table = ctx.table(0).read()
    names = ctx.params["x_cols"] or numeric_names(table)
    if not names:
        raise InvalidInput("the table has no numeric columns to cluster by")
    x = matrix(table, names)
    rows = TrainingSet(feature_specs(table, names), x, np.empty(0), None)
    require_within(rows, SQUARE_MAX, "too large for squares; standardise the features first")
    given = {name: value for name, value in ctx.params.items() if name not in OWN}
    mapping = map_kmeans(given, parse_version(sklearn.__version__))
    ctx.compat(mapping.records)
    counts = cluster_counts(ctx, x, names)
    progress = Progress(ctx, counts, mapping.kwargs["n_init"], mapping.kwargs["max_iter"])
    with watched_fit() as watch:
        tried = search(ctx, x, mapping.kwargs, counts, progress)
    model = tried[0][0] if len(tried) == 1 else max(tried, key=lambda t: -2.0 if t[1] is None else t[1])[0]
    clusters = model.labels_.astype(np.int64)
    sample, seed = ctx.params["silhouette_sample"], mapping.kwargs["random_state"]
    centres = model.cluster_centers_
    metrics = measure(x, clusters, centres=centres, sample=sample, seed=seed) | {"inertia": float(model.inertia_)}
    metrics |= fit_metrics(model, watch, progress)
    data = rows._replace(y=clusters)
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


def fit_metrics(model: KMeans, watch: WatchedFit, progress: Progress) -> dict[str, float]:
    """iterations (of the start that was kept), iterations_total (of all), train_seconds, converged."""
    converged = int(model.n_iter_) < model.max_iter  # its warnings are of other things
    iterations = {"iterations": int(model.n_iter_), "iterations_total": progress.iterations}
    return iterations | watch.metrics() | {"converged": int(converged)}


def search(
    ctx: Context, x: np.ndarray, kwargs: dict[str, Any], counts: list[int], progress: Progress
) -> list[tuple[KMeans, float | None]]:
    """A fitted model per number of clusters, with its silhouette when there are several to choose from."""
    tried = []
    for count in counts:
        model = fit(ctx, x, kwargs, count, progress)
        value = None
        if len(counts) > 1:
            value = silhouette(x, model.labels_, ctx.params["silhouette_sample"], kwargs["random_state"])
            print(f"{count} clusters: inertia {model.inertia_:.6f}, silhouette {value}")
        tried.append((model, value))
    return tried


def fit(ctx: Context, x: np.ndarray, kwargs: dict[str, Any], count: int, progress: Progress) -> KMeans:
    """The best of `n_init` starts. They share one random state, so that the result is that of n_init at once."""
    random = np.random.RandomState(kwargs["random_state"])
    arguments = {**kwargs, "n_clusters": count, "n_init": 1, "random_state": random, "verbose": 1}
    if isinstance(arguments["init"], list):
        arguments["init"] = np.asarray(arguments["init"], dtype=np.float64)
    make = KMeans
    if ctx.params["mini_batch"]:
        arguments.pop("algorithm")
        arguments["batch_size"] = ctx.params["batch_size"]
        make = MiniBatchKMeans
    best: KMeans | None = None
    for start in range(kwargs["n_init"]):
        progress.start(count, start)
        with iterations_heard(progress.heard, shown=kwargs["verbose"] > 0):
            model = make(**arguments).fit(x)
        if best is None or model.inertia_ < best.inertia_:
            best = model
        progress.end(int(model.n_iter_))
    # The stored model holds the seed, not the state of the generator, and prints nothing.
    return best.set_params(random_state=kwargs["random_state"], verbose=kwargs["verbose"])


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
