"""What the training algorithms share: features, labels, weights, and the facts of a model sidecar.

A learner predicts labels (classification) or numbers (regression). `auto` decides by the label column: text and
booleans are labels, and so are at most 20 distinct whole numbers; other numbers are values of a regression.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from .artifacts.columns import is_numeric, labels, logical_type, matrix, numbers, require
from .context import Context
from .errors import InvalidInput

AUTO_CLASSES = 20
MAX_CLASSES = 1000
LARGEST_EXACT = 2**53  # whole numbers beyond it change on their way through JSON
LIBLINEAR_MAX = 1e30
WEIGHT_MAX = 1e15  # with much greater ones liblinear does not end, and sums of squares overflow
SQUARE_MAX = 1e150  # numbers whose squares can still be added up
FLOAT32_MAX = float(np.finfo(np.float32).max)


class TrainingSet(NamedTuple):
    """A table as a learner takes it."""

    features: list[dict[str, str]]  # name and dtype, in column order
    x: np.ndarray  # (rows, features), float64, finite
    y: np.ndarray  # (rows,) labels; float64, finite for a regression
    weights: np.ndarray | None  # (rows,), finite, >= 0
    task: str = "classification"  # or "regression"

    @property
    def names(self) -> list[str]:
        return [feature["name"] for feature in self.features]


def training_set(ctx: Context, task: str = "classification") -> TrainingSet:
    """Reads input 0 by the parameters x_cols, y_col and weight_col. Raises InvalidInput.

    `task`: classification, regression or auto.
    """
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
    if task == "auto":
        task = guessed_task(table, target)
        print(f"{task}, by the values of the label column")
    y = target_values(table, target) if task == "regression" else class_values(table, target)
    return TrainingSet(feature_specs(table, names), matrix(table, names), y, weights, task)


def guessed_task(table: pa.Table, target: str) -> str:
    """What `auto` means for a label column: "classification" or "regression"."""
    kind = table.column(target).type
    if not is_numeric(kind) or pa.types.is_boolean(kind):
        return "classification"
    values = np.unique(numbers(table.column(target).drop_null()))
    return "classification" if len(values) <= AUTO_CLASSES and (values == np.floor(values)).all() else "regression"


def target_values(table: pa.Table, target: str) -> np.ndarray:
    """The numbers a regression learns, (rows,), float64. Raises InvalidInput unless all are finite numbers."""
    kind = table.column(target).type
    if not is_numeric(kind) or pa.types.is_boolean(kind):
        raise InvalidInput(
            f'label column "{target}" is {logical_type(kind)}; a regression learns numbers', column=target
        )
    values = matrix(table, [target], "label column")[:, 0]
    if len(values) and np.abs(values).max() > SQUARE_MAX:
        raise InvalidInput(f'label column "{target}" has values beyond ±{SQUARE_MAX:.2g}', column=target)
    return values


def class_values(table: pa.Table, target: str) -> np.ndarray:
    """The labels a classifier learns, (rows,). Raises InvalidInput for missing ones and for huge whole numbers."""
    values = labels(table, target)
    if values.dtype.kind in "if" and np.abs(values, dtype=np.float64).max() > LARGEST_EXACT:
        raise InvalidInput(
            f'label column "{target}" has numbers beyond ±2^53, which JSON does not carry exactly: not class labels',
            column=target,
        )
    if values.dtype.kind == "f" and (values != np.floor(values)).any():
        raise InvalidInput(
            f'label column "{target}" has numbers with a fraction: class labels are text, booleans or whole numbers. '
            "To predict the numbers themselves, train a regression (algo_local_model_linear, or task regression of "
            "algo_local_model_gbdt and algo_local_model_forest); to predict ranges of them, make a column of labels",
            column=target,
        )
    return values


def class_labels(ctx: Context, data: TrainingSet) -> tuple[list[Any], Any]:
    """The labels, ascending, and the positive one by pre_value (None: of two the greater, of more there is none).

    Raises InvalidInput unless there are 2 to 1,000 labels, two of them on rows that weigh something.
    """
    target, wanted = ctx.params["y_col"], ctx.params["pre_value"]
    classes = np.unique(data.y).tolist()
    if len(classes) < 2:
        raise InvalidInput(f'label column "{target}" has one value only; at least 2 are needed', column=target)
    if len(classes) > MAX_CLASSES:
        raise InvalidInput(
            f'label column "{target}" has {len(classes)} values: not a class label, which are {MAX_CLASSES} at most; '
            "numbers are predicted by a regression (algo_local_model_linear, or task regression of "
            "algo_local_model_gbdt and algo_local_model_forest)",
            column=target,
        )
    if data.weights is not None and len(np.unique(data.y[data.weights > 0])) < 2:
        raise InvalidInput(f'label column "{target}" has one value only on rows with a positive weight', column=target)
    if wanted is not None:
        return classes, match_label(classes, wanted, "pre_value", ctx)
    return classes, classes[1] if len(classes) == 2 else None


def require_split(data: TrainingSet, fraction: float, target: str, param: str) -> None:
    """Raises InvalidInput for rows that cannot be parted for early stopping: a share of each label is set aside.

    As scikit-learn does: without a row of every label on both sides it refuses, for good reason: a label that is not
    in the training part is never learnt, and one that is not in the other part does not count for when to stop.
    """
    rows = len(data.y)
    aside = math.ceil(fraction * rows)
    advice = f"; add rows, or leave out {param}: then all trees are trained, on all rows"
    if aside >= rows:
        raise InvalidInput(
            f"{param} sets {aside} of {rows} rows aside (validation_fraction {fraction}): none are left to train on"
            + advice
        )
    if data.task == "regression":
        return
    found, counts = np.unique(data.y, return_counts=True)
    if counts.min() < 2:
        alone = label_text(found.tolist()[int(np.argmin(counts))])
        raise InvalidInput(
            f'label "{alone}" of column "{target}" is on one row only, and {param} needs two of each: one to train on, '
            f"one to see when to stop{advice}",
            column=target,
        )
    if min(aside, rows - aside) < len(found):
        raise InvalidInput(
            f"{param} parts the {rows} rows into {rows - aside} and {aside} (validation_fraction {fraction}), and each "
            f'part needs a row of each of the {len(found)} labels of column "{target}"; '
            f"change validation_fraction, add rows, or leave out {param}",
            column=target,
        )


def class_task(classes: Sequence[Any]) -> str:
    """The `task` of a classifier's sidecar."""
    return "binary_classification" if len(classes) == 2 else "multiclass_classification"


