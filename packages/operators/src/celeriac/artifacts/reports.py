"""Report artifacts: `report.json` beside `sidecar.json`.

Charts have one of four kinds:
  curve   {"kind", "name", "title", "x": label, "y": label, "series": [{"name", "points": [[x, y], ...]}]}
  bar     {"kind", "name", "title", "x": label, "y": label, "bars": [[label, value], ...]}
  matrix  {"kind", "name", "title", "rows": [labels], "columns": [labels], "values": [[...], ...]}
  table   {"kind", "name", "title", "columns": [names], "rows": [[...], ...]}
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import commit, storage, strict_json, uris
from .tables import SIDECAR_FILE

REPORT_FILE = "report.json"
CURVE_POINTS = 200


def write_report(
    place: str, metrics: dict[str, float | None], charts: list[dict[str, Any]], facts: dict[str, Any]
) -> dict[str, Any]:
    """Writes the report into the directory `place`; returns the sidecar, which holds metrics and charts as well."""
    report = {"format": 1, "type": "Report", "metrics": metrics, "charts": charts}
    content = strict_json.dumps(report)
    storage.write_bytes(uris.join(place, REPORT_FILE), content)
    sidecar = {
        **report,
        "files": [REPORT_FILE],
        "bytes": len(content),
        "created_at": commit.utc_now(),
        **facts,
    }
    storage.write_bytes(uris.join(place, SIDECAR_FILE), strict_json.dumps(sidecar))
    return sidecar


def curve(name: str, title: str, x: str, y: str, series: dict[str, tuple[Sequence[float], Sequence[float]]]) -> dict:
    """A curve chart; each series is thinned to at most 200 points, ends included."""
    drawn = [{"name": label, "points": thin(xs, ys)} for label, (xs, ys) in series.items()]
    return {"kind": "curve", "name": name, "title": title, "x": x, "y": y, "series": drawn}


def bar(name: str, title: str, x: str, y: str, bars: Sequence[tuple[Any, float]]) -> dict[str, Any]:
    return {
        "kind": "bar",
        "name": name,
        "title": title,
        "x": x,
        "y": y,
        "bars": [list(item) for item in bars],
    }


def matrix(name: str, title: str, rows: Sequence[str], columns: Sequence[str], values: Any) -> dict[str, Any]:
    return {
        "kind": "matrix",
        "name": name,
        "title": title,
        "rows": rows,
        "columns": columns,
        "values": values,
    }


def table(name: str, title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> dict[str, Any]:
    return {"kind": "table", "name": name, "title": title, "columns": columns, "rows": rows}


def thin(xs: Sequence[float], ys: Sequence[float], limit: int = CURVE_POINTS) -> list[list[float]]:
    """At most `limit` points of a curve, evenly spaced by index, with the first and the last."""
    x, y = np.asarray(xs, dtype=float), np.asarray(ys, dtype=float)
    if len(x) > limit:
        chosen = np.unique(np.round(np.linspace(0, len(x) - 1, limit)).astype(int))
        x, y = x[chosen], y[chosen]
    return [[float(a), float(b)] for a, b in zip(np.round(x, 6), np.round(y, 6), strict=True)]
