"""Fitted transforms.

A transform is fitted once, stored as JSON (no pickle: any program can apply it) and applied again to other tables and,
in a deployment, to the rows of a prediction request. Kinds are found by name in `KINDS`.
"""

from __future__ import annotations

from typing import Any

from .base import Transform
from .fill_missing import FillMissing
from .label_encode import LabelEncode
from .rename import Rename
from .standardize import Standardize

KINDS: dict[str, type[Transform]] = {c.kind: c for c in (FillMissing, LabelEncode, Rename, Standardize)}

__all__ = ["KINDS", "FillMissing", "LabelEncode", "Rename", "Standardize", "Transform", "load"]


def load(kind: str, state: dict[str, Any]) -> Transform:
    """The transform of this kind. Raises ValueError for a kind this version does not know."""
    if kind not in KINDS:
        raise ValueError(f'transform kind "{kind}" is not known; known: {", ".join(KINDS)}')
    return KINDS[kind](state)