def require_within(data: TrainingSet, limit: float, why: str) -> None:
    """Raises InvalidInput naming the first feature with a value beyond ±limit."""
    if not len(data.x):
        return
    too_great = np.maximum(data.x.max(axis=0), -data.x.min(axis=0)) > limit
    if too_great.any():
        name = data.names[int(np.argmax(too_great))]
        raise InvalidInput(f'feature "{name}" has values beyond ±{limit:.2g}, {why}', column=name)


def require_finite(coefficients: np.ndarray) -> None:
    """Raises InvalidInput for a linear model that came to nothing."""
    if not np.isfinite(coefficients).all():
        raise InvalidInput("the coefficients are not finite: the numbers are too large; standardise them first")


def require_float32(data: TrainingSet) -> None:
    """Raises InvalidInput for features that trees cannot take: they compare float32."""
    require_within(data, FLOAT32_MAX, "the range of float32 in trees")


def require_liblinear(data: TrainingSet) -> None:
    """Raises InvalidInput for features with which liblinear does not end."""
    require_within(data, LIBLINEAR_MAX, "with which solver liblinear does not end; standardise the features first")


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
    if weights.max() > WEIGHT_MAX:
        raise InvalidInput(f'weight column "{name}" has values beyond {WEIGHT_MAX:.2g}', column=name)
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


def label_weights(
    ctx: Context, data: TrainingSet, classes: Sequence[Any], *, balances_here: bool = False
) -> tuple[Any, np.ndarray | None]:
    """The arguments class_weight and sample_weight of a fit.

    Text labels that read as whole numbers ("10", "01") are looked for as numbers by scikit-learn (1.9), and so never
    found: their weights go to the rows. `balances_here`: balanced ones too, which forests look for in the same way.
    """
    given = class_weights(ctx, classes)
    if not any(isinstance(label, str) and _reads_as_whole(label) for label in classes):
        return given, data.weights
    if given == "balanced" and balances_here:
        found, counts = np.unique(data.y, return_counts=True)
        given = dict(zip(found.tolist(), len(data.y) / (len(found) * counts), strict=True))
    if not isinstance(given, dict):
        return given, data.weights
    of_rows = np.array([given.get(label, 1.0) for label in data.y], dtype=np.float64)
    return None, of_rows if data.weights is None else of_rows * data.weights


def _reads_as_whole(label: str) -> bool:
    try:
        int(label)
    except ValueError:
        return False
    return True


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
