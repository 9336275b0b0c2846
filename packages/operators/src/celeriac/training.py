"""What the training algorithms share: features, labels, weights, and the facts of a model sidecar."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from .artifacts.columns import labels, logical_type, matrix, numbers, require
from .context import Context
from .errors import InvalidInput


class TrainingSet(NamedTuple):
    """A table as a learner takes it."""

    features: list[dict[str, str]]  # name and dtype, in column order
    x: np.ndarray  # (rows, features), float64, finite
    y: np.ndarray  # (rows,)
    weights: np.ndarray | None  # (rows,), finite, >= 0

    @property
    def names(self) -> list[str]:
        return [feature["name"] for feature in self.features]


def training_set(ctx: Context) -> TrainingSet:
    """Reads input 0 by the parameters x_cols, y_col and weight_col. Raises InvalidInput."""
    table = ctx.table(0).read()
    target, weight = ctx.params["y_col"], ctx.params["weight_col"]
    if table.num_rows == 0:
        raise InvalidInput("the table has no rows to train on")
    require(table, [target], "label column")
    names = ctx.params["x_cols"] or [n for n in table.column_names if n not in (target, weight)]
    if target in names:
        raise ctx.invalid("x_cols", f'contains the label column "{target}"')
    if not names:
        raise InvalidInput("the table has no columns but the label")
    weights = row_weights(table, weight)
    return TrainingSet(feature_specs(table, names), matrix(table, names), labels(table, target), weights)


def feature_specs(table: pa.Table, names: Sequence[str]) -> list[dict[str, str]]:
    require(table, names, "feature")
    return [{"name": name, "dtype": logical_type(table.schema.field(name).type)} for name in names]


def row_weights(table: pa.Table, name: str | None) -> np.ndarray | None:
    """A column of weights, (rows,). Raises InvalidInput unless all are finite, >= 0 and one is positive."""
    if name is None:
        return None
    require(table, [name], "weight column")
    matrix(table, [name], "weight column")
    weights = numbers(table.column(name))
    if (weights < 0).any() or not (weights > 0).any():
        raise InvalidInput(f'weight column "{name}" must have no negative and some positive values', column=name)
    return weights


def match_label(classes: Sequence[Any], wanted: Any, param: str, ctx: Context) -> Any:
    """The class that `wanted` names: by value, else by text. Raises InvalidParams listing the classes."""
    by_value = [c for c in classes if c == wanted and isinstance(c, bool) == isinstance(wanted, bool)]
    found = by_value or [c for c in classes if label_text(c) == label_text(wanted)]
    if not found and wanted in (0, 1):  # 1 and 0 also name the labels true and false
        found = [c for c in classes if isinstance(c, bool) and c == wanted]
    if not found:
        shown = ", ".join(label_text(c) for c in classes[:20]) + (", …" if len(classes) > 20 else "")
        raise ctx.invalid(param, f"{label_text(wanted)} is not one of the labels in the data: {shown}")
    return found[0]


def label_text(value: Any) -> str:
    """A label as text: true/false for booleans, no fraction for whole numbers."""
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def class_weights(ctx: Context, classes: Sequence[Any]) -> Any:
    """The parameter class_weight with labels (text, in JSON) turned into the labels of the data."""
    given = ctx.params["class_weight"]
    if not isinstance(given, dict):
        return given
    return {match_label(classes, label, "class_weight", ctx): weight for label, weight in given.items()}


def model_facts(ctx: Context, data: TrainingSet, **facts: Any) -> dict[str, Any]:
    """The part of a model sidecar that every supervised model has."""
    import sklearn

    source = ctx.table(0)
    return {
        "algorithm": ctx.algo_name,
        "library": "scikit-learn",
        "library_version": sklearn.__version__,
        "params": ctx.params,
        "features": data.features,
        "target": ctx.params.get("y_col"),
        "fitted_on": source.uri,
        "data_hash": source.sidecar.get("data_hash"),
        "rows": len(data.x),
        "transforms": source.transforms,
        **facts,
    }
