"""Fits some models on the credit data and writes each for both runtimes.

    python make_models.py DIRECTORY CREDIT_CSV

DIRECTORY/<name>/1/0 is a deployment of ours, <name>/float.onnx and double.onnx are skl2onnx's, <name>/expected.f8 holds
scikit-learn's probabilities of the second class for the 6,000 rows in rows.f8. Prints what scikit-learn itself takes.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.csv
import skl2onnx
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from celeriac.artifacts import uris
from celeriac.artifacts.commit import Outputs
from celeriac.artifacts.deployments import signature, write_deployment
from celeriac.artifacts.models import ModelArtifact, write_model
from celeriac.artifacts.transforms import write_transform
from celeriac.transforms import Standardize

MODELS: dict[str, Any] = {
    "LR, standardised": LogisticRegression(solver="liblinear", tol=1e-10),
    "GBDT 100 x 3": GradientBoostingClassifier(n_estimators=100, max_depth=3, random_state=0),
    "RF 50 x 8": RandomForestClassifier(n_estimators=50, max_depth=8, random_state=0),
    "RF 50 x 8, standardised": RandomForestClassifier(n_estimators=50, max_depth=8, random_state=0),
}


def main() -> None:
    root, csv = Path(sys.argv[1]), sys.argv[2]
    table = pyarrow.csv.read_csv(csv)
    names = [n for n in table.column_names if n not in ("ID", "default.payment.next.month")]
    identity, y = table["ID"].to_numpy(), table["default.payment.next.month"].to_numpy()
    x = np.column_stack([table[name].to_numpy().astype(np.float64) for name in names])
    train, test = identity % 5 != 0, identity % 5 == 0
    root.mkdir(parents=True, exist_ok=True)
    x[test].tofile(root / "rows.f8")
    for name, estimator in MODELS.items():
        is_scaled = "standardised" in name
        place = root / name.replace(" ", "_").replace(",", "")
        scaler = StandardScaler().fit(x[train])
        estimator.fit(scaler.transform(x[train]) if is_scaled else x[train], y[train])
        whole = Pipeline([("scale", scaler), ("model", estimator)]) if is_scaled else estimator
        whole.predict_proba(x[test])[:, 1].tofile(place_of(place) / "expected.f8")
        deploy(place, estimator, scaler if is_scaled else None, table.filter(train), names)
        convert(place, whole, x.shape[1])
        print(json.dumps({"model": name, "runtime": "scikit-learn", **timed(whole.predict_proba, x[test])}), flush=True)


def place_of(place: Path) -> Path:
    place.mkdir(parents=True, exist_ok=True)
    return place


def deploy(place: Path, estimator: Any, scaler: StandardScaler | None, table: Any, names: list[str]) -> None:
    features = [{"name": name, "dtype": "float64"} for name in names]
    facts = {"task": "binary_classification", "classes": [0, 1], "positive": 1, "features": features}
    parts = Outputs(uris.from_path(place / "parts"))
    write_model(parts.place("model"), estimator, facts)
    chain = []
    if scaler is not None:
        pairs = zip(names, scaler.mean_.tolist(), scaler.scale_.tolist(), strict=True)
        columns = [{"name": n, "dtype": "float64", "mean": mean, "scale": scale} for n, mean, scale in pairs]
        chain.append(Standardize({"columns": columns, "suffix": None}))
        write_transform(parts.place("chain"), chain[0], {})
    parts.commit({})
    model = ModelArtifact(parts.uri("model"))
    made = Outputs(uris.from_path(place / "1"))
    sidecar = {"name": place.name, "signature": signature(model, chain)}
    chain_uris = [parts.uri("chain")] if chain else []
    write_deployment(made.place("0"), model, chain_uris, sidecar, table.select(names).slice(0, 50), "native")
    made.commit({})


def convert(place: Path, whole: Any, width: int) -> None:
    for kind, tensor in (("float", FloatTensorType), ("double", DoubleTensorType)):
        converted = skl2onnx.to_onnx(whole, initial_types=[("x", tensor([None, width]))], options={"zipmap": False})
        (place / f"{kind}.onnx").write_bytes(converted.SerializeToString())


def timed(predict: Callable[[np.ndarray], Any], x: np.ndarray) -> dict[str, float]:
    """Microseconds a row: one row a call, and 256; medians."""
    out = {}
    for size, calls in ((1, 500), (256, 200)):
        parts = [x[i * size % 5_000 : i * size % 5_000 + size] for i in range(calls)]
        spent = []
        for part in parts:
            start = time.perf_counter()
            predict(part)
            spent.append((time.perf_counter() - start) / size)
        out[f"us_per_row_{size}"] = round(float(np.median(spent)) * 1e6, 3)
    return out


if __name__ == "__main__":
    main()
