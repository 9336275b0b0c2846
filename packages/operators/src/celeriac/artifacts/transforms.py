"""Transform artifacts: `transform.json` beside `sidecar.json`, and chains of them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from ..transforms import Transform, load
from . import commit, storage, strict_json, uris
from .tables import SIDECAR_FILE, read_sidecar

TRANSFORM_FILE = "transform.json"


def write_transform(place: str, transform: Transform, facts: dict[str, Any]) -> dict[str, Any]:
    """Writes the fitted transform and its sidecar into the directory `place`; returns the sidecar."""
    content = strict_json.dumps({"kind": transform.kind, "state": transform.state})
    storage.write_bytes(uris.join(place, TRANSFORM_FILE), content)
    sidecar = {
        "format": 1,
        "type": "Transform",
        "kind": transform.kind,
        "columns": transform.columns,
        "files": [TRANSFORM_FILE],
        "bytes": len(content),
        "created_at": commit.utc_now(),
        **facts,
    }
    storage.write_bytes(uris.join(place, SIDECAR_FILE), strict_json.dumps(sidecar))
    return sidecar


def read_transform(uri: str) -> Transform:
    """The fitted transform at `uri`. Raises ArtifactNotFound."""
    read_sidecar(uri)
    return parse(storage.read_bytes(uris.join(uri, TRANSFORM_FILE)))


def parse(content: bytes) -> Transform:
    stored = json.loads(content)
    return load(stored["kind"], stored["state"])


def apply_chain(chain: Iterable[Transform], table: pa.Table, *, serving: bool = False) -> pa.Table:
    """The table after all transforms, in order."""
    for transform in chain:
        table = transform.apply(table, serving=serving)
    return table
