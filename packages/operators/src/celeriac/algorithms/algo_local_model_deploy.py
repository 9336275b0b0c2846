"""Packs a model for serving and asks the scheduler to register it as a model version."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from ..artifacts.columns import matrix
from ..artifacts.deployments import SAMPLE_CELLS, signature, write_deployment
from ..artifacts.models import ModelArtifact
from ..artifacts.strict_json import dumps
from ..artifacts.tables import TableArtifact, read_sidecar
from ..artifacts.transforms import apply_chain, read_transform
from ..context import Context
from ..errors import InvalidInput, OperatorError
from ..score_histogram import score_histogram
from ..transforms import Transform

ANSWER_TOLERANCE = 1e-9
MESSAGE_BYTES = 48 * 1024


def run(ctx: Context) -> None:
    model = ctx.model(0)
    chain_uris = model.sidecar.get("transforms") or []
    chain = [read_transform(uri) for uri in chain_uris]
    name = ctx.params["name"] or model.sidecar["algorithm"].removeprefix("algo_local_")
    metrics = dict(model.sidecar.get("metrics") or {})
    if ctx.has_input(1):
        metrics |= ctx.report_input(1)["metrics"]
    accepted = signature(model, chain)
    sample = sample_rows(ctx, model, chain_uris, accepted)
    versions = library_versions(model)
    lineage: dict[str, Any] = {
        "name": name,
        "description": ctx.params["description"],
        "signature": accepted,
        "classes": model.sidecar.get("classes"),
        "metrics": metrics,
        "algorithm": model.sidecar["algorithm"],
        "params": model.sidecar["params"],
        "data_hash": model.sidecar.get("data_hash"),
        "library_versions": versions,
        "model": model.uri,
        "transforms": chain_uris,
        "tolerance": ctx.params["tolerance"],
        "score_histogram": score_histogram(model),
    }
    verify(model, chain, sample)
    uri = ctx.write_deployment(0, lambda place: write(ctx, place, model, chain_uris, lineage, sample))
    ctx.deployment(description(ctx, uri, lineage))
    print(f"packed {name}: {len(accepted['inputs'])} inputs, {len(chain)} transforms, {sample.num_rows} sample rows")


def description(ctx: Context, uri: str, lineage: dict[str, Any]) -> dict[str, Any]:
    """What the scheduler registers. A signature too long for a message is left out; the sidecar has it."""
    out = {"alias": ctx.params["alias"], "model_uri": uri, **lineage}
    for name in ("params", "signature", "classes"):
        if len(dumps(out)) > MESSAGE_BYTES:
            out[name] = None
    return out


def write(
    ctx: Context,
    place: str,
    model: ModelArtifact,
    chain_uris: list[str],
    lineage: dict[str, Any],
    sample: pa.Table,
) -> None:
    names = ("run_id", "operator_id", "attempt", "algo_name")
    created_by = {"created_by": {key: getattr(ctx, key) for key in names}}
    write_deployment(place, model, chain_uris, lineage | created_by, sample, ctx.params["runtime"])


def sample_rows(ctx: Context, model: ModelArtifact, chain_uris: list[str], accepted: dict[str, Any]) -> pa.Table:
    """Raw rows, evenly spaced: from the table the first transform was fitted on, else from the training table."""
    source = read_sidecar(chain_uris[0])["fitted_on"] if chain_uris else model.sidecar["fitted_on"]
    table = TableArtifact(source).read()
    names = [spec["name"] for spec in accepted["inputs"]]
    absent = [name for name in names if name not in table.column_names]
    if absent:
        raise InvalidInput(f'the raw table {source} has no column "{absent[0]}" that the model needs', column=absent[0])
    table = table.select(names)
    required = [spec["name"] for spec in accepted["inputs"] if not spec["nullable"]]
    complete = np.ones(table.num_rows, dtype=bool)
    for column in required:
        complete &= table.column(column).is_valid().to_numpy()
    usable = np.flatnonzero(complete)
    # Workers read the sample whenever they load the model.
    count = min(ctx.params["sample_rows"], len(usable), max(1, SAMPLE_CELLS // max(1, len(names))))
    return table.take(pa.array(usable[np.linspace(0, len(usable) - 1, count).astype(int)] if count else usable[:0]))


def verify(model: ModelArtifact, chain: list[Transform], sample: pa.Table) -> None:
    """Raises OperatorError unless rows of the sample give the same answer alone as together."""
    if sample.num_rows == 0:
        return
    together = model.score(matrix(apply_chain(chain, sample, serving=True), model.features))
    for index in range(sample.num_rows):
        row = apply_chain(chain, sample.slice(index, 1), serving=True)
        alone = model.score(matrix(row, model.features))
        same = alone.labels[0] == together.labels[index]
        if model.is_regression:  # sums over features may be taken in another order
            same = np.isclose(alone.labels[0], together.labels[index], rtol=ANSWER_TOLERANCE, atol=ANSWER_TOLERANCE)
        if same and alone.probabilities is not None and together.probabilities is not None:
            same = np.allclose(alone.probabilities[0], together.probabilities[index], rtol=0, atol=ANSWER_TOLERANCE)
        if not same:
            raise OperatorError(f"sample row {index} has another answer alone than among others; refusing to deploy")


def library_versions(model: ModelArtifact) -> dict[str, str]:
    import platform

    import pandas
    import sklearn

    return {
        "python": platform.python_version(),
        "scikit_learn": sklearn.__version__,
        "trained_with": model.sidecar.get("library_version", sklearn.__version__),
        "numpy": np.__version__,
        "pandas": pandas.__version__,
        "pyarrow": pa.__version__,
    }
