"""JSON as every reader understands it: UTF-8, no NaN, no Infinity, no numpy types."""

from __future__ import annotations

import datetime
import decimal
import json
import math
from typing import Any

import numpy as np


def dumps(value: Any, *, indent: int | None = None) -> bytes:
    """`value` as JSON; non-finite numbers become null."""
    separators = (",", ": ") if indent else (",", ":")
    return json.dumps(plain(value), ensure_ascii=False, allow_nan=False, indent=indent, separators=separators).encode()


def plain(value: Any) -> Any:
    """`value` made of dict, list, str, int, float, bool and None only. Raises TypeError for anything else."""
    if value is None or (isinstance(value, str | bool | int) and type(value) in (str, bool, int)):
        return value
    if isinstance(value, float | np.floating | decimal.Decimal):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, np.integer | int):
        return int(value)
    if isinstance(value, datetime.date | datetime.time):  # datetime is a date
        return value.isoformat()
    if isinstance(value, np.datetime64):
        return None if np.isnat(value) else str(value)
    if isinstance(value, str):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no place in JSON")
