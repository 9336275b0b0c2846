"""LogisticRegression for two classes.

Source: changelogs of scikit-learn 1.5 (multi_class deprecated), 1.8 (multi_class removed, penalty and n_jobs
deprecated in favour of l1_ratio and C) and runs on 1.2, 1.6 and 1.9.
"""

from __future__ import annotations

import math
from typing import Any

from .records import Mapping, Version


def map_logistic(params: dict[str, Any], version: Version) -> Mapping:
    """Arguments for LogisticRegression. `params` has the parameters of the manifest, defaults filled in."""
    mapping = Mapping(dict(params))
    kwargs = mapping.kwargs
    for name in ("class_weight", "penalty"):
        if kwargs[name] in ("None", "none"):
            mapping.rewrite(name, None, "text is no longer taken for null")
    _multi_class(mapping)
    mapping.drop("n_jobs", "has no effect for two classes; deprecated in scikit-learn 1.8", silent=(None, 1))
    mapping.drop("warm_start", "each run trains from the start", silent=(None, False))
    is_random = kwargs["solver"] in ("sag", "saga") or (kwargs["solver"] == "liblinear" and _is_random(kwargs))
    mapping.seed(matters=is_random)
    kwargs["verbose"] = int(kwargs["verbose"] or 0)
    if version >= (1, 8):
        _penalty_as_l1_ratio(mapping)
        return mapping
    if kwargs["penalty"] != "elasticnet":
        kwargs.pop("l1_ratio")
    if kwargs["penalty"] is None:
        mapping.drop("C", "has no effect without a penalty", silent=(1, 1.0))
    return mapping


def _is_random(kwargs: dict[str, Any]) -> bool:
    return bool(kwargs["dual"]) or kwargs["penalty"] == "l1"


def _multi_class(mapping: Mapping) -> None:
    """ovr and auto are what two classes do anyway.

    multinomial fitted one symmetric weight vector per class. With u = w1 - w0 = 2w its objective is that of the
    binary problem with another penalty: for mixing r, (1-r)/2·|w|² + r·|w|₁ summed over both vectors is
    (1-r)/4·|u|² + r·|u|₁, that is k·((1-r')/2·|u|² + r'·|u|₁) with k = (1+r)/2 and r' = r/k. So C becomes C/k.
    """
    kwargs = mapping.kwargs
    if kwargs["multi_class"] != "multinomial":
        mapping.drop("multi_class", "changes nothing for two classes; removed in scikit-learn 1.8")
        return
    ratio = {"l1": 1.0, "l2": 0.0, None: 0.0}.get(kwargs["penalty"], kwargs["l1_ratio"])
    mapping.drop("multi_class", "removed in scikit-learn 1.8; the equal binary problem is solved instead")
    scale = (1 + ratio) / 2
    if kwargs["penalty"] is None or scale == 1:
        return
    mapping.rewrite("C", kwargs["C"] / scale, "multinomial penalised one weight vector per class")
    if kwargs["penalty"] == "elasticnet" and ratio:
        mapping.rewrite("l1_ratio", ratio / scale, "multinomial penalised one weight vector per class")


def _penalty_as_l1_ratio(mapping: Mapping) -> None:
    kwargs = mapping.kwargs
    penalty, reason = kwargs["penalty"], "penalty is deprecated in scikit-learn 1.8 and gone in 1.10"
    if penalty == "elasticnet":
        mapping.drop("penalty", reason + "; l1_ratio says it")
        return
    kwargs.pop("l1_ratio")
    if penalty is None:
        mapping.rewrite("C", math.inf, "no penalty is written as C = infinity since scikit-learn 1.8")
        kwargs.pop("penalty")
        return
    mapping.rename("penalty", "l1_ratio", 1.0 if penalty == "l1" else 0.0, reason)
